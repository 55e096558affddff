"""An event loop whose clock jumps to the next timer, and the guard against handlers that never end.

A handler that sleeps for an hour ends at once. A handler that still waits after a day of virtual
time is reported. A handler that blocks the thread is interrupted by a signal.
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

_SPINNING = 200  # turns of the loop in a row with a ready callback, after which the clock moves
_STEP = 0.001  # seconds of virtual time for each turn after that
_THREAD_WAIT = 0.02  # real seconds in which another thread may answer before the clock jumps
_SOCKET_WAIT = 1.0  # real seconds in which a socket of the app may answer
_SLOP = 1e-6  # seconds; the clock jumps a little beyond the timer
_CHECK_INTERVAL = 0.05  # real seconds between two checks of the guard
_WALL = 10  # the limit of real time, as a multiple of the limit of CPU time
_ENTRY = "_trigger_event"  # python-socketio calls handlers from this function


class HandlerHang(BaseException):
    """A handler never ends. Not an Exception: an ``except Exception`` of the app must not handle
    this error.
    """


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop with a virtual clock.

    Attributes:
        turns: how many turns the loop has made.
    """

    def __init__(self) -> None:
        self._virtual = 0.0
        self.turns = 0
        self._spun = 0
        self._threads = 0
        self._idle_threads = threading.active_count()
        super().__init__(_Selector(self))
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._virtual

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Do the same as asyncio's method; the clock does not advance while a thread works."""
        future = super().run_in_executor(executor, func, *args)
        self._threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def note_threads(self) -> None:
        """Count the threads that exist now as idle: the clock does not wait for them."""
        self._idle_threads = threading.active_count()

    def _thread_ended(self, _: object) -> None:
        self._threads -= 1

    def turn(self) -> None:
        """Count a turn of the loop in which a callback is ready."""
        self.turns += 1
        self._spun += 1
        if self._spun > _SPINNING:
            self._virtual += _STEP

    def real_wait(self, sockets: int) -> float | None:
        """Return the real seconds to wait before the clock may jump; None if the clock must stand.

        Args:
            sockets: how many sockets are registered with the selector.
        """
        self.turns += 1
        self._spun = 0
        if self._threads:
            return None
        if sockets > 1:  # the loop's own is the first
            return _SOCKET_WAIT
        return _THREAD_WAIT if threading.active_count() > self._idle_threads else 0.0

    def jump(self, seconds: float) -> None:
        """Move the virtual clock forward."""
        self._virtual += seconds + _SLOP


class _Selector(selectors.DefaultSelector):
    """Waits for other threads and for sockets only. Timers are not waited for: the clock jumps."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        """Return the ready files, as `selectors.BaseSelector.select` does."""
        if timeout is not None and timeout <= 0:
            self._loop.turn()
            return super().select(0)
        ready = super().select(0)
        if ready:
            self._loop.turn()
            return ready
        wait = self._loop.real_wait(len(self.get_map()))
        if wait is None or timeout is None:
            return super().select(_CHECK_INTERVAL)
        ready = super().select(wait) if wait else []
        if not ready:
            self._loop.jump(timeout)
        return ready


class Guard:
    """Interrupts a handler that blocks the thread, or keeps the event loop busy, for too long.

    Args:
        seconds: the limit of CPU time. The limit of real time, for a thread that is blocked and
            uses no CPU, is ten times as long.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._signal = getattr(signal, "SIGUSR2", None)
        self._main = threading.current_thread() is threading.main_thread()
        self._stop = threading.Event()

    @contextmanager
    def guard(self, loop: VirtualLoop, stuck: Callable[[], None]) -> Iterator[None]:
        """Guard the event loop within the ``with`` block.

        A handler that makes no turn of the loop possible gets a `HandlerHang` from a signal. If the
        loop turns without end, `stuck` is called in the loop. Without signals, or outside the main
        thread, nothing is guarded.
        """
        if self._signal is None or not self._main:
            yield
            return
        previous = signal.signal(self._signal, self._interrupt)
        self._stop.clear()
        thread = threading.Thread(target=self._check, args=(loop, stuck), daemon=True)
        thread.start()
        loop.note_threads()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()
            signal.signal(self._signal, previous)

    def _check(self, loop: VirtualLoop, stuck: Callable[[], None]) -> None:
        began = turned = _clocks()
        turns = loop.turns
        while not self._stop.wait(_CHECK_INTERVAL):
            if loop.turns != turns:
                turns, turned = loop.turns, _clocks()
            if self._is_over(turned):
                signal.pthread_kill(threading.main_thread().ident, self._signal)  # type: ignore[arg-type]
            elif self._is_over(began, times=2):
                loop.call_soon_threadsafe(stuck)
                began = _clocks()

    def _is_over(self, since: tuple[float, float], times: int = 1) -> bool:
        """Return whether a multiple of a limit has passed since two clocks had these values."""
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
    """Return the CPU time of the process and the real time, in seconds."""
    return time.process_time(), time.monotonic()
