"""The asyncio event loop of a Locust process, which runs in a greenlet of the main thread, beside
the greenlets of the users. Uses gevent and asyncio, and neither Locust nor clients.

An event loop in another thread would hang: under gevent's patches, resolving "localhost" in an
executor is a greenlet, which only the hub of the main thread runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import gevent
from gevent.event import AsyncResult

from asgi_sio_testclient.locust._selector import EpollSelector, WatcherSelector, new_selector

__all__ = ["EventLoop", "event_loop"]

__tracebackhide__ = True

LAST_WAIT = 10.0  # seconds that a killed greenlet waits for its coroutine


class EventLoop:
    """An asyncio event loop in a greenlet.

    Args:
        selector: a selector that waits in gevent's hub.

    Attributes:
        loop: the event loop.
        greenlet: the greenlet in which the loop runs.
    """

    def __init__(self, selector: EpollSelector | WatcherSelector) -> None:
        self._selector = selector
        self.loop = asyncio.SelectorEventLoop(selector)
        # In asyncio's debug mode, call_soon() refuses calls from another greenlet.
        debugs = self.loop.get_debug()
        self._call_soon = self.loop.call_soon_threadsafe if debugs else self.loop.call_soon
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def _call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the event loop, from another greenlet."""
        self._call_soon(function, *args)
        self._selector.notify()

    @property
    def is_current(self) -> bool:
        """Whether the calling code runs in the event loop."""
        return gevent.getcurrent() is self.greenlet

    @property
    def is_held(self) -> bool:
        """Whether a coroutine blocks the event loop with a call that waits for other greenlets,
        such as ``runner.quit()``, which waits for all users.
        """
        return asyncio.current_task(self.loop) is not None

    def run(
        self,
        coroutine: Coroutine[Any, Any, Any],
        cancel: Callable[[asyncio.Task[Any]], object] = asyncio.Task.cancel,
    ) -> Any:
        """Run a coroutine and return its result. Only the calling greenlet waits.

        Args:
            coroutine: the coroutine.
            cancel: called in the event loop with the coroutine's task if the greenlet is killed;
                has to end the task soon. The greenlet waits for the end for at most `LAST_WAIT`
                seconds, and not at all if the event loop is blocked.

        Raises:
            Exception: the exception of the coroutine.
            GreenletExit: the greenlet was killed.
        """
        result = AsyncResult()
        tasks: list[asyncio.Task[Any]] = []

        def start() -> None:
            task = self.loop.create_task(coroutine)
            tasks.append(task)
            task.add_done_callback(result.set)

        self._call(start)
        try:
            task = result.get()
        except BaseException:
            # The greenlet is killed, or a gevent.Timeout of the caller has expired.
            self._call(lambda: cancel(tasks[0]))
            result.wait(0 if self.is_held else LAST_WAIT)
            raise
        return task.result()

    def run_later(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Schedule a coroutine in the event loop, and return without waiting."""
        self._call(self.loop.create_task, coroutine)


_loops: list[EventLoop] = []


def event_loop() -> EventLoop:
    """Return the event loop of this process; start the loop in the first call."""
    if not _loops:
        # No other greenlet runs before the loop is stored.
        _loops.append(EventLoop(new_selector()))
    return _loops[0]
