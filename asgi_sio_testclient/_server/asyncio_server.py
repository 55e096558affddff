"""Instruments python-socketio's asyncio server, and cleans up behind it.

The hooks are on the instance, like those of `AsyncServer.instrument()`, and are removed at the end:
`eio.start_background_task`, and the "message" and "disconnect" entries of `eio.handlers`; for a
client manager with a broker also its logger, and the function that opens its connections. The hooks
forward every call and re-raise every exception. No module outside of this folder may reach into the
server. Line references are to python-socketio 5.18 and python-engineio 4.15.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Coroutine, MutableMapping
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import engineio
import socketio

from asgi_sio_testclient._server.active_observers import observers
from asgi_sio_testclient._server.brokers import BrokerConnections
from asgi_sio_testclient._server.clients import Clients
from asgi_sio_testclient._server.ended_tasks import AppTask, ended_before
from asgi_sio_testclient._server.handlers import Handlers
from asgi_sio_testclient._server.hooks import HANDLER_TASK, ServerHooks
from asgi_sio_testclient._server.log import ServerLog
from asgi_sio_testclient._server.origins import frames, note, report
from asgi_sio_testclient._server.refused_connects import RefusalRecorder
from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
from asgi_sio_testclient._server.sockets import AsyncSockets
from asgi_sio_testclient._server.tasks import ServerTasks
from asgi_sio_testclient._test_endings import reaches_test
from asgi_sio_testclient._waiting.origin import ORIGIN, SERVICE
from asgi_sio_testclient.trace._active import active

if TYPE_CHECKING:
    from asgi_sio_testclient._server.recorder import Recorder
    from asgi_sio_testclient._waiting.services import LoopServices

__all__ = ["AsyncioInstrumentation"]

__tracebackhide__ = True

_STOCK_START = engineio.AsyncServer.start_background_task


class AsyncioInstrumentation:
    """An instrumented `socketio.AsyncServer`. See `protocol.ServerInstrumentation`.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.
        services: the services of the event loop.
    """

    def __init__(self, eio: Any, sio: Any, services: LoopServices) -> None:
        self.eio = eio
        self.sio = sio
        self.services = services
        self.users = 0
        self.shares = True
        self.threaded = False
        self.output_shows = True
        self.sessions: dict[str, InstrumentedConnection] = {}
        self.runs: set[HandlerRun] = set()
        self.handlers = Handlers(sio)
        self.clients = Clients(eio, sio)
        self.sockets = AsyncSockets(eio, services.loop)
        self.hooks = ServerHooks(eio, services.loop)
        self.log = ServerLog(eio, sio, self.hooks.instance)
        self._tasks = ServerTasks(eio, sio)
        self._brokers: BrokerConnections | None = None
        manager = None if sio is None else sio.manager
        if hasattr(manager, "_redis_connect"):
            self._brokers = BrokerConnections(manager)
        self._recorder: Recorder | None = None

    @functools.cached_property
    def _refusals(self) -> RefusalRecorder:
        return RefusalRecorder(self.sio, self.handlers.find, threaded=self.threaded)

    # -- hooks

    def install(self, below: ServerHooks | None) -> None:
        """See `protocol.ServerInstrumentation`."""
        entries = {"message": self._message_hook, "disconnect": self._disconnect_hook}
        self.hooks.install(self._start_background_task, entries, below)
        self._has_stock_start = getattr(self.hooks.start, "__func__", None) is _STOCK_START
        self.log.install()
        if self._brokers is not None:
            self._brokers.install()
        if observers:
            self.hooks.observe(self.sio)
        recording = active()
        if recording is not None and isinstance(self.sio, socketio.AsyncServer):
            from asgi_sio_testclient._server.recorder import Recorder  # noqa: PLC0415 (recorded only)

            self._recorder = Recorder(self.sio, recording, self._current_run, self._new_run)

    def restore(self) -> None:
        """See `protocol.ServerInstrumentation`."""
        if self._recorder is not None:
            self._recorder.restore()
            self._recorder = None
        self.hooks.restore()

    def _current_run(self) -> HandlerRun | None:
        current = asyncio.current_task()
        return next((run for run in self.runs if run.task is current), None)

    def _new_run(self, event: str, namespace: str, sid: str | None) -> HandlerRun:
        run = HandlerRun(self.handlers, None, event, namespace, sid, None)
        run.begin()
        return run

    def _start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """The hook on ``start_background_task``: track the tasks of handlers, of the server and
        of the app.
        """
        name = getattr(target, "__name__", "")
        if name == HANDLER_TASK:
            # The arguments of AsyncServer._handle_event().
            _, sid, eio_sid, data, namespace, id_ = args
            owner = self.sessions.get(eio_sid)
            run = HandlerRun(self.handlers, owner, data[0], namespace, sid, id_)
            self.runs.add(run)
            if owner is not None:
                owner.handler_started(run)
            task = self._start_internal(self._run_handler(run, target, args))
            run.task = task if run.ended is None else None
            return task
        if name == "_send_ping":
            self._tasks.pings[target.__self__.sid] = task = self._start_internal(target())
        elif name == "_service_task":
            context = contextvars.copy_context()
            context.run(SERVICE.set, True)
            self._tasks.service = task = context.run(self._start_internal, target())
        else:
            task = self.hooks.start(target, *args, **kwargs)
            self._tasks.background[task] = self._current_owner()
            task.add_done_callback(self._background_done)
        return task

    def _start_internal(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that does not count as a task of the app."""
        if self._has_stock_start:
            # The same as the original, without asyncio.ensure_future() for each packet.
            return self.services.work.create_untracked(coroutine)
        return self.hooks.start(lambda: coroutine)  # type: ignore[no-any-return]

    async def _run_handler(
        self, run: HandlerRun, target: Callable[..., Coroutine[Any, Any, Any]], args: Any
    ) -> Any:
        """Run a handler that has a task of its own, and report its start, end and exception."""
        ORIGIN.set((run, run.owner))
        run.started = perf_counter()
        # An eager task runs before create_task() has returned it.
        run.task = run.task or asyncio.current_task()
        try:
            return await target(*args)
        except BaseException as exc:
            if not reaches_test(exc):
                raise
            run.error = exc
            # The exception is raised in the test; asyncio need not log it as unretrieved.
            cast("asyncio.Task[Any]", run.task).add_done_callback(_retrieve)
            report(run.owner, exc, run)
            raise
        finally:
            run.ended = perf_counter()
            self.runs.discard(run)
            if run.id is not None and run.owner is not None:
                run.owner.handler_ended(run)
            # The transcript keeps the run, which must not hold the connection and the task.
            run.owner = run.task = None
            if self.services.idle.watchers:
                self.services.idle.notify()

    def _message_hook(self, original: Any) -> Any:
        """Return the hook on the server's handler of messages."""
        sessions, services, sio = self.sessions, self.services, self.sio

        async def message(eio_sid: str, data: Any) -> None:
            owner = sessions.get(eio_sid)
            if owner is None:
                await original(eio_sid, data)
                return
            owner.receiving = data
            run = previous = None
            if data.__class__ is not str or data[:1] != "2" or not (sio and sio.async_handlers):
                run = self._inline_run(owner, eio_sid, data)
                previous = ORIGIN.set((run or "a packet", owner))
            try:
                await original(eio_sid, data)
            except BaseException as exc:
                if reaches_test(exc):
                    report(owner, exc, run, data)
                raise
            finally:
                if previous is not None:
                    ORIGIN.reset(previous)
                owner.receiving = None
                owner.handled += 1
                if run is not None:
                    self._inline_ended(owner, run)
                if services.idle.watchers:
                    services.idle.notify()

        return message

    def _disconnect_hook(self, original: Any) -> Any:
        """Return the hook on the server's handler of disconnects."""

        async def disconnect(eio_sid: str, *reason: Any) -> None:
            owner = self.sessions.get(eio_sid)
            run = HandlerRun(self.handlers, owner, "disconnect", "*", None, None)
            run.begin()
            run.task = asyncio.current_task()
            self.runs.add(run)
            previous = ORIGIN.set((run, owner))
            try:
                await original(eio_sid, *reason)
            except BaseException as exc:
                # A call without a reason is python-engineio's second try, after a TypeError
                # (AsyncServer._trigger_event).
                if reason and reaches_test(exc):
                    report(owner, exc, run)
                raise
            finally:
                ORIGIN.reset(previous)
                run.ended = perf_counter()
                self.runs.discard(run)
                if self.services.idle.watchers:
                    self.services.idle.notify()

        return disconnect

    def _inline_run(
        self, owner: InstrumentedConnection, eio_sid: str, data: Any
    ) -> HandlerRun | None:
        """Begin the run of the handler that `data` is about to start within the server's own call;
        return None if it starts none.
        """
        started = self.handlers.started_by(eio_sid, data)
        if started is None:
            return None
        run = HandlerRun(self.handlers, owner, *started)
        run.begin()
        run.task = asyncio.current_task()
        self.runs.add(run)
        if run.event == "connect":
            self._refusals.begin(run)
        owner.handler_started(run)
        return run

    def _inline_ended(self, owner: InstrumentedConnection, run: HandlerRun) -> None:
        """End a run that `_inline_run` has begun."""
        if run.event == "connect":
            self._refusals.end(run)
        run.ended = perf_counter()
        self.runs.discard(run)
        owner.handler_ended(run)
        run.owner = run.task = None

    def _background_done(self, task: asyncio.Task[Any]) -> None:
        """Report the exception of a task that the app began, if nobody retrieves it."""
        owner = self._tasks.background.pop(task, None)
        if task.cancelled() or not task._log_traceback:
            return
        record = self.services.work.record_of(task)
        if record is not None and record.reports_to_a_client:
            # The code that began the task may still await it.
            self.services.report_failures_at_rest()
            return
        exc = task.exception()
        note(exc, "a background task", "")
        for session in [owner] if owner is not None else list(self.sessions.values())[:1]:
            session.app_raised(exc)  # type: ignore[arg-type]

    def _current_owner(self) -> InstrumentedConnection | None:
        run = self._current_run()
        return None if run is None else run.owner

    def handle_failure(self, exc: BaseException) -> bool:
        """See `protocol.ServerInstrumentation`.

        `AsyncManager.emit` sends each packet of a ``call()`` in a task whose exception is never
        retrieved.
        """
        for frame in frames(exc.__traceback__):
            owner = self.sessions.get(frame.f_locals.get("eio_sid", ""))
            if frame.f_code.co_name == "_send_packet" and owner is not None:
                owner.app_raised(exc)
                return True
        return False

    # -- access to the server

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """See `protocol.ServerInstrumentation`."""
        return self.sio.session(sid, namespace)  # type: ignore[no-any-return]

    # -- cleaning up

    def ended_before(self) -> list[AppTask]:
        """See `protocol.ServerInstrumentation`."""
        return ended_before(self.eio, self._tasks.background)

    def track_started_tasks(self) -> None:
        """See `protocol.ServerInstrumentation`."""
        self._tasks.track_started()

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        self.sessions.pop(eio_sid, None)
        self.clients.release(eio_sid)
        return self._tasks.stop_ping(eio_sid)

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        return [] if self.users > 1 else self._tasks.stop_service()

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """See `protocol.ServerInstrumentation`."""
        tasks = self._tasks.stop() + self.stop_service()
        self._tasks.reset()
        return tasks

    def release(self) -> None:
        """See `protocol.ServerInstrumentation`. Every task has ended with the loop."""
        self._tasks.reset()
        for eio_sid in list(self.sessions):
            self.release_connection(eio_sid)

    async def close_brokers(self) -> None:
        """See `protocol.ServerInstrumentation`."""
        if self._brokers is not None:
            await self._brokers.close()


def _retrieve(task: asyncio.Task[Any]) -> None:
    task.exception()
