"""The threads of a threaded server, for the event loop: handler runs, handles of threads,
requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import socketio

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._server.reachable import reachable
from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
from asgi_sio_testclient._waiting.suspended import codes_in_thread, thread_suspended_at

if TYPE_CHECKING:
    from asgi_sio_testclient._waiting.work import Work

__all__ = ["ServerThreads", "ShieldedRequests", "ThreadHandle", "ThreadRun"]

__tracebackhide__ = True

_CALL = socketio.Server.call.__code__


class ThreadHandle(asyncio.Future[None]):
    """A handle of a server's thread, whose end the event loop can wait for, as for a task.

    A thread can't be cancelled: after `cancel`, the thread ends at its next ``eio.sleep()``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_cancel: Callable[[], object]) -> None:
        super().__init__(loop=loop)
        self.sleeps = False
        self.stop = threading.Event()
        self._on_cancel = on_cancel

    def cancel(self, msg: Any = None) -> bool:
        """Request the thread to end."""
        self.stop.set()
        self._on_cancel()
        return False

    def finish(self) -> None:
        """Mark the thread as ended."""
        if not self.done():
            self.set_result(None)


class _EndRequested(SystemExit):
    """Raised to end a thread; not an Exception, so that no ``except Exception`` of a handler
    catches it.
    """


class ThreadRun(HandlerRun):
    """One run of one handler in a thread."""

    __slots__ = ("_thread",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._thread = threading.get_ident()

    def begin(self) -> None:
        """Record the start of the run, in the current thread."""
        self._thread = threading.get_ident()
        super().begin()

    @property
    def awaits_client(self) -> bool:
        """Whether the run waits in ``Server.call()`` for a client's ack."""
        return self.ended is None and _CALL in codes_in_thread(self._thread)

    def waits_outside(self, work: Work) -> bool:
        """Return whether the run goes on in its thread, and does not wait for the client."""
        return self.ended is None and not self.awaits_client

    @property
    def place(self) -> str:
        """The line of the app that the thread runs now; "" without such a line."""
        return thread_suspended_at(self._thread) if self.ended is None else ""


class ServerThreads:
    """The threads that a server and its app begin with ``start_background_task``.

    Counts are changed in the event loop only, by calls that the threads schedule. The loop runs the
    calls of one thread in order, and before a response that the thread has sent after them.

    Args:
        eio: the Engine.IO server.
        loop: the event loop of the instrumentation.

    Attributes:
        background: the app's threads, with the connection whose handler began them.
        pings: the thread that pings a connection, by its Engine.IO sid.
        service: the server's service thread, if it began under the instrumentation.
    """

    def __init__(self, eio: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.background: dict[ThreadHandle, InstrumentedConnection | None] = {}
        self.pings: dict[str, ThreadHandle] = {}
        self.service: ThreadHandle | None = None
        self._eio = eio
        self._loop = loop
        self._current = threading.local()
        self._sleep = eio.sleep

    # -- in the server's threads

    @property
    def owner(self) -> InstrumentedConnection | None:
        """The connection whose packet is processed in the current thread."""
        owner: InstrumentedConnection | None = getattr(self._current, "owner", None)
        return owner

    @owner.setter
    def owner(self, owner: InstrumentedConnection | None) -> None:
        self._current.owner = owner

    def call_in_loop(self, call: Callable[..., object], *args: Any) -> None:
        """Schedule a call in the event loop."""
        # The loop is closed: nothing has to be counted.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *args)

    def run(self, handle: ThreadHandle, body: Callable[..., object], *args: Any) -> None:
        """Call `body` in the current thread, and finish `handle` at the end."""
        self._current.handle = handle
        try:
            with contextlib.suppress(_EndRequested):
                body(*args)
        finally:
            self.call_in_loop(self._ended, handle)

    def stoppable_sleep(self, seconds: float = 0) -> None:
        """The hook on the server's ``sleep``, in which a thread ends after the request to end."""
        handle: ThreadHandle | None = getattr(self._current, "handle", None)
        if handle is None:
            self._sleep(seconds)
            return
        handle.sleeps = True
        if handle.stop.wait(seconds):
            raise _EndRequested
        handle.sleeps = False

    # -- handles

    def handle(self) -> ThreadHandle:
        """Return a handle for a thread, or for a run in a thread."""
        return ThreadHandle(self._loop, _nothing)

    def ping_handle(self, eio_sid: str) -> ThreadHandle:
        """Return the handle of the thread that pings a connection."""
        handle = self.handle()
        self.call_in_loop(self.pings.__setitem__, eio_sid, handle)
        return handle

    def service_handle(self) -> ThreadHandle:
        """Return the handle of the service thread."""
        handle = ThreadHandle(self._loop, self._stop_service)
        self.call_in_loop(setattr, self, "service", handle)
        return handle

    def background_handle(self) -> ThreadHandle:
        """Return a handle for a thread of the app."""
        handle = self.handle()
        self.call_in_loop(self.background.__setitem__, handle, self.owner)
        return handle

    # -- in the event loop

    def _ended(self, handle: ThreadHandle) -> None:
        self.background.pop(handle, None)
        handle.finish()

    def stop_ping(self, eio_sid: str) -> list[ThreadHandle]:
        """Request the thread that pings a connection to end; return its handle, to be waited
        for.
        """
        ping = self.pings.pop(eio_sid, None)
        if ping is None:
            return []
        ping.cancel()
        return [ping]

    def stop(self) -> list[ThreadHandle]:
        """Request all threads except the service thread to end.

        Returns:
            The handles of the threads that will end, to be waited for. A background thread of the
            app that does not sleep with ``socketio.sleep()`` can't be ended: it is a daemon.
        """
        pings = list(self.pings.values())
        waiting = [handle for handle in self.background if handle.sleeps]
        for handle in [*self.background, *pings]:
            handle.cancel()
        self.pings.clear()
        return [*pings, *waiting]

    def stop_service(self) -> list[ThreadHandle]:
        """Request the service thread to end; return its handle, to be waited for."""
        service, self.service = self.service, None
        if service is None:
            return []
        service.cancel()
        return [service]

    def _stop_service(self) -> None:
        event = self._eio.service_task_event
        if event is not None:
            event.set()

    def release(self) -> None:
        """Request all threads to end: threads do not end with the event loop."""
        for handle in [*self.background, *self.pings.values()]:
            handle.stop.set()
        if self.service is not None:
            self._stop_service()
        self.pings.clear()


class ShieldedRequests:
    """Calls of an app that run to their end when they are cancelled.

    A thread waits for each call. The thread would not be cancelled, and would hang for ever while
    it responds to a closed loop.

    Args:
        loop: the event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._requests: dict[asyncio.Task[None], InstrumentedConnection] = {}

    def shield(self, app: Any, connection: InstrumentedConnection) -> Any:
        """Return `app` with calls that are not cancelled.

        Raises:
            UsageError: the bridge has no thread left for one more client.
        """
        workers, polling = _workers_of(app), len(set(self._requests.values()))
        if workers is not None and polling + 2 > workers:
            raise UsageError(
                f"the app's bridge has {workers} threads, {polling} of them wait in a long poll: "
                "each client needs one, and one more is needed for other requests; pass "
                f"WSGIMiddleware(app, workers={2 * workers})"
            )

        async def shielded(scope: Any, receive: Any, send: Any) -> None:
            request = self._loop.create_task(app(scope, receive, send))
            self._requests[request] = connection
            request.add_done_callback(self._requests.pop)
            await asyncio.shield(request)

        return shielded

    def are_made_by(self, connection: InstrumentedConnection | None) -> bool:
        """Return whether a call of a connection still runs."""
        return any(other is connection for other in self._requests.values())

    def handles(self) -> list[ThreadHandle]:
        """Return a handle for each running call."""
        return [self._handle_of(request) for request in self._requests]

    def _handle_of(self, request: asyncio.Task[None]) -> ThreadHandle:
        handle = ThreadHandle(self._loop, _nothing)
        request.add_done_callback(lambda _: handle.finish())
        return handle


def _nothing() -> None:
    pass


def _workers_of(app: Any) -> int | None:
    """Return the number of threads in the pool of a bridge like a2wsgi's; None for others."""
    for thing in reachable(app):
        pool = getattr(thing, "executor", None)
        if isinstance(pool, ThreadPoolExecutor):
            return pool._max_workers
    return None
