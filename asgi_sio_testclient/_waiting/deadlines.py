"""Waits with a bound, and the question whether everything is quiet: one `Hub` for each event loop.

A timer for each wait would cost more than what is waited for. So every wait notes its deadline, and
one timer stands at the earliest. The note of a wait that is over goes then, or a little later; a
timer that fires too early only sets itself anew.
"""

from __future__ import annotations

import asyncio
import itertools
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from asgi_sio_testclient._waiting.idle import _TURNS, IdleState, SupportsIdle, _Watcher
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE, RestCheck
from asgi_sio_testclient._waiting.work import Work

__all__ = ["EXPIRED", "Hub", "fail", "finish", "hub_of"]

__tracebackhide__ = True

EXPIRED: Any = object()  # the result of a wait whose deadline came first

_NEVER = float("inf")
_SLOW_LOOK = 0.01  # seconds until the next look at what takes longer than it should
_SWEEP = 64  # notes of waits, beside twice those that are still on, that may be over


def finish(future: asyncio.Future[Any], result: Any = None) -> bool:
    """Give a future its result, unless it is done; whether that was so."""
    if future.done():
        return False
    future.set_result(result)
    return True


def fail(future: asyncio.Future[Any] | None, exc: BaseException) -> bool:
    """Let a future raise, unless there is none or it is done; whether that was so."""
    if future is None or future.done():
        return False
    if isinstance(exc, StopIteration):
        # Futures refuse it; PEP 479 makes the same of it where a coroutine raises it.
        replacement = RuntimeError("raised StopIteration")
        replacement.__cause__ = exc
        exc = replacement
    future.set_exception(exc)
    return True


class Hub:
    """The deadlines and the watchers of one event loop.

    Attributes:
        runtimes: the running apps.
        watchers: who waits for quiet.
        work: what the running apps run in the loop.
        late_by: seconds by which the loop was late for the last deadline that passed: so long it
            was blocked.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.runtimes: list[Any] = []
        self.watchers: list[_Watcher] = []
        self.bound_notify = self.notify  # one object for all connections that call it
        self.work = Work(loop, self, self._task_failed)
        self._looking = False
        self._reports = False
        self._next_look: asyncio.TimerHandle | None = None
        self._previous: Any = None
        self._deadlines: dict[asyncio.Future[Any], float] = {}
        self._sweep_at = _SWEEP
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = _NEVER
        self.late_by = 0.0

    async def wait(self, future: asyncio.Future[Any], timeout: float) -> Any:
        """The future's result, or `EXPIRED` after `timeout` seconds. A future that expires is done,
        with that as its result.
        """
        try:
            return await self.bound(future, timeout)
        finally:
            self._deadlines.pop(future, None)
            if not self.runtimes:
                self._retire()

    def bound(self, future: asyncio.Future[Any], timeout: float) -> asyncio.Future[Any]:
        """`wait` for the hot path, while an app runs: the future itself, to be awaited.

        Its note stays for a while after it is done, which costs less than to take it back.
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

    def enter(self, runtime: Any) -> None:
        """An app runs in this loop from now on."""
        if not self.runtimes:
            self._previous = self.loop.get_exception_handler()
            self.loop.set_exception_handler(self._lost)
            self.work.hook()
        self.runtimes.append(runtime)

    def leave(self, runtime: Any) -> None:
        """It does no more. Leave the loop as it was found, unless others go on."""
        if runtime in self.runtimes:
            self.runtimes.remove(runtime)
        if self.runtimes:
            return
        self.work.unhook()
        self.watchers.clear()
        self._reports = False
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        if self.loop.get_exception_handler() == self._lost:
            self.loop.set_exception_handler(self._previous)
        self._previous = None
        self._retire()

    def _retire(self) -> None:
        """Hold neither timer nor loop, where nobody waits and no app runs."""
        self._sweep()
        if self._deadlines:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._armed_for = None, _NEVER
        _HUBS.pop(self.loop, None)

    def _lost(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What the loop would log: an exception of a task that nobody waits for."""
        exc = context.get("exception")
        if exc is not None and any(runtime.handle_failure(exc) for runtime in self.runtimes):
            return
        if exc is not None and self.work.collected(context.get("future"), exc):
            return
        if self._previous is not None:
            self._previous(loop, context)
        else:
            loop.default_exception_handler(context)

    def _task_failed(self, origin: Any, exc: BaseException, task: str) -> None:
        """A task raised that a client set off, and nobody retrieved it."""
        self.runtimes[-1].task_failed(origin, exc, task)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = when
        self._timer = self.loop.call_at(when, self._expire)

    def _expire(self) -> None:
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

    def when_idle(
        self,
        sources: Callable[[], Iterable[SupportsIdle]],
        then: Callable[[], object],
        rest: RestCheck | None = None,
    ) -> Callable[[], None]:
        """Call `then` once, as soon as all `sources` are quiet, and the app at rest where `rest` is
        given; returns what takes that back.
        """
        watcher = _Watcher(sources, then, rest)
        self.watchers.append(watcher)
        self._look()

        def forget() -> None:
            if watcher in self.watchers:
                self.watchers.remove(watcher)

        return forget

    def report_failures_at_rest(self) -> None:
        """As soon as the app is at rest, hand on what tasks raised and nobody has retrieved."""
        if not self._reports:
            self._reports = True
            rest = RestCheck(self.work, DEFAULT_GRACE, rounds=0)
            self.when_idle(self._all_sources, self._report_failures, rest)

    def _all_sources(self) -> Iterator[SupportsIdle]:
        for runtime in self.runtimes:
            yield from runtime.idle_sources()

    def _report_failures(self) -> None:
        self._reports = False
        self.work.report_failures()

    def notify(self) -> None:
        """Something that may have been waited for has happened."""
        if self.watchers:
            for watcher in self.watchers:
                watcher.turns = _TURNS
            self._look_soon()

    def _look_soon(self) -> None:
        if not self._looking:
            self._looking = True
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        self._looking = False
        for watcher in list(self.watchers):
            state = watcher.look()
            if state is IdleState.IDLE:
                again_in = None if watcher.rest is None else watcher.rest.look()
                if again_in is None:
                    self.watchers.remove(watcher)
                    watcher.then()
                elif again_in:
                    self._look_in(again_in)
                else:
                    self._look_soon()
            elif state is IdleState.MOVING and watcher.turns:
                watcher.turns -= 1
                self._look_soon()
            elif state is IdleState.MOVING:
                self._look_in(_SLOW_LOOK)

    def _look_in(self, seconds: float) -> None:
        """Look again, if nothing makes that happen earlier: what is at work need not tell."""
        when = self.loop.time() + seconds
        if self._next_look is not None:
            if self._next_look.when() <= when:
                return
            self._next_look.cancel()
        self._next_look = self.loop.call_at(when, self._look_again)

    def _look_again(self) -> None:
        self._next_look = None
        if self.watchers:
            self._look()


_HUBS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def hub_of(loop: asyncio.AbstractEventLoop) -> Hub:
    """The hub of a loop."""
    hub = _HUBS.get(loop)
    if hub is None:
        hub = _HUBS[loop] = Hub(loop)
    return hub
