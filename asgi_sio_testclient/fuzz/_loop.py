"""An event loop whose clock jumps to the next timer, and the guard against handlers that never end.

A handler that sleeps for an hour ends at once; one that waits for something that never comes has
waited for a day of virtual time when it is given up. What blocks the thread is interrupted.
"""

from __future__ import annotations

import asyncio
import selectors
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Guard", "HandlerHang", "VirtualLoop"]

__tracebackhide__ = True

_SPINNING = 200  # turns of the loop without rest, after which the clock moves by itself
_STEP = 0.001  # seconds of virtual time for each turn then
_THREAD_WAIT = 0.02  # real seconds in which another thread may answer before the clock jumps
_SOCKET_WAIT = 1.0  # real seconds in which a socket of the app may answer
_SLOP = 1e-6
_LOOK = 0.05  # seconds between two looks of the guard
_WALL = 10  # a blocked thread that uses no CPU is given so much more time
_ENTRY = "_trigger_event"  # from where python-socketio calls handlers


class HandlerHang(BaseException):
    """A handler never ends. No Exception: the app must not handle it."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on a virtual clock.

    Attributes:
        turns: how often the loop has gone round.
    """

    def __init__(self) -> None:
        self._virtual = 0.0
        self.turns = 0
        self._spun = 0
        self._threads = 0
        self._others = threading.active_count()
        super().__init__(_Selector(self))
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Seconds of virtual time."""
        return self._virtual

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """As asyncio's; the clock stands while a thread works."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def note_threads(self) -> None:
        """Take the threads that there are now for idle ones."""
        self._others = threading.active_count()

    def _thread_ended(self, _: object) -> None:
        self._threads -= 1

    def turn(self) -> None:
        """The loop goes round, and has something to do."""
        self.turns += 1
        self._spun += 1
        if self._spun > _SPINNING:
            self._virtual += _STEP

    def real_wait(self, sockets: int) -> float | None:
        """Real seconds to wait before the clock may jump; None while it must stand."""
        self.turns += 1
        self._spun = 0
        if self._threads:
            return None
        if sockets > 1:  # the loop's own is the first
            return _SOCKET_WAIT
        return _THREAD_WAIT if threading.active_count() > self._others else 0.0

    def jump(self, seconds: float) -> None:
        """Move the clock."""
        self._virtual += seconds + _SLOP


class _Selector(selectors.DefaultSelector):
    """Waits for nothing but other threads and sockets; for the rest the clock jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """As a selector's."""
        if timeout is not None and timeout <= 0:
            self._loop.turn()
            return super().select(0)
        ready = super().select(0)
        if ready:
            self._loop.turn()
            return ready
        wait = self._loop.real_wait(len(self.get_map()))
        if wait is None or timeout is None:
            return super().select(_LOOK)
        ready = super().select(wait) if wait else []
        if not ready:
            self._loop.jump(timeout)
        return ready


class Guard:
    """Interrupts a handler that blocks the thread, or keeps the loop busy, for too long.

    Args:
        seconds: of CPU time. A thread that is blocked without using any gets ten times as much.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._signal = getattr(signal, "SIGUSR2", None)
        self._main = threading.current_thread() is threading.main_thread()
        self._stop = threading.Event()

    @contextmanager
    def watch(self, loop: VirtualLoop, stuck: Callable[[], None]) -> Iterator[None]:
        """Guard the loop's run within the block; `stuck` is called where the loop never rests."""
        if self._signal is None or not self._main:
            yield
            return
        previous = signal.signal(self._signal, self._interrupt)
        self._stop.clear()
        thread = threading.Thread(target=self._look, args=(loop, stuck), daemon=True)
        thread.start()
        loop.note_threads()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            signal.signal(self._signal, previous)

    def _look(self, loop: VirtualLoop, stuck: Callable[[], None]) -> None:
        began = turned = _clocks()
        turns = loop.turns
        while not self._stop.wait(_LOOK):
            if loop.turns != turns:
                turns, turned = loop.turns, _clocks()
            if self._is_over(turned):
                signal.pthread_kill(threading.main_thread().ident, self._signal)  # type: ignore[arg-type]
            elif self._is_over(began, times=2):
                loop.call_soon_threadsafe(stuck)
                began = _clocks()

    def _is_over(self, since: tuple[float, float], times: int = 1) -> bool:
        cpu, wall = _clocks()
        limit = times * self.seconds
        return cpu - since[0] > limit or wall - since[1] > _WALL * limit

    @staticmethod
    def _interrupt(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code.co_name == _ENTRY:
                raise HandlerHang("the handler blocks the event loop and does not end")
            frame = frame.f_back


def _clocks() -> tuple[float, float]:
    return time.process_time(), time.monotonic()
