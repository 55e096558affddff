"""Instruments `socketio.Server` in threading mode, behind an ASGI bridge, as with Flask-SocketIO.

As in `asyncio_server`, the hooks are on the instance, and are removed at the end. There are two
differences: the hooks are called in the server's threads, and count through calls in the event
loop, in order; and threads can't be cancelled, so they are woken and requested to end. Line
references are to python-socketio 5.18 and python-engineio 4.15.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._server.active_observers import observers
from asgi_sio_testclient._server.clients import Clients
from asgi_sio_testclient._server.ended_tasks import AppTask, ended_before
from asgi_sio_testclient._server.handlers import Handlers
from asgi_sio_testclient._server.hooks import HANDLER_TASK, ServerHooks
from asgi_sio_testclient._server.log import ServerLog
from asgi_sio_testclient._server.origins import note, report
from asgi_sio_testclient._server.refused_connects import RefusalRecorder
from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
from asgi_sio_testclient._server.sockets import ThreadedSockets
from asgi_sio_testclient._server.tasks import release_service
from asgi_sio_testclient._server.threads import (
    ServerThreads,
    ShieldedRequests,
    ThreadHandle,
    ThreadRun,
)
from asgi_sio_testclient._test_endings import reaches_test

if TYPE_CHECKING:
    from asgi_sio_testclient._waiting.services import LoopServices

__all__ = ["ThreadedInstrumentation"]

__tracebackhide__ = True

_THREADING = "threading"
_FLASKS_CLIENT = "flask_socketio.test_client"


class ThreadedInstrumentation:
    """An instrumented `socketio.Server` in threading mode. See `protocol.ServerInstrumentation`.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.
        services: the services of the event loop.

    Raises:
        UsageError: the server runs in eventlet or gevent, or Flask-SocketIO's own test client has
            taken it over.
    """

    def __init__(self, eio: Any, sio: Any, services: LoopServices) -> None:
        _require_threading(eio, sio)
        self.eio = eio
        self.sio = sio
        self.services = services
        self.users = 0
        self.shares = False  # the threads run without the event loop, too
        self.threaded = True
        self.output_shows = False
        self.sessions: dict[str, InstrumentedConnection] = {}
        self.runs: set[HandlerRun] = set()
        self.handlers = Handlers(sio)
        self.clients = Clients(eio, sio)
        self.sockets = ThreadedSockets(eio, self._run_in_thread)
        self.hooks = ServerHooks(eio, services.loop)
        self.log = ServerLog(eio, sio, self.hooks.instance)
        self._threads = ServerThreads(eio, services.loop)
        self._requests = ShieldedRequests(services.loop)

    @functools.cached_property
    def _refusals(self) -> RefusalRecorder:
        return RefusalRecorder(self.sio, self.handlers.find, threaded=self.threaded)

    # -- hooks

    def install(self, below: ServerHooks | None) -> None:
        """See `protocol.ServerInstrumentation`."""
        entries = {"message": self._message_hook, "disconnect": self._disconnect_hook}
        self.hooks.install(self._start_background_task, entries, below)
        self.hooks.instance.put(self.eio, "send_packet", self.sockets.send_packet)
        self.hooks.instance.put(self.eio, "sleep", self._threads.stoppable_sleep)
        self.log.install()
        if observers:
            self.hooks.observe(self.sio)

    def restore(self) -> None:
        """See `protocol.ServerInstrumentation`."""
        self.hooks.restore()

    def _start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """The hook on ``start_background_task``: run each target with a handle of its thread."""
        start, threads = self.hooks.start, self._threads
        name = getattr(target, "__name__", "")
        if name == HANDLER_TASK:
            # The arguments of Server._handle_event().
            _, sid, eio_sid, data, namespace, id_ = args
            owner = self.sessions.get(eio_sid)
            run = ThreadRun(self.handlers, owner, data[0], namespace, sid, id_)
            handle = threads.handle()
            run.task = cast("Any", handle)
            threads.call_in_loop(self._run_started, run)
            return start(threads.run, handle, self._handle, run, target, args)
        if self.sio is not None and getattr(target, "__self__", None) is self.sio.manager:
            # The listener of a pub/sub manager, which blocks in its broker for ever.
            return start(target, *args, **kwargs)
        if name == "_send_ping":
            return start(threads.run, threads.ping_handle(target.__self__.sid), target)
        if name == "_service_task":
            return start(threads.run, threads.service_handle(), self._serve, target)
        handle = threads.background_handle()
        return start(threads.run, handle, self._background, threads.owner, target, args, kwargs)

    def _run_in_thread(self, function: Callable[[], object]) -> ThreadHandle:
        handle = self._threads.handle()
        self.hooks.start(self._threads.run, handle, function)
        return handle

    def _handle(self, run: ThreadRun, target: Callable[..., object], args: Any) -> None:
        """Run a handler in its thread, and report its end and its exception."""
        run.begin()
        self._threads.owner = run.owner
        try:
            target(*args)
        except BaseException as exc:
            if run.owner is None or not reaches_test(exc):
                raise
            run.error = exc
            # The exception is raised in the test; else only threading.excepthook would report it.
            self._threads.call_in_loop(report, run.owner, exc, run)
        finally:
            run.ended = perf_counter()
            self._threads.call_in_loop(self._run_ended, run)

    def _background(
        self,
        owner: InstrumentedConnection | None,
        target: Callable[..., object],
        args: Any,
        kwargs: Any,
    ) -> None:
        """Run a background task of the app in its thread, and report its exception."""
        try:
            target(*args, **kwargs)
        except BaseException as exc:
            session = owner or next(iter(list(self.sessions.values())), None)
            if session is None or not reaches_test(exc):
                raise
            note(exc, "a background task", "")
            self._threads.call_in_loop(session.app_raised, exc)

    def _serve(self, target: Callable[[], object]) -> None:
        try:
            target()
        finally:
            # So that the server begins its service again with the next client.
            release_service(self.eio)

    def _message_hook(self, original: Any) -> Any:
        """Return the hook on the server's handler of messages."""

        def message(eio_sid: str, data: Any) -> None:
            owner = self.sessions.get(eio_sid)
            if owner is None:
                original(eio_sid, data)
                return
            self._threads.owner = owner
            self.sockets.message_arrived(eio_sid)
            run = self._inline_run(owner, eio_sid, data)
            connects = run if run is not None and run.event == "connect" else None
            if connects is not None:
                self._refusals.begin(connects)
            try:
                original(eio_sid, data)
            except BaseException as exc:
                if reaches_test(exc):
                    self._threads.call_in_loop(report, owner, exc, run, data)
                raise
            finally:
                self._threads.owner = None
                if connects is not None:
                    self._refusals.end(connects)
                if run is not None:
                    run.ended = perf_counter()
                    self._threads.call_in_loop(self._run_ended, run)
                self._threads.call_in_loop(self._handled, owner)

        return message

    def _disconnect_hook(self, original: Any) -> Any:
        """Return the hook on the server's handler of disconnects."""

        def disconnect(eio_sid: str, *reason: Any) -> None:
            owner = self.sessions.get(eio_sid)
            run = ThreadRun(self.handlers, owner, "disconnect", "*", None, None)
            run.begin()
            run.task = cast("Any", self._threads.handle())
            self._threads.call_in_loop(self.runs.add, run)
            try:
                original(eio_sid, *reason)
            except BaseException as exc:
                # A call without a reason is python-engineio's second try, after a TypeError
                # (Server._trigger_event).
                if reason and reaches_test(exc):
                    self._threads.call_in_loop(report, owner, exc, run)
                raise
            finally:
                run.ended = perf_counter()
                self._threads.call_in_loop(self._disconnect_ended, run)

        return disconnect

    def _inline_run(
        self, owner: InstrumentedConnection, eio_sid: str, data: Any
    ) -> ThreadRun | None:
        """Begin the run of the handler that `data` is about to start within the server's own call;
        return None if it starts none.
        """
        started = self.handlers.started_by(eio_sid, data)
        if started is None:
            return None
        run = ThreadRun(self.handlers, owner, *started)
        run.begin()
        run.task = cast("Any", self._threads.handle())
        self._threads.call_in_loop(self._run_started, run)
        return run

    # -- calls that the threads hand over to the event loop

    def _run_started(self, run: ThreadRun) -> None:
        self.runs.add(run)
        if run.owner is not None:
            run.owner.handler_started(run)

    def _run_ended(self, run: ThreadRun) -> None:
        owner = run.owner
        self._disconnect_ended(run)
        if owner is not None:
            owner.handler_ended(run)

    def _disconnect_ended(self, run: ThreadRun) -> None:
        self.runs.discard(run)
        cast("ThreadHandle", run.task).finish()
        # The transcript keeps the run, which must not hold the connection.
        run.owner = run.task = None
        self.services.idle.notify()

    def _handled(self, owner: InstrumentedConnection) -> None:
        owner.handled += 1
        self.services.idle.notify()

    def handle_failure(self, exc: BaseException) -> bool:
        """See `protocol.ServerInstrumentation`: this server has no tasks in the loop."""
        return False

    # -- access to the server

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """See `protocol.ServerInstrumentation`."""

        @asynccontextmanager
        async def session() -> AsyncIterator[MutableMapping[str, Any]]:
            with self.sio.session(sid, namespace) as values:
                yield values

        return session()

    def shielded_app(self, app: Any, connection: InstrumentedConnection) -> Any:
        """See `protocol.ThreadedServerInstrumentation`."""
        return self._requests.shield(app, connection)

    # -- cleaning up

    def ended_before(self) -> list[AppTask]:
        """See `protocol.ServerInstrumentation`."""
        return ended_before(self.eio, ())

    def track_started_tasks(self) -> None:
        """See `protocol.ServerInstrumentation`: threads that run already are not tracked."""

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        polled = self._requests.are_made_by(self.sessions.pop(eio_sid, None))
        self.sockets.release(eio_sid, polled=polled)
        self.clients.release(eio_sid)
        return cast("Any", self._threads.stop_ping(eio_sid))  # type: ignore[no-any-return]

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        return [] if self.users > 1 else cast("Any", self._threads.stop_service())

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        handles = [*self._threads.stop(), *self._requests.handles()]
        return [*cast("Any", handles), *self.stop_service()]

    def release(self) -> None:
        """See `protocol.ServerInstrumentation`."""
        self._threads.release()
        for eio_sid in list(self.sessions):
            self.release_connection(eio_sid)

    async def close_brokers(self) -> None:
        """See `protocol.ServerInstrumentation`: the manager listens in a thread, which runs on."""


def _require_threading(eio: Any, sio: Any) -> None:
    """Check that a server is in threading mode, and that its methods are its own.

    Raises:
        UsageError: see `ThreadedInstrumentation`.
    """
    if eio.async_mode != _THREADING:
        raise UsageError(
            f"the server's async_mode is {eio.async_mode!r}, which replaces modules that asyncio "
            "needs; in tests use SocketIO(async_mode='threading')"
        )
    # SocketIOTestClient.__init__ replaces _send_packet of the server.
    sends = getattr(sio, "_send_packet", None)
    if getattr(sends, "__module__", "") == _FLASKS_CLIENT:
        raise UsageError(
            "Flask-SocketIO's socketio.test_client() was called on this server, and has replaced "
            "methods of the server, so that other clients receive nothing: use another SocketIO "
            "object in tests with this client"
        )
