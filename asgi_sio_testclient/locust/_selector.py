"""A selector for asyncio's event loop that waits in gevent's hub. Uses gevent, and not asyncio.

gevent's selector has a watcher for each socket, and switches to the hub in each turn of the event
loop. `EpollSelector` has all sockets in one epoll, and switches to the hub only if nothing is
ready; the hub then waits for the epoll.
"""

from __future__ import annotations

import contextlib
import selectors
import sys
from time import perf_counter
from typing import Any

import gevent
from gevent import monkey
from gevent.hub import Waiter
from gevent.selectors import GeventSelector

__all__ = ["EpollSelector", "WatcherSelector", "new_selector"]

__tracebackhide__ = True

SLICE = 0.002  # seconds; a busy event loop lets the other greenlets run this often
LONGEST_WAIT = 3600.0  # seconds of a wait without a timeout
IN, OUT = 1, 4  # EPOLLIN, EPOLLOUT: under gevent's patches the module select has no names of epoll
READ = 1  # the same of a watcher's events


class WatcherSelector(GeventSelector):
    """gevent's selector, for systems without epoll."""

    def notify(self) -> None:
        """End a `select` that waits. Called in the same thread, so no socket is needed."""
        self._ready.set()


class EpollSelector(selectors._BaseSelectorImpl):
    """An epoll that gevent's hub waits for."""

    _fd_to_key: dict[int, selectors.SelectorKey]

    def __init__(self) -> None:
        super().__init__()
        self._epoll = monkey.get_original("select", "epoll")()
        self._hub = gevent.get_hub()
        self._readable = self._hub.loop.io(self._epoll.fileno(), READ)
        self._waiter: Any = None
        self._yielded = perf_counter()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`."""
        reads = IN if events & selectors.EVENT_READ else 0
        writes = OUT if events & selectors.EVENT_WRITE else 0
        self._epoll.register(fileobj, reads | writes)
        return super().register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """See `selectors.BaseSelector`."""
        key = super().unregister(fileobj)
        with contextlib.suppress(OSError):  # a file that was closed before
            self._epoll.unregister(key.fd)
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors.BaseSelector`. The other greenlets run while this method waits; if events
        are always ready, the other greenlets run every `SLICE` seconds.
        """
        ready = self._poll()
        if not ready and (timeout is None or timeout > 0):
            self._wait(LONGEST_WAIT if timeout is None else timeout)
            self._yielded = perf_counter()
            return self._poll()
        if perf_counter() - self._yielded > SLICE:
            gevent.sleep(0)
            self._yielded = perf_counter()
        return ready

    def notify(self) -> None:
        """End a `select` that waits."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._hub.loop.run_callback(waiter.switch, None)

    def close(self) -> None:
        """See `selectors.BaseSelector`."""
        self._readable.close()
        self._epoll.close()
        super().close()

    def _poll(self) -> list[tuple[selectors.SelectorKey, int]]:
        keys = self._fd_to_key
        return [
            (keys[fd], _events_of(found) & keys[fd].events)
            for fd, found in self._epoll.poll(0, len(keys) or 1)
            if fd in keys
        ]

    def _wait(self, seconds: float) -> None:
        self._waiter = waiter = Waiter(self._hub)
        timer = self._hub.loop.timer(seconds)
        try:
            timer.start(waiter.switch, None, update=True)
            self._readable.start(waiter.switch, None)
            waiter.get()
        finally:
            self._waiter = None
            self._readable.stop()
            timer.stop()
            timer.close()


def _events_of(found: int) -> int:
    """Convert events of epoll to events of a selector: an error or a hang-up is both read and
    write.
    """
    reads = selectors.EVENT_READ if found & ~OUT else 0
    writes = selectors.EVENT_WRITE if found & ~IN else 0
    return reads | writes


def new_selector() -> EpollSelector | WatcherSelector:
    """Return the selector for this system."""
    return EpollSelector() if sys.platform == "linux" else WatcherSelector()
