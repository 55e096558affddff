"""Runs a scenario once under one schedule, in a new event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import inspect
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules._frames import Frames
from asgi_sio_testclient.schedules._io import Outside
from asgi_sio_testclient.schedules._loop import ScheduleLoop
from asgi_sio_testclient.schedules._packets import Network
from asgi_sio_testclient.schedules._points import Recorder
from asgi_sio_testclient.schedules._schedule import START, Key, Point, Schedule

__all__ = ["Outcome", "Scenario", "run"]

__tracebackhide__ = True

Scenario = Callable[[], Awaitable[Any]]

_WIND_UP = 1.0  # seconds of the loop's clock in which cancelled tasks may end


@dataclass
class Outcome:
    """The outcome of a run.

    Attributes:
        error: the exception that the scenario raised; None if the scenario passed.
        points: the points in the order in which they were reached; only with `records`.
        moments: times at which something happened, in seconds since the start of the run.
        trace: the events of the run, for a comparison.
        missing: the keys of holds whose points were never reached.
        threads: names of threads that called back into the loop without a call in an executor.
        codes: the code objects of all frames at points.
    """

    error: BaseException | None
    points: list[Point] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    trace: list[tuple[Any, ...]] = field(default_factory=list)
    missing: list[Key] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)
    codes: set[CodeType] = field(default_factory=set)


def run(
    scenario: Scenario,
    schedule: Schedule,
    *,
    frames: Frames,
    records: bool = False,
    listen: Callable[[ScheduleLoop, Network, asyncio.Task[Any]], Any] | None = None,
) -> Outcome:
    """Run `scenario` once, and return the outcome.

    Args:
        scenario: the async function.
        schedule: the holds.
        frames: distinguishes the app's code from libraries.
        records: whether to record points, moments and the trace.
        listen: called with the loop, the network and the test's task; returns the `Listener` for
            the events of the run.

    Raises:
        UsageError: the scenario can't be explored: it opens a real socket.
        KeyboardInterrupt, SystemExit: raised by the scenario.
    """
    recorder = Recorder(schedule.holds, Outside(schedule.io), frames, records=records)
    loop = ScheduleLoop(recorder)
    network = Network(loop)
    with _same_surroundings():
        try:
            error = _run_main(loop, scenario, network, listen)
        finally:
            recorder.active = False
            recorder.listener = None
            _wind_up(loop)
            network.close()
    return Outcome(
        error,
        recorder.points,
        sorted(round(moment - START, 9) for moment in recorder.moments),
        recorder.trace,
        [key for key in schedule.holds if key not in recorder.reached],
        sorted(loop.threads.foreign),
        recorder.codes,
    )


def _run_main(
    loop: ScheduleLoop, scenario: Scenario, network: Network, listen: Any
) -> BaseException | None:
    """Run the scenario in the loop, and return its exception, or None."""
    loop.set_exception_handler(_ignore)
    context = contextvars.copy_context()
    main = loop.create_task(_call(scenario), context=context)
    if listen is not None:
        loop.recorder.listener = listen(loop, network, main)
    error: BaseException | None = None
    try:
        loop.run_until_complete(main)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as exc:  # noqa: BLE001 (pytest's outcomes are none of Exception)
        error = exc
    if loop.fatal is not None:
        raise loop.fatal
    if loop.recorder.listener is not None:
        loop.recorder.listener.end(error)
    return error


async def _call(scenario: Scenario) -> None:
    result = scenario()
    if not inspect.isawaitable(result):
        raise UsageError(f"not an async function: {scenario!r}; explore() runs a coroutine")
    await result


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ignore the errors that asyncio would log: they are not raised by the scenario."""


@contextlib.contextmanager
def _same_surroundings() -> Iterator[None]:
    """Give each run the same state of the module `random`, and collect no garbage within the block:
    a finalizer of an earlier run's objects may schedule a callback in the loop.
    """
    state = random.getstate()
    collects = gc.isenabled()
    gc.disable()
    random.seed(0)
    try:
        yield
    finally:
        random.setstate(state)
        if collects:
            gc.enable()


def _wind_up(loop: ScheduleLoop) -> None:
    """Cancel the remaining tasks, and close the loop."""
    loop.fatal = None
    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            with contextlib.suppress(Exception):
                loop.run_until_complete(asyncio.wait(tasks, timeout=_WIND_UP))
        with contextlib.suppress(Exception):
            loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.threads.close()
        loop.close()
