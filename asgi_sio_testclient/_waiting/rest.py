"""Whether an app is at rest: nothing that its clients set off is at work.

A task, callback or call is at work while it runs, is ready to run, or waits for something at work,
for a call in an executor, or for a timer that is due within `grace`. What a task waits for is read
from its frames, once for each future that it waits for. If the frames do not show whether a client
caused a task, the task is waited for.

Loops of short sleeps ("tickers") may never end. A loop in a handler is waited for as long as its
source allows the loop to end. Every other ticker has to complete one round after all other work has
ended; several tickers complete as many rounds as there are tickers, since one ticker may pass work
to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._waiting.internal_codes import is_servers_task
from asgi_sio_testclient._waiting.origin import (
    INTERNAL,
    MIDDLEWARE,
    ORIGIN,
    SERVICE,
    is_from_client,
)
from asgi_sio_testclient._waiting.source_loops import Ending, ending_of, is_in_loop, leads_back
from asgi_sio_testclient._waiting.suspended import Frames, Suspension, WaitsFor
from asgi_sio_testclient._waiting.timers import DueTimer, is_bound_to
from asgi_sio_testclient._waiting.work import TrackedTask, Work, describe_call

__all__ = ["DEFAULT_GRACE", "NEVER", "RestCheck", "middleware_at_rest"]

__tracebackhide__ = True

DEFAULT_GRACE = 0.1  # seconds
NEVER = float("inf")
# The first time, a ticker that a handler began is waited for so many times `grace`.
_FOLLOWED = {Ending.ENDLESS: 1.0, Ending.MAY_END: 5.0, Ending.ENDS: NEVER}
_ROUNDS = 3  # the most rounds of a ticker that one check waits for
_TURNS_OF_THE_TEST = 200  # turns of the loop: the limit for tasks of the test that never rest
_UNREADABLE_TURNS = 10  # turns of a loop without a readable queue: more than an answer takes
_READY_CHECKS = 1000  # checks that find a callback ready each time, until it counts as a ticker
_TICKERS_READY_CHECKS = 50
_FIRST_POLL = 0.001  # seconds until the next check of work that does not notify; doubled each time
_LAST_POLL = 0.005


class _Followed:
    """A task or timer that may never end by itself, and since when it is waited for."""

    __slots__ = ("last", "since")

    def __init__(self, last: Any, since: float) -> None:
        self.last = last
        self.since = since


class RestCheck:
    """One wait for rest: call `check` until it finds the app at rest.

    Args:
        work: the tasks, calls and timers of the app in the loop.
        grace: seconds; a timer that is due later is no work.
        rounds: the rounds of each ticker that are waited for; 0 to ignore tickers.
        concerns: returns whether work of an origin counts; None if all work counts.

    Attributes:
        at_work: the tasks, calls and timers that the last check found at work.
    """

    def __init__(
        self,
        work: Work,
        grace: float,
        *,
        rounds: int = _ROUNDS,
        concerns: Callable[[Any], bool] | None = None,
    ) -> None:
        self.at_work: list[Any] = []
        self._work = work
        self._grace = grace
        self._rounds = rounds
        self._concerns = concerns
        self._followed: dict[Any, _Followed] = {}
        # By ticker: the timer that was pending when its round began; None after the round.
        self._round_timers: dict[Any, Any] = {}
        self._rounds_of: dict[Any, int] = {}
        self._passes = 1  # passes in which each ticker completes one round
        self._ended_last: list[Any] = []
        self._ticking: set[TrackedTask] = set()
        self._turns_of_the_test = _TURNS_OF_THE_TEST
        self._ready_checks: dict[Any, int] = {}
        self._seen_ready: set[Any] = set()  # in this check
        self._unreadable_turns = 0 if work.has_ready_queue else _UNREADABLE_TURNS
        self._poll = _FIRST_POLL

    def check(self, *, whole: bool = False) -> float | None:
        """Check once.

        Args:
            whole: whether to find all that is at work, for `describe`. If not, and if tickers are
                ignored, the check ends early: many apps that end at once in one loop would each
                check the tasks of all apps, in each turn.

        Returns:
            None if the app is at rest; else the seconds until the next check, 0 for the next turn
            of the loop.
        """
        work = self._work
        self._now = work.loop.time()
        self._limit = self._now + self._grace
        self._again_at = NEVER
        self._next_turn = self._tests_turn = self._any_failed = False
        self._seen_ready.clear()
        self._tickers: list[tuple[Any, Any, float]] = []
        self._resting: list[tuple[TrackedTask, Frames, Any]] = []
        self.at_work = []
        if work.executor_calls:
            self._check_executor_calls()
        brief = not (whole or self._rounds)
        if work.has_ready_queue:
            self._check_ready_queue(brief=brief)
        if brief and self._next_turn:
            return 0
        if work.tracked:
            self._check_tasks()
        for timer in work.timers.due(self._limit):
            self._check_timer(timer)
        return self._conclude()

    @property
    def kind(self) -> tuple[object, ...]:
        """A value that is equal for checks with the same result in one turn of the loop."""
        return self._grace, self._rounds, self._concerns

    @property
    def is_certain(self) -> bool:
        """Whether the last check found the app at rest without waiting, so that another check of
        the same kind would, too.
        """
        waited_for = self._followed or self._tickers or self._seen_ready or self._tests_turn
        return self._work.has_ready_queue and not waited_for

    def describe(self) -> list[str]:
        """Return a line for each task, call or timer that the last check found at work."""
        return [str(thing) for thing in self.at_work]

    def _counts(self, origin: Any) -> bool:
        return self._concerns is None or self._concerns(origin)

    def _busy(self, thing: Any, again_at: float) -> None:
        self.at_work.append(thing)
        self._again_at = min(self._again_at, again_at)

    # -- what does not call notify at its end, and what is ready

    def _check_executor_calls(self) -> None:
        calls = self._work.executor_calls
        for future, (called, origin) in list(calls.items()):
            if future.done():
                del calls[future]
            elif self._counts(origin):
                self._busy(describe_call(called, origin), self._now + self._poll)

    def _check_ready_queue(self, *, brief: bool) -> None:
        """Check the callbacks that are ready to run and are not of a tracked task: callbacks of the
        app, and the server's own tasks. With `brief`, end at the first callback that has to be
        waited for.
        """
        work: Any = self._work
        for handle in work.loop._ready:
            if handle._cancelled:
                continue
            if brief and self._next_turn:
                return
            origin = handle._context.get(ORIGIN)
            if origin is INTERNAL and handle._context.get(SERVICE):
                continue
            owner = getattr(handle._callback, "__self__", None)
            if isinstance(owner, asyncio.Task):
                # The worker of a fixture emits with the test as its origin.
                if work.record_of(owner) is None and (origin or is_servers_task(owner)):
                    self._ready(INTERNAL)
            elif origin is None or is_bound_to(handle._callback, work.owners):
                continue
            elif origin is INTERNAL:
                self._ready(INTERNAL)
            elif self._ready("a callback"):
                self.at_work.append("a callback")

    def _ready(self, thing: Any, most: int = _READY_CHECKS) -> bool:
        """Note that a callback is ready to run; return whether to wait for it: some callbacks are
        always ready.
        """
        checks = self._ready_checks.get(thing, 0)
        if thing not in self._seen_ready:
            # Counted once in each check: with many clients, a thousand callbacks may be ready in
            # one turn.
            self._seen_ready.add(thing)
            checks = self._ready_checks[thing] = checks + 1
        self._next_turn |= checks <= most
        return checks <= most

    # -- tasks

    def _check_tasks(self) -> None:
        """Check every tracked task, and remove the records of those that have ended."""
        work, current = self._work, asyncio.current_task(self._work.loop)
        over = []
        for reference, record in work.tracked.items():
            task: Any = reference()
            if task is None:
                over.append(reference)
                continue
            waiter = task._fut_waiter
            if waiter is not None and not waiter.done():
                # A task with the same waiter has not moved since the app was last at rest.
                if record.waiter() is not waiter and self._counts(record.origin):
                    self._check_suspended(record, task, waiter)
            elif task.done():
                if record.is_over:
                    over.append(reference)
                else:
                    self._any_failed = True
            elif task is not current and self._counts(record.origin):
                self._check_ready(record)
        work.drop(over)

    def _check_ready(self, record: TrackedTask) -> None:
        """Check a task that is ready to run."""
        if record.origin is None:
            self._tests_turn = True
        elif record.is_ticker or record in self._ticking:
            self._ready(record, _TICKERS_READY_CHECKS)
        elif self._ready(record):
            self.at_work.append(record)
        else:
            record.is_ticker = True

    def _check_suspended(self, record: TrackedTask, task: asyncio.Task[Any], waiter: Any) -> None:
        """Check a task that waits for a future."""
        at = record.suspension(task, waiter, self._work.in_executor)
        if at.timer is not None:
            if at.timer.when() <= self._limit:
                self._check_sleeper(record, at, at.timer)
        elif self._is_at_work(record, at, waiter):
            self._busy(record, self._now + self._poll)
        else:
            self._resting.append((record, at.frames, waiter))

    def _check_sleeper(
        self, record: TrackedTask, at: Suspension, timer: asyncio.TimerHandle
    ) -> None:
        """Check a task that sleeps for no longer than `grace`."""
        key = record, at.frames
        moved = _is_elsewhere(record, at.frames)
        if record.is_ticker or not (moved or is_from_client(record.origin)):
            self._tickers.append((key, timer, timer.when()))
            self._ticking.add(record)
            return
        if moved:
            bound = NEVER if _comes_back(record, at.frames) else self._grace
        else:
            bound = self._grace * _FOLLOWED[ending_of(at.frames)]
        if self._has_repeated_for(bound, key, timer):
            record.is_ticker = True
        else:
            self._busy(record, timer.when())

    def _has_repeated_for(self, bound: float, key: Any, timer: Any) -> bool:
        """Return whether a place was found with other timers for longer than `bound` seconds."""
        followed = self._followed.get(key)
        if followed is None:
            self._followed[key] = _Followed(timer, self._now)
            return False
        if followed.last is not timer and self._now - followed.since >= bound:
            return True
        followed.last = timer
        return False

    def _is_at_work(self, record: TrackedTask, at: Suspension, waiter: Any) -> bool:
        """Return whether a task that waits for no timer may be at work."""
        if at.waits_for is WaitsFor.APP:
            return False
        places = record.resting_places
        if places is None:
            if not is_from_client(record.origin):
                return False
        elif at.frames in places:
            return False
        if at.waits_for is WaitsFor.THREAD:
            return True
        return not self._waits_long_outside(record, at, waiter)

    def _waits_long_outside(self, record: TrackedTask, at: Suspension, waiter: Any) -> bool:
        """Return whether a task has waited for a socket, thread or subprocess for `grace` seconds
        without progress. A task that will return to its resting place is waited for without a
        limit.
        """
        if _comes_back(record, at.frames):
            return False
        followed = self._followed.setdefault((record, at.frames), _Followed(waiter, self._now))
        if followed.last is not waiter and not is_in_loop(at.frames):
            followed.last, followed.since = waiter, self._now
        return self._now - followed.since >= self._grace

    # -- timers other than those of sleeps

    def _check_timer(self, timer: DueTimer) -> None:
        """Check a timer that is due within `grace`, and is not that of a sleep."""
        if timer.origin is None or timer.origin is INTERNAL or not self._counts(timer.origin):
            return
        record = self._work.record_of(timer.task)
        if timer.sleeps:
            if timer.task is not None and record is None and is_from_client(timer.origin):
                # Created as asyncio.Task(...), which no hook notices.
                self._work.adopt(timer.task, timer.origin)
                self._next_turn = True
            return
        key = f"a timer that calls {timer.name}", timer.task and id(timer.task)
        origins = timer.origin, None if record is None else record.origin
        caused = any(map(is_from_client, origins))
        if caused and not self._is_ticking(timer, record):
            if not self._has_repeated_for(
                self._grace * _FOLLOWED[Ending.MAY_END], key, timer.handle
            ):
                self._busy(key[0], timer.when)
                return
            self._set_ticking(timer, record)
        self._tickers.append((key, timer.handle, timer.when))
        if record is not None:
            self._ticking.add(record)

    def _is_ticking(self, timer: DueTimer, record: TrackedTask | None) -> bool:
        return timer.name in self._work.ticking_timers if record is None else record.is_ticker

    def _set_ticking(self, timer: DueTimer, record: TrackedTask | None) -> None:
        if record is None:
            self._work.ticking_timers.add(timer.name)
        else:
            record.is_ticker = True

    # -- the answer

    def _conclude(self) -> float | None:
        """Return the answer of `check` from what was found."""
        if self._tests_turn and self._turns_of_the_test:
            self._turns_of_the_test -= 1
            self._next_turn = True
        if self.at_work:
            self._start_rounds_again()
        elif self._tickers and not self._next_turn and self._rounds:
            self._check_tickers()
        if self._next_turn:
            return 0
        if self._again_at < NEVER:
            self._poll = min(_LAST_POLL, self._poll * 2)
            return max(self._again_at - self._now, _FIRST_POLL / 2)
        if self._unreadable_turns:
            self._unreadable_turns -= 1
            return 0
        self._note_rest()
        return None

    def _start_rounds_again(self) -> None:
        """Wait for another round of each ticker, since something is at work."""
        self._turns_of_the_test = _TURNS_OF_THE_TEST
        self._unreadable_turns = 0 if self._work.has_ready_queue else _UNREADABLE_TURNS
        self._passes = 1
        for key in list(self._round_timers):
            if self._rounds_of[key] < self._rounds:
                del self._round_timers[key]

    def _check_tickers(self) -> None:
        """Count tickers as work until each has completed its rounds."""
        waited = self._pending_tickers()
        # One ticker may pass work to another, which runs it in its next round: as many passes as
        # kinds of tickers.
        if not waited and self._passes < self._rounds:
            kinds = {_kind_of(key) for key, _, _ in self._tickers}
            if self._passes < len(kinds):
                self._passes += 1
                self._begin_pass()
                waited = self._pending_tickers()
        for key, when in waited:
            self._busy(key[0], when)

    def _pending_tickers(self) -> list[tuple[Any, float]]:
        """Return the tickers that have not completed their round in this pass, and when each is
        due.
        """
        waited, ended = [], []
        for key, timer, when in self._tickers:
            if key not in self._round_timers:
                self._round_timers[key] = timer
                self._rounds_of[key] = self._rounds_of.get(key, 0) + 1
            elif self._round_timers[key] is not timer:
                if self._round_timers[key] is not None:
                    self._round_timers[key] = None
                    ended.append(key)
                continue
            waited.append((key, when))
        self._ended_last = ended or self._ended_last
        return waited

    def _begin_pass(self) -> None:
        """Begin a pass: each ticker has to complete a round, except the one that completed its
        round last.
        """
        last = self._ended_last[0] if len(self._ended_last) == 1 else None
        for key in list(self._round_timers):
            if key != last and self._rounds_of[key] < self._rounds:
                del self._round_timers[key]

    def _note_rest(self) -> None:
        for record, frames, waiter in self._resting:
            record.rests_at(frames, waiter)
        if self._concerns is not None:
            return  # other work of the app may go on
        self._work.fresh.clear()
        self._work.unnoted = False
        if self._any_failed:
            self._work.report_failures()


def middleware_at_rest(work: Work) -> RestCheck | None:
    """Return a check of the tasks of middlewares, which may still forward packets; None without
    such tasks.
    """
    if not work.has_middleware:
        return None
    return RestCheck(work, DEFAULT_GRACE, rounds=1, concerns=lambda origin: origin is MIDDLEWARE)


def _is_elsewhere(record: TrackedTask, frames: Frames) -> bool:
    """Return whether a task that was found at rest before is at another place now."""
    return record.resting_places is not None and frames not in record.resting_places


def _kind_of(key: Any) -> Any:
    """Return a value that is equal for tickers that run the same code: their frames, or the
    callback's name.
    """
    thing, place = key
    return place if isinstance(thing, TrackedTask) else thing


def _comes_back(record: TrackedTask, frames: Frames) -> bool:
    """Return whether a task will come again to a place at which it was found at rest."""
    return any(leads_back(frames, place) for place in record.resting_places or ())
