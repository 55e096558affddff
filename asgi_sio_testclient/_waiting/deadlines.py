"""Waits with a bound: `Deadlines` of one event loop.

A timer for each wait would cost more than most waits. So each wait adds a deadline, and one timer
is set to the earliest deadline. The deadline of a wait that has ended is removed then, or a little
later; a timer that fires too early is set again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sized
from typing import Any

__all__ = ["EXPIRED", "Deadlines", "fail", "finish"]

__tracebackhide__ = True

EXPIRED: Any = object()  # the result of a wait whose deadline came first

_NEVER = float("inf")
_SWEEP = 64  # deadlines of ended waits that are kept, beside twice the number of pending waits


def finish(future: asyncio.Future[Any], result: Any = None) -> bool:
    """Set the result of a future, unless it is done; return whether it was set."""
    if future.done():
        return False
    future.set_result(result)
    return True


def fail(future: asyncio.Future[Any] | None, exc: BaseException) -> bool:
    """Set the exception of a future, unless there is none or it is done; return whether it was
    set.
    """
    if future is None or future.done():
        return False
    if isinstance(exc, StopIteration):
        # Futures refuse StopIteration; PEP 479 converts it to RuntimeError in a coroutine, too.
        replacement = RuntimeError("raised StopIteration")
        replacement.__cause__ = exc
        exc = replacement
    future.set_exception(exc)
    return True


class Deadlines:
    """The deadlines of one event loop.

    Args:
        loop: the event loop.
        apps: the apps that run in it.
        release: called after a `wait` if no app runs.

    Attributes:
        late_by: seconds by which the loop was late for the last deadline that passed, because it
            was blocked.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, apps: Sized, release: Callable[[], None]
    ) -> None:
        self.loop = loop
        self.late_by = 0.0
        self._apps = apps
        self._release = release
        self._deadlines: dict[asyncio.Future[Any], float] = {}
        self._sweep_at = _SWEEP
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = _NEVER

    def wait(self, future: asyncio.Future[Any], timeout: float) -> Coroutine[Any, Any, Any]:
        """Return the future's result, or `EXPIRED` after `timeout` seconds. A future that
        expires is done, with that as its result.
        """
        return self.wait_until(future, self.loop.time() + timeout)

    async def wait_until(self, future: asyncio.Future[Any], when: float) -> Any:
        """Do the same as `wait`, until a time of the loop's clock."""
        self._deadlines[future] = when
        if when < self._armed_for:
            self._arm(when)
        try:
            return await future
        finally:
            self._deadlines.pop(future, None)
            if not self._apps:
                self._release()

    def bound(self, future: asyncio.Future[Any], timeout: float) -> asyncio.Future[Any]:
        """Add a deadline and return the future itself, to be awaited: `wait` for the hot path.

        The deadline is removed some time after the future is done, which takes less time than an
        immediate removal.
        """
        deadlines = self._deadlines
        deadlines[future] = when = self.loop.time() + timeout
        if when < self._armed_for:
            self._arm(when)
        if len(deadlines) > self._sweep_at:
            self._sweep()
        return future

    def _sweep(self) -> None:
        deadlines = self._deadlines
        pending = itertools.filterfalse(asyncio.Future.done, deadlines)
        self._deadlines = {future: deadlines[future] for future in pending}
        self._sweep_at = 2 * len(self._deadlines) + _SWEEP

    def disarm(self) -> bool:
        """Cancel the timer if no wait goes on; return whether none does."""
        self._sweep()
        if self._deadlines:
            return False
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._armed_for = None, _NEVER
        return True

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = when
        self._timer = self.loop.call_at(when, self._expire)

    def _expire(self) -> None:
        """The timer's callback: end the waits whose deadline has passed."""
        self._timer = None
        now = self.loop.time()
        self.late_by = max(0.0, now - self._armed_for)
        for future, when in self._deadlines.items():
            # The loop calls a timer up to its clock's resolution early.
            if (when <= now or when <= self._armed_for) and not future.done():
                future.set_result(EXPIRED)
        left = [when for future, when in self._deadlines.items() if not future.done()]
        self._armed_for = _NEVER
        if left:
            self._arm(min(left))
