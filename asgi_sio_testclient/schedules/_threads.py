"""Threads together with a virtual clock: the clock does not advance while a thread works.

Callbacks from threads are run when nothing else is ready, in the order of their arrival. So a run
does not depend on the speed of a thread. The loop's own executor has one worker.
"""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import queue
import sys
import threading
from collections import deque
from time import perf_counter
from types import FrameType
from typing import Any

from asgi_sio_testclient import UsageError

__all__ = ["Threads"]

__tracebackhide__ = True

_CHECK_INTERVAL = 0.01  # real seconds between two checks for threads that work
_FOREIGN = 0.05  # real seconds to wait for a thread of no executor before the clock jumps
_STUCK = 30.0  # the most real seconds to wait for a call in a thread
_CALLED = ("schedules", "AnyIO worker")  # names of threads that only run calls of the app
_GET = queue.Queue.get.__code__
_WORKER = concurrent.futures.thread._worker.__code__


class Threads:
    """The threads of one run.

    Attributes:
        foreign: names of threads that called back into the loop and belong to no executor.
    """

    def __init__(self, loop: Any) -> None:
        self._loop = loop
        self._ident = threading.get_ident()
        self._before = set(threading.enumerate())
        self._working = 0
        self._inbox: deque[tuple[asyncio.Handle, str]] = deque()
        self._arrived = threading.Event()
        self._own: concurrent.futures.ThreadPoolExecutor | None = None
        self.foreign: set[str] = set()

    def is_ours(self) -> bool:
        """Return whether the current thread is the thread of the loop."""
        return threading.get_ident() == self._ident

    def executor(self, given: Any) -> Any:
        """Return the executor to use: `given`, or for None the loop's own executor."""
        if given is not None:
            return given
        if self._own is None:
            self._own = concurrent.futures.ThreadPoolExecutor(1, "schedules")
        return self._own

    def began(self, future: asyncio.Future[Any]) -> None:
        """Count a call in an executor as running until `future` is done."""
        self._working += 1
        future.add_done_callback(self._ended)

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._working -= 1

    def put(self, handle: asyncio.Handle) -> None:
        """Store a callback for the loop. Called in another thread than the loop's."""
        self._inbox.append((handle, threading.current_thread().name))
        self._arrived.set()

    def deliver(self) -> bool:
        """Make the stored callbacks ready; return whether there were any."""
        self._arrived.clear()
        found = bool(self._inbox)
        while self._inbox:
            handle, name = self._inbox.popleft()
            if not name.startswith(_CALLED):
                self.foreign.add(name)
            self._loop._ready.append(handle)
        return found

    def wait(self) -> bool:
        """Wait while a thread works; return whether a callback is ready.

        Raises:
            UsageError: a call in a thread has run for 30 s.
        """
        if self.deliver():
            return True
        began = perf_counter()
        while limit := self._limit():
            passed = perf_counter() - began
            if passed > limit:
                if limit == _STUCK:
                    raise UsageError(
                        f"a thread does not end: its call has run for {_STUCK:g} s. While "
                        "schedules are explored, threads run one at a time: does the call wait "
                        "for another thread?"
                    )
                break
            self._arrived.wait(_CHECK_INTERVAL)
            if self.deliver():
                return True
        return self.deliver()

    def _limit(self) -> float:
        """Return the most real seconds to wait for threads; 0 if no thread works."""
        if self._working:
            return _STUCK
        own = () if self._own is None else self._own._threads
        begun = set(threading.enumerate()) - self._before - set(own)
        if not begun:
            return 0.0
        frames = sys._current_frames()
        working = [thread for thread in begun if _works(frames.get(thread.ident or 0))]
        called = any(type(thread).__module__.startswith("anyio.") for thread in working)
        return _STUCK if called else _FOREIGN if working else 0.0

    def close(self) -> None:
        """End the loop's own executor."""
        if self._own is not None:
            self._own.shutdown(wait=False)


def _works(frame: FrameType | None) -> bool:
    """Return whether a thread works: it does anything else than wait for an empty queue."""
    while frame is not None:
        if frame.f_code is _WORKER:
            return False
        if frame.f_code is _GET:
            waits_at: queue.Queue[Any] = frame.f_locals["self"]
            return not waits_at.empty()
        if frame.f_code.co_filename != threading.__file__:
            break
        frame = frame.f_back
    return True
