"""The asyncio event loop of a Locust process: it runs in a greenlet of the main thread, beside the
greenlets of the users. Knows gevent and asyncio, and nothing of Locust or of clients.

A loop in a thread of its own would hang: under gevent's patches a look-up of "localhost" in an
executor is a greenlet, which only the main thread's hub runs.
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
        selector: waits in gevent's hub.

    Attributes:
        loop: the event loop.
        greenlet: where it runs.
    """

    def __init__(self, selector: EpollSelector | WatcherSelector) -> None:
        self._selector = selector
        self.loop = asyncio.SelectorEventLoop(selector)
        # asyncio's debug mode takes each greenlet for a thread.
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
        """Whether a coroutine holds up the event loop in a call that waits for other greenlets,
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
            coroutine: what to run.
            cancel: called in the event loop with the coroutine's task where the greenlet is killed;
                it has to end the task soon. The greenlet waits for the end, `LAST_WAIT` seconds at
                most, and not at all where the event loop is held up.

        Raises:
            Exception: what the coroutine raises.
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
            # The greenlet is killed, or a gevent.Timeout of the caller's is over.
            self._call(lambda: cancel(tasks[0]))
            result.wait(0 if self.is_held else LAST_WAIT)
            raise
        return task.result()

    def run_later(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine as soon as the event loop goes on, and wait for nothing."""
        self._call(self.loop.create_task, coroutine)


_loops: list[EventLoop] = []


def event_loop() -> EventLoop:
    """The event loop of this process, which begins with the first call."""
    if not _loops:
        # Nothing yields to another greenlet before it is stored.
        _loops.append(EventLoop(new_selector()))
    return _loops[0]
