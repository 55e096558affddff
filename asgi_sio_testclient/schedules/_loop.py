"""asyncio's event loop with a virtual clock, which delays task steps and timers by a schedule.

Ready callbacks keep asyncio's FIFO order: only the points that `_points` finds are held.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import selectors
from asyncio import futures
from collections.abc import Callable
from typing import Any

from asgi_sio_testclient import TestClientError
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient.schedules._frames import Owner
from asgi_sio_testclient.schedules._points import TEST, Recorder
from asgi_sio_testclient.schedules._schedule import START
from asgi_sio_testclient.schedules._sockets import refuse
from asgi_sio_testclient.schedules._threads import Threads

__all__ = ["ScheduleLoop"]

__tracebackhide__ = True

_SPINNING = 200  # turns in a row with a ready callback: some code polls with sleep(0)
_SPIN = 1e-3  # seconds that the clock then moves in each turn
_NEAR = 5.0  # seconds; later timers are pings and timeouts, until which nothing is held

_SLEEP = futures._set_result_unless_cancelled  # type: ignore[attr-defined]  # asyncio.sleep's timer


class Deadlock(TestClientError, TimeoutError):
    """Raised when no callback is ready and no timer is set: the test would wait for ever."""


class ScheduleLoop(asyncio.SelectorEventLoop):
    """The event loop of one run.

    Args:
        recorder: decides which points are held, and records the run.

    Attributes:
        now: the loop's time, in seconds.
        sio_explores: a mark for the pytest plugin: the clients of this loop belong to one run.
        recorder: see above.
        threads: the threads of the run.
        on_task: called with the coroutine of each new task.
        fatal: an error that makes exploration impossible; raised in the next turn of the loop.
    """

    sio_explores = True

    def __init__(self, recorder: Recorder) -> None:
        self.now = START
        self.recorder = recorder
        self.fatal: BaseException | None = None
        self.on_task: Callable[[Any], None] = lambda _: None
        self._creating: list[list[Any]] = []
        self._children: dict[tuple[int, ...], int] = {}
        self._held: dict[Any, tuple[asyncio.Handle, int, Callable[[], object]]] = {}
        self._hold_starts: dict[int, float] = {}
        self._held_time = 0.0
        self._spinning = 0
        self.threads = Threads(self)
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the virtual time in seconds. Time passes only while no callback is ready."""
        return self.now

    # -- tasks: the path of a task is its place in the tree of tasks that created tasks

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        """See `asyncio.loop.create_task`."""
        self._creating.append([self._new_path(), coro])
        try:
            self.on_task(coro)
            task: asyncio.Task[Any] = super().create_task(coro, **options)
            self.path(task)
        finally:
            self._creating.pop()
        return task

    def _new_path(self, task: asyncio.Task[Any] | None = None) -> tuple[int, ...]:
        parent = asyncio.current_task(self) if self.is_running() else None
        # asyncio.Task(..., eager_start=True) is the current task before it has a path.
        path = () if parent is None or parent is task else self.path(parent)
        number = self._children[path] = self._children.get(path, 0) + 1
        return (*path, number)

    def path(self, task: asyncio.Task[Any]) -> tuple[int, ...]:
        """Return the path of a task in the tree of tasks; give a new task its path.

        The first call for a task comes from ``Task.__init__``, which schedules the first step; for
        an eager task, from within that step.
        """
        known: tuple[int, ...] | None = getattr(task, "sio_path", None)
        if known is None:
            creating = self._creating[-1] if self._creating else None
            if creating is None or creating[0] is None:
                known = self._new_path(task)  # asyncio.Task(...), made directly
            else:
                known, creating[0] = creating[0], None
            task.sio_path = known  # type: ignore[attr-defined]
        return known

    # -- steps

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """See `asyncio.loop.call_soon`; a task's step may be held."""
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            length = self.recorder.step(self, task, woken=bool(args))
            if length:
                return self._hold_step(task, length, callback, args, context)
        return super().call_soon(callback, *args, context=context)

    def _hold_step(
        self,
        task: asyncio.Task[Any],
        length: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> asyncio.Handle:
        """Schedule the step of a task after a hold."""
        if length < 0:
            released = functools.partial(self.recorder.released, task)
            return self._after_turns(-length, callback, args, context, released)
        mark = self._begin_hold()

        def go_on() -> asyncio.Handle:
            self._held.pop(task, None)
            self._end_hold(mark)
            self.recorder.released(task)
            return super(ScheduleLoop, self).call_soon(callback, *args, context=context)

        handle = super().call_at(self.time() + length, go_on)
        # A cancel() of a task whose step is scheduled takes effect with that step only, and anyio's
        # cancel scopes repeat the cancel() until then.
        self._held[task] = handle, task.cancelling(), go_on
        return handle

    def _after_turns(
        self,
        turns: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None = None,
        then: Callable[[], None] = lambda: None,
    ) -> asyncio.Handle:
        """Call `then` and schedule `callback` after some turns of the loop."""
        if turns < 1:
            then()
            return super().call_soon(callback, *args, context=context)
        return super().call_soon(self._after_turns, turns - 1, callback, args, context, then)

    def release_cancelled(self) -> bool:
        """Schedule the held steps of tasks that were cancelled; return whether there were any."""
        ready = [
            (handle, go_on)
            for task, (handle, count, go_on) in self._held.items()
            if task.cancelling() != count
        ]
        for handle, go_on in ready:
            handle.cancel()
            go_on()
        return bool(ready)

    # -- timers

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """See `asyncio.loop.call_at`; the timer of a sleep may be held when it is due."""
        recorder = self.recorder
        if callback is _SLEEP:
            length = recorder.sleep(self, when)
            if length:
                return super().call_at(when, self.hold, length, callback, *args)
        elif recorder.holds and self._is_clients(callback):
            return self._client_timer(when, callback, args, context)
        if when - self.time() < _NEAR:
            recorder.moments.append(when)
        return super().call_at(when, callback, *args, context=context)

    def hold(self, length: float, callback: Callable[..., object], *args: Any) -> None:
        """Call `callback` later.

        Args:
            length: seconds; or, if negative, turns of the loop.
            callback: the function.
            args: its arguments.
        """
        if length < 0:
            self._after_turns(-length, callback, args)
            return
        mark = self._begin_hold()

        def go_on() -> None:
            self._end_hold(mark)
            callback(*args)

        super().call_at(self.time() + length, go_on)

    # -- the client's own deadlines do not count the time in which something is held

    def _is_clients(self, callback: Callable[..., object]) -> bool:
        code = getattr(callback, "__code__", None)
        return code is not None and self.recorder.frames.owner(code) is Owner.CLIENT

    def _client_timer(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> asyncio.TimerHandle:
        """Set a timer of the client, which is due later by the time in which something is held."""
        call_at = super().call_at

        def due(seen: float) -> None:
            held = self.held_time
            if handle.cancelled():
                return  # cancelled since it was set
            if held <= seen:
                callback(*args)
            else:
                call_at(self.time() + held - seen, due, held, context=context)

        handle = call_at(when, due, self.held_time, context=context)
        return handle

    @property
    def held_time(self) -> float:
        """Seconds during which something was held, so far."""
        since = min(self._hold_starts.values(), default=self.time())
        return self._held_time + self.time() - since

    @property
    def holds_something(self) -> bool:
        """Whether something is held now."""
        return bool(self._hold_starts)

    def _begin_hold(self) -> int:
        mark = len(self._hold_starts) + 1
        while mark in self._hold_starts:
            mark += 1
        self._hold_starts[mark] = self.time()
        return mark

    def _end_hold(self, mark: int) -> None:
        began = self._hold_starts.pop(mark)
        # Overlapping holds count once.
        self._held_time += max(0.0, min(self._hold_starts.values(), default=self.time()) - began)

    # -- the clock

    def before_wait(self, timeout: float | None) -> bool:
        """Called in each turn of the loop, before the wait: move the clock, or wait for threads.

        Args:
            timeout: the seconds until the next timer; None without a timer.

        Returns:
            True.

        Raises:
            Deadlock: no timer is set, and no thread works.
        """
        if self.fatal is not None:
            raise self.fatal
        if self._held and self.release_cancelled():
            return True
        if timeout is not None and timeout <= 0:
            self._spinning += 1
            if self._spinning > _SPINNING:
                self.now += _SPIN
                self.threads.deliver()
            return True
        self._spinning = 0
        if self.threads.wait():
            return True
        if timeout is None:
            raise Deadlock(
                "deadlock: no callback is ready, no timer is set, and the test waits"
                f"{self._main_place()}"
            )
        self.now += timeout
        self.recorder.moments.append(self.time())
        return True

    def _main_place(self) -> str:
        tasks = (task for task in asyncio.all_tasks(self) if self.path(task) == TEST)
        places = (suspended_at(task) for task in tasks)
        return "".join(f" at {place}" for place in places if place)

    # -- threads and sockets

    def call_soon_threadsafe(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """See `asyncio.loop.call_soon_threadsafe`."""
        if self.threads.is_ours():
            return self.call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self.threads.put(handle)
        return handle

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """See `asyncio.loop.run_in_executor`; the virtual clock stands while a thread works."""
        future: asyncio.Future[Any] = super().run_in_executor(
            self.threads.executor(executor), func, *args
        )
        self.threads.began(future)
        return future

    create_connection = refuse("create_connection")
    create_unix_connection = refuse("create_unix_connection")
    create_server = refuse("create_server")
    create_unix_server = refuse("create_unix_server")
    create_datagram_endpoint = refuse("create_datagram_endpoint")
    sock_connect = refuse("sock_connect")
    getaddrinfo = refuse("getaddrinfo")
    subprocess_exec = refuse("subprocess_exec")
    subprocess_shell = refuse("subprocess_shell")


class _Selector(selectors.DefaultSelector):
    """Never waits: the clock of the loop jumps to the next timer."""

    def __init__(self, loop: ScheduleLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        loop = self._loop
        if len(self.get_map()) > 1:  # beside the loop's own pipe, a socket that `io` allows
            events = super().select(0)
            if events:
                return events
        loop.before_wait(timeout)
        return []
