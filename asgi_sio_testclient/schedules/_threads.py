"""Threads beside a loop with a virtual clock: the clock stands while one of them works.

What a thread hands to the loop is taken where nothing else is ready, in the order in which it came:
so a run does not depend on how fast a thread is. The loop's own executor has one worker.
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

_LOOK = 0.01  # real seconds between two looks at threads that work
_FOREIGN = 0.05  # real seconds that a thread which nobody called is given before the clock jumps
_STUCK = 30.0  # real seconds after which a call in a thread is given up
_CALLED = ("schedules", "AnyIO worker")  # threads that work on a call of the app's only
_GET = queue.Queue.get.__code__
_WORKER = concurrent.futures.thread._worker.__code__


class Threads:
    """The threads of one run.

    Attributes:
        foreign: names of threads that handed something to the loop, and that no executor began.
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
        """Whether the caller is the thread of the loop."""
        return threading.get_ident() == self._ident

    def executor(self, given: Any) -> Any:
        """The executor to be used: the loop's own where none is given."""
        if given is not None:
            return given
        if self._own is None:
            self._own = concurrent.futures.ThreadPoolExecutor(1, "schedules")
        return self._own

    def began(self, future: asyncio.Future[Any]) -> None:
        """A call in an executor is under way."""
        self._working += 1
        future.add_done_callback(self._ended)

    def _ended(self, future: asyncio.Future[Any]) -> None:
        self._working -= 1

    def put(self, handle: asyncio.Handle) -> None:
        """Take what a thread hands to the loop. Called in that thread."""
        self._inbox.append((handle, threading.current_thread().name))
        self._arrived.set()

    def deliver(self) -> bool:
        """Make ready what threads handed over; whether there was any."""
        self._arrived.clear()
        found = bool(self._inbox)
        while self._inbox:
            handle, name = self._inbox.popleft()
            if not name.startswith(_CALLED):
                self.foreign.add(name)
            self._loop._ready.append(handle)
        return found

    def wait(self) -> bool:
        """Wait while a thread works; whether one handed something over.

        Raises:
            UsageError: a call in a thread does not end.
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
                        "schedules are explored, threads run one at a time: does it wait for "
                        "another thread?"
                    )
                break
            self._arrived.wait(_LOOK)
            if self.deliver():
                return True
        return self.deliver()

    def _limit(self) -> float:
        """For how many real seconds to wait: 0 where no thread works."""
        if self._working:
            return _STUCK
        if threading.active_count() == 1:
            return 0.0
        own = () if self._own is None else self._own._threads
        frames = sys._current_frames()
        working = [
            thread
            for thread in set(threading.enumerate()) - self._before - set(own)
            if _works(frames.get(thread.ident or 0))
        ]
        called = any(type(thread).__module__.startswith("anyio.") for thread in working)
        return _STUCK if called else _FOREIGN if working else 0.0

    def close(self) -> None:
        """End the loop's own executor."""
        if self._own is not None:
            self._own.shutdown(wait=False)


def _works(frame: FrameType | None) -> bool:
    """Whether a thread does something else than to wait for work in a queue that is empty."""
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
