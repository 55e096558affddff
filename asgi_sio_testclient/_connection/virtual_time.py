"""Virtual time: a test moves the clock, so that heartbeats and timeouts of minutes take
milliseconds.

`advance` moves the event loop's clock from timer to timer, and lets everything that a timer sets
off run before it goes on: so a server that pings every 25 s pings three times in 80 s, and a
timeout of 45 s after the second ping fires at its own moment. Between two calls of `advance` the
clock runs as usual, so every wait keeps its bound.

The server reads ``time.time()``, too, for one purpose: the time since its last ping. Instead of
changing that clock for the whole process, `advance` moves the server's record of the last ping into
the past. An app's own ``time.time()`` and ``datetime.now()`` are not touched: use time-machine or
freezegun as well if these matter.

looptime (0.9) was tried first. It does not hold here: its loop skips every wait by itself, so that
the test's own timeouts expire as soon as nothing else is to be done; it has no way to let 45 s pass
and stop there; it leaves ``time.time()`` alone, so that no ping ever times out; and as a pytest
plugin it changes the loops of all tests, also of those that never asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import AsyncIterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._exceptions import EventTimeout, UsageError

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.app import RunningApp

__all__ = ["advance", "is_travelling", "time_travel"]

__tracebackhide__ = True


@contextlib.asynccontextmanager
async def time_travel(running_app: RunningApp) -> AsyncIterator[None]:
    """Return a context manager within which `advance` works.

    Raises:
        UsageError: the event loop is not one of asyncio's own.
    """
    _require_running(running_app)
    clock = _clock_of(running_app.loop)
    clock.travellers += 1
    try:
        yield
    finally:
        clock.travellers -= 1


async def advance(running_app: RunningApp, seconds: float, limit: float) -> None:
    """Move the clock of the loop by `seconds`.

    Args:
        running_app: the app whose loop and servers are meant.
        seconds: 0 or more.
        limit: real seconds, for the whole call.

    Raises:
        TypeError: `seconds` is no number.
        ValueError: `seconds` is negative, or not finite.
        UsageError: outside of `time_travel`, or while another call is running.
        EventTimeout: the clock did not get there within `limit`.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"seconds is {seconds!r}; expected a number of seconds")
    if not 0 <= seconds < _NEVER:
        raise with_advice(
            ValueError(f"seconds is {seconds!r}; expected a finite number, 0 or more")
        )
    _require_running(running_app)
    clock = _CLOCKS.get(running_app.loop)
    if clock is None or not clock.travellers:
        raise UsageError("advance() works within `async with client.time_travel():`")
    if clock.moving:
        raise UsageError(
            "advance() is under way already: only one call at a time can move the clock"
        )
    clock.moving = True
    try:
        await clock.advance(running_app, seconds, limit)
    finally:
        clock.moving = False


def _require_running(running_app: RunningApp) -> None:
    if not running_app.running:
        raise UsageError("use it within `async with TestClient(app) as client:`")
    running_app.require_loop()


def is_travelling(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether a loop's time is virtual now."""
    clock = _CLOCKS.get(loop)
    return clock is not None and clock.travellers > 0


class _Clock:
    """The clock of one event loop, and how far it is ahead of the real one.

    The clock stays ahead after `time_travel`: if it went back, timers that were set meanwhile would
    be late.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        if not isinstance(loop, asyncio.BaseEventLoop):
            raise UsageError(
                f"the event loop is {loop!r}; time_travel() needs one of asyncio's own"
            )
        self.travellers = 0
        self.moving = False
        self._ahead = 0.0
        real_time = loop.time
        loop.time = lambda: real_time() + self._ahead  # type: ignore[method-assign]

    async def advance(self, running_app: RunningApp, seconds: float, limit: float) -> None:
        # Code that was begun before the call sets its timers before the clock moves.
        await _run_all(running_app.loop)
        move = _Move(running_app, seconds, limit)
        while running_app.loop.time() < move.target:
            await move.wait_for_the_outside()
            next_stop = min(_next_timer(running_app.loop), move.target)
            step = max(0.0, next_stop - running_app.loop.time())
            self._move(running_app, step)
            move.steps += 1
            move.skipped += step
            move.check()
            await _run_all(running_app.loop)

    def _move(self, running_app: RunningApp, step: float) -> None:
        self._ahead += step
        for other in running_app.services.apps:
            for instrumentation in other.instrumentations:
                instrumentation.sockets.pass_time(step)


_NEVER = float("inf")
_TURNS = 1000  # turns of the loop between two timers: more than any answer takes


class _Move:
    """One call of `advance`: its bound, and the work that has to end before the clock may move.

    Attributes:
        steps: how often the clock was moved.
        skipped: seconds by which the clock was moved, without the real time that passed meanwhile.
    """

    def __init__(self, running_app: RunningApp, seconds: float, limit: float) -> None:
        self.target = running_app.loop.time() + seconds
        self.steps = 0
        self.skipped = 0.0
        self._running_app = running_app
        self._seconds = seconds
        self._limit = limit
        self._until = perf_counter() + limit

    async def wait_for_the_outside(self) -> None:
        """Wait in real time for tasks that wait for a thread or a socket.

        Raises:
            EventTimeout: it did not end within the bound.
        """
        began = self._running_app.loop.time()
        while outside := self._running_app.awaited_outside():
            if perf_counter() > self._until:
                raise EventTimeout(
                    self._why_not_moved(outside[0]), timeout=self._limit, running=outside
                )
            await asyncio.sleep(_POLL)
            await _run_all(self._running_app.loop)
            # Meanwhile the clock has advanced in real time, which is not part of `seconds`.
            now = self._running_app.loop.time()
            self.target, began = self.target + now - began, now

    def _why_not_moved(self, outside: str) -> str:
        moved = f"has moved by {self._passed():.2f} s" if self.steps else "has not moved"
        return (
            f"in a thread or at a socket: {outside}; advance({self._seconds:g}) waited "
            f"{self._limit:g} s of real time for it, and the clock {moved}"
        )

    def _passed(self) -> float:
        return self._seconds - (self.target - self._running_app.loop.time())

    def check(self) -> None:
        """Check that `advance` has not taken longer than its bound.

        Raises:
            EventTimeout: the bound has passed.
        """
        if perf_counter() <= self._until:
            return
        passed = self._passed()
        progress = (
            f"advance({self._seconds:g}) came to {passed:.2f} s within {self._limit:g} real seconds"
        )
        if self.skipped < self.steps * _RESTLESS:
            raise EventTimeout(
                f"{progress}: something in the loop does not come to rest", timeout=self._limit
            )
        raise EventTimeout(
            f"{self.steps} timers took too long: {progress}; pass timeout= for more",
            timeout=self._limit,
        )


_POLL = 0.002  # real seconds
_RESTLESS = 0.001  # seconds; code that sets its next timer so soon is not at rest in between


async def _run_all(loop: Any) -> None:
    """Run all ready callbacks, until the app waits for timers, threads and sockets only."""
    await asyncio.sleep(0)
    turns = _TURNS
    while loop._ready and turns:
        turns -= 1
        await asyncio.sleep(0)


def _next_timer(loop: Any) -> float:
    timers = loop._scheduled
    return min((timer.when() for timer in timers if not timer.cancelled()), default=_NEVER)


_CLOCKS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clock] = weakref.WeakKeyDictionary()


def _clock_of(loop: asyncio.AbstractEventLoop) -> _Clock:
    clock = _CLOCKS.get(loop)
    if clock is None:
        clock = _CLOCKS[loop] = _Clock(loop)
    return clock
