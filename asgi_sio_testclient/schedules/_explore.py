"""`explore` and `replay`: the plain runs, the search for a failing schedule, and its report."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
import os
import shlex
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient import UsageError
from asgi_sio_testclient._connection import transcript
from asgi_sio_testclient.schedules._frames import Frames
from asgi_sio_testclient.schedules._io import Outside
from asgi_sio_testclient.schedules._remarks import remarks_on
from asgi_sio_testclient.schedules._run import Outcome, Scenario, run
from asgi_sio_testclient.schedules._schedule import Schedule, decode, encode
from asgi_sio_testclient.schedules._search import plans
from asgi_sio_testclient.schedules._settings import Settings, current
from asgi_sio_testclient.schedules._shrink import Extent, Plan, extent, shrink
from asgi_sio_testclient.schedules._story import Hold, Story, last_line
from asgi_sio_testclient.schedules._trace import ClockReads, NotRepeatable, compare

__all__ = ["Exploration", "ScheduleFailure", "explore", "replay"]

__tracebackhide__ = True

RUNS = 200
_BUILD_IN_THE_TEST = "Some state outlives a run: build the app, and its state, within the scenario"


@dataclass(frozen=True)
class ScheduleFailure:
    """A schedule under which the scenario fails.

    Attributes:
        error: the exception that the scenario raised.
        code: the code of the schedule, for `replay`; has `io` in it.
        run: the number of the run that failed first, from 1; 0 for the schedule of an earlier
            failure, which the pytest plugin has stored.
        holds: the holds of the schedule, as few as possible.
        story: the events of the failing run, a line each, with places as FILE:LINE.
        found: how many holds the schedule had before it was shrunk.
        extent: the lengths of the hold that fail, in words; "" for several holds, and for a hold
            that is counted in turns of the event loop.
        hint: a likely mistake in the test itself; "" for none.
        mermaid: the packets of the failing run, as a mermaid sequence diagram.
    """

    error: BaseException
    code: str
    run: int
    holds: list[Hold]
    story: str
    found: int = 1
    extent: str = ""
    hint: str = ""
    mermaid: str = field(default="", repr=False)


@dataclass(frozen=True)
class Exploration:
    """The result of an exploration.

    Attributes:
        runs: how many schedules were run, without the plain runs and the runs that shrink a
            schedule.
        points: how many points of the plain run can be held.
        failure: the schedule that failed; None if every run passed.
        remarks: what the exploration did not cover, a line each.
    """

    runs: int
    points: int
    failure: ScheduleFailure | None = None
    remarks: list[str] = field(default_factory=list)


def explore(
    scenario: Scenario, *, runs: int = RUNS, seed: int = 0, io: Any = (), raises: bool = True
) -> Exploration:
    """Run a scenario under many schedules, each in a new event loop in virtual time.

    First the scenario runs twice without a schedule, then under at most `runs` schedules. A
    schedule that fails is reduced to as few holds as possible. The exception gets a note with the
    events of the failing run, and with a code for `replay`.

    Args:
        scenario: an async function without arguments, which builds its app; or an `explored` test.
        runs: the most schedules to run.
        seed: another seed gives another order of schedules.
        io: the files and modules whose sleeps stand for I/O, such as ``("fakes.py",)``: then only
            these sleeps are held, and the other timers of the app keep their order.
        raises: whether to raise the exception of a failing schedule; else the exception is in the
            result.

    Returns:
        The number of runs and points, and the failure, if there is one.

    Raises:
        UsageError: `explore` is called within a running event loop; `scenario` is no async
            function, or has arguments, or opens a socket.
        ValueError: `runs` is below 0.
        NotRepeatable: the two runs without a schedule differ.
        Exception: the exception of the scenario: of a run without a schedule as raised, of a run
            under a schedule with a note.
    """
    return Explorer(_scenario_of(scenario), seed=seed, io=io).explore(
        runs, current() if raises else Settings(), raises=raises
    )


def replay(scenario: Scenario, code: str) -> None:
    """Run a scenario under the schedule of a code.

    Args:
        scenario: an async function without arguments; or an `explored` test.
        code: the code of a `ScheduleFailure`, which the note of a failure shows.

    Raises:
        UsageError: `code` is no code of a schedule; or one of the reasons of `explore`.
        NotRepeatable: the scenario passed, and did not reach a point that the schedule holds.
        Exception: the exception that the scenario raises.
    """
    function, schedule = _scenario_of(scenario), decode(code)
    Explorer(function, io=schedule.io).replay(schedule)


def _scenario_of(scenario: Any) -> Scenario:
    """Return the async function that runs a scenario, from a function, a method or a test.

    Raises:
        UsageError: an event loop is running; `scenario` is not callable, or has arguments.
    """
    function = getattr(scenario, "sio_scenario", scenario)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise UsageError(
            "an event loop is running: explore() runs the scenario in new event loops; call "
            "explore() from a plain function"
        )
    if not callable(function):
        raise UsageError(f"not an async function: {scenario!r}; explore() runs a coroutine")
    if function is not scenario and inspect.ismethod(scenario):
        function = types.MethodType(function, scenario.__self__)
    _check_arguments(function, scenario)
    return function  # type: ignore[no-any-return]


def _check_arguments(function: Any, scenario: Any) -> None:
    try:
        inspect.signature(function).bind()
    except TypeError as exc:
        raise UsageError(
            f"arguments are missing ({exc}): {scenario!r} is called without any; a test with "
            "fixtures is replayed by `pytest NODEID --sio-schedule=CODE`"
        ) from None
    except ValueError:
        return  # a callable without a signature


class Explorer:
    """Explores the schedules of one scenario.

    Args:
        scenario: the async function.
        seed: the seed of the order of schedules.
        io: see `explore`.
        name: the name of the scenario in the line for a replay; by default the function's name.
        arguments: whether the test has fixtures, so that only pytest can call the test.
    """

    def __init__(
        self, scenario: Scenario, *, seed: int = 0, io: Any = (), name: str = "",
        arguments: bool = False,
    ) -> None:  # fmt: skip
        self._scenario = scenario
        self._seed = seed
        self._io = Outside(io).names
        self._name = name or getattr(scenario, "__name__", "scenario")
        self._arguments = arguments
        self._frames = Frames()

    def _run(self, plan: Plan, **options: Any) -> Outcome:
        return run(self._scenario, Schedule(plan, self._io), frames=self._frames, **options)

    def replay(self, schedule: Schedule) -> None:
        """See `replay`."""
        self._io = schedule.io
        outcome = self._run(dict(schedule.holds))
        if outcome.error is not None:
            raise outcome.error
        if outcome.missing:
            raise NotRepeatable(
                None,
                f"{len(outcome.missing)} of {len(schedule.holds)} holds had no point in this run",
                "the scenario passed",
                "A code belongs to one version of the test and the app; with another version of "
                "Python, or another PYTHONHASHSEED, a run may differ, too. Explore again",
            )

    def explore(self, runs: int, settings: Settings, *, raises: bool) -> Exploration:
        """See `explore`."""
        if settings.code:
            self.replay(decode(settings.code))
            return Exploration(1, 0)
        limit = runs if settings.runs is None else settings.runs
        if limit < 0:
            raise ValueError(f"runs is {limit!r}; expected 0 or more")
        plain, remarks = self._plain_runs()
        schedules = itertools.islice(plans(plain.points, plain.moments, self._seed), limit)
        number, failure = 0, self._known(settings.known) if limit else None
        while failure is None and (plan := next(schedules, None)) is not None:
            number += 1
            error = self._run(plan).error
            if error is not None:
                failure = self._failure(plan, number, error)
        if limit:
            settings.keep("" if failure is None else failure.code)
        settings.remarks += remarks
        found = Exploration(number, len(plain.points), failure, remarks)
        if failure is not None:
            failure.error.add_note(self._note(failure, limit))
            if raises:
                raise failure.error
        return found

    def _plain_runs(self) -> tuple[Outcome, list[str]]:
        """Run the scenario twice without a schedule; return the first outcome and the remarks.

        Raises:
            NotRepeatable: the runs differ.
            Exception: the exception of the first run.
        """
        stories: list[Story] = []
        first = self._run({}, records=True)
        if first.error is not None:
            raise first.error
        second = self._run({}, records=True, listen=self._listener(stories))
        difference = compare(first.trace, second.trace, second.error)
        if difference is not None:
            raise NotRepeatable(*difference, self._hint(first, second)) from second.error
        return first, remarks_on(first, stories[0].handlers, self._frames, lambda: self._run({}))

    def _hint(self, first: Outcome, second: Outcome) -> str:
        """Return a likely reason why two runs without a schedule differ."""
        reads = ClockReads(self._frames)
        with reads.noted():
            self._run({})
        threads = sorted({*first.threads, *second.threads})
        if threads:
            return (
                f"A thread calls back into the loop by itself ({', '.join(threads)}): that order "
                "is not explored; replace the thread with a stand-in"
            )
        if str(reads):
            return (
                f"{reads.kind} may be why: {reads}; let the test supply that value. Else "
                f"{_BUILD_IN_THE_TEST[0].lower()}{_BUILD_IN_THE_TEST[1:]}"
            )
        return _BUILD_IN_THE_TEST

    def _listener(self, stories: list[Story]) -> Any:
        def listen(*run: Any) -> Story:
            stories.append(Story(self._frames, *run))
            return stories[-1]

        return listen

    def _known(self, code: str) -> ScheduleFailure | None:
        """Return the failure of an earlier session if the scenario still fails; else None."""
        if not code:
            return None
        with contextlib.suppress(UsageError):
            schedule = decode(code)
            plan = dict(schedule.holds)
            error = self._run(plan).error if schedule.io == self._io else None
            if error is not None:
                return self._failure(plan, 0, error)
        return None

    def _failure(self, plan: Plan, number: int, error: BaseException) -> ScheduleFailure:
        """Shrink a failing schedule, run it once more for its text, and return the failure."""
        kind = self._kind(error)

        def fails(shorter: Plan) -> bool:
            return self._kind(self._run(shorter).error) == kind

        small = shrink(fails, plan)
        how_long: Extent | None = extent(fails, small)
        stories: list[Story] = []
        with _transcripts() as seen:
            outcome = self._run(small, listen=self._listener(stories))
            mermaid = _mermaid(seen)
        if outcome.error is None:
            if not isinstance(error, Exception):
                raise error  # raised from outside of the scenario, such as by pytest-timeout
            raise NotRepeatable(
                None, "a schedule failed", "and passed when it was run again", _BUILD_IN_THE_TEST
            ) from error
        story = stories[0]
        return ScheduleFailure(
            outcome.error, encode(Schedule(small, self._io)), number, story.holds, story.text,
            len(plan), "" if how_long is None else str(how_long), story.hint(), mermaid,
        )  # fmt: skip

    def _kind(self, error: BaseException | None) -> tuple[type[BaseException], str] | None:
        """Return what two equal failures have in common: the type of the exception, and the line
        that raised it. None without an exception.
        """
        return None if error is None else (type(error), last_line(error, self._frames)[0])

    def _note(self, failure: ScheduleFailure, limit: int) -> str:
        """Return the note of a failing schedule's exception."""
        found = (
            f"found in run {failure.run} of {limit}"
            if failure.run
            else "found by the schedule of the last failure"
        )
        count = len(failure.holds)
        shrunk = (
            f"{failure.found} holds, shrunk to {count}"
            if failure.found > count
            else (f"{count} hold{'' if count == 1 else 's'}")
        )
        parts = [f"{found}: {shrunk}", failure.story, failure.extent, failure.hint]
        parts += [f"replay: {self._replay_line(failure.code)}", failure.mermaid]
        return "\n".join(part for part in parts if part)

    def _replay_line(self, code: str) -> str:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        if self._arguments and test:
            return f"pytest {shlex.quote(test)} --sio-schedule={code}"
        return f'replay({self._name}, "{code}")'


def _mermaid(seen: list[transcript.Transcript]) -> str:
    """Return a diagram of all clients of a run; of several clients with one name, the first."""
    if not seen:
        return ""
    named = {one.name: one for one in reversed(seen)}
    seen[0]._others = lambda: list(named.values())[::-1]
    return seen[0].to_mermaid()


@contextlib.contextmanager
def _transcripts() -> Iterator[list[transcript.Transcript]]:
    """Collect the transcripts of the clients that are created within the block."""
    seen: list[transcript.Transcript] = []
    transcript.observers.append(seen.append)
    try:
        yield seen
    finally:
        transcript.observers.remove(seen.append)
