"""Instruments python-socketio's asyncio server, and cleans up behind it.

The hooks are on the instance, as those of `AsyncServer.instrument()` are, counted and undone:
`eio.start_background_task`, and the "message" and "disconnect" entries of `eio.handlers`; of a
client manager with a broker also its logger and what opens its connections. The hooks forward every
call and re-raise every exception. No module outside of this folder may reach into the server. Line
references are to python-socketio 5.18 and python-engineio 4.15.
"""

from __future__ import annotations

import asyncio
import functools
import weakref
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, MutableMapping
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import engineio
import socketio

from asgi_sio_testclient._exceptions import UsageError, reaches_test
from asgi_sio_testclient._server.brokers import _ManagerLogger
from asgi_sio_testclient._server.emits import EmitLog, Emitted
from asgi_sio_testclient._server.ended import AppTask, ended_before, note_ended
from asgi_sio_testclient._server.find import _socketio_server_of
from asgi_sio_testclient._server.handlers import _dispatches
from asgi_sio_testclient._server.logged import Logged, quoting_logger
from asgi_sio_testclient._server.observers import ServerObservation, observers
from asgi_sio_testclient._server.origins import (
    _callback_context,
    _event_of,
    _frames,
    _handler_context,
    _own_error,
    _place_of_unentered,
    _qualified,
    _reserved_event,
    _source,
    note,
)
from asgi_sio_testclient._server.refusing import ConnectHandlers
from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
from asgi_sio_testclient._waiting.services import LoopServices
from asgi_sio_testclient._waiting.work import ORIGIN
from asgi_sio_testclient.trace._active import active

if TYPE_CHECKING:
    from asgi_sio_testclient._server.recorder import Recorder

__all__ = ["HANDLER_TASK", "ServerInstrumentation", "instrument", "restore"]

__tracebackhide__ = True

_TURNS = 10  # of the loop, that a request takes from the app's door into the server's queue
_STOCK_START = engineio.AsyncServer.start_background_task
_QUOTED = 8  # of the exceptions that the server logged
HANDLER_TASK = "_handle_event_internal"  # AsyncServer._handle_event starts it, a task per event


class ServerInstrumentation:
    """One instrumented server, in one event loop.

    Attributes:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it; None where there is none.
        sessions: the instrumented connections, by Engine.IO sid.
        runs: the handlers that run now.
        background: tasks that the app began with ``start_background_task``.
        broker_failure: when, by ``perf_counter()``, and with what words the server's client manager
            last said that its broker fails it; None where it did not.
        emits: what the server emitted lately, latest first.
        logged: the exceptions that the Engine.IO server logged lately.
    """

    broker_failure: tuple[float, str] | None = None
    shares = True  # the server with another loop's instrumentation, which stands still meanwhile
    emits: Iterable[Emitted] = ()
    output_shows = True  # what the server puts out is sent in tasks of the loop's
    threaded = False

    def __init__(self, eio: Any, services: LoopServices) -> None:
        self.eio = eio
        self.sio = _socketio_server_of(eio)
        self.services = services
        self.users = 0
        self.below: ServerInstrumentation | None = None
        self.sessions: dict[str, InstrumentedConnection] = {}
        self.runs: set[HandlerRun] = set()
        self.background: dict[asyncio.Task[Any], InstrumentedConnection | None] = {}
        self._pings: dict[str, asyncio.Task[Any]] = {}
        self._service: asyncio.Task[Any] | None = None
        self.originals: dict[str, Any] = {}
        self._hooks_of: dict[str, tuple[Any, Any]] = {}  # what was found, and what was put there
        self.logged: deque[Logged] = deque(maxlen=_QUOTED)
        self._brokers: list[Any] = []

    # -- hooks

    def install(self) -> None:
        """Put the hooks in place; `restore` takes them away again."""
        self._start = self._found_start = self.eio.start_background_task
        self._had_own_start = "start_background_task" in vars(self.eio)
        self._start_hook = self._start_background_task
        if self.below is not None:
            self._start, self._start_hook = self.below._start, self._dispatched_start
        self.eio.start_background_task = self._start_hook
        for event, make in (("message", self._message_hook), ("disconnect", self._disconnect_hook)):
            found = self.eio.handlers.get(event)
            if found is None:
                continue
            if self.below is None:
                original, hook = found, make(found)
            else:
                original = self.below.originals[event]
                hook = self._dispatched(make(original), found)
            self.originals[event] = original
            self._hooks_of[event] = found, hook
            self.eio.handlers[event] = hook
        self._has_stock_start = getattr(self._start, "__func__", None) is _STOCK_START

        if self.sio is not None:
            self.emits = self._emit_log = EmitLog(self.sio.manager)
        self._log = self.eio.logger
        self._quoting_log = self.eio.logger = quoting_logger(self._log, self.logged.append)
        self._hook_manager()
        self._hook_broker()
        observed = bool(observers) and self.sio is not None
        self._observation = ServerObservation(self.sio) if observed else None
        recording = active()
        self._recorder: Recorder | None = None
        if recording is not None and isinstance(self.sio, socketio.AsyncServer):
            from asgi_sio_testclient._server.recorder import Recorder  # noqa: PLC0415 (recorded only)

            self._recorder = Recorder(self.sio, recording, self._current_run, self._new_run)

    @functools.cached_property
    def _connect_handlers(self) -> ConnectHandlers:
        return ConnectHandlers(self.sio, self._handler, threaded=self.threaded)

    def _current_run(self) -> HandlerRun | None:
        current = asyncio.current_task()
        return next((run for run in self.runs if run.task is current), None)

    def _new_run(self, event: str, namespace: str, sid: str | None) -> HandlerRun:
        run = HandlerRun(self, None, event, namespace, sid, None)
        run.begin()
        return run

    def _hook_manager(self) -> None:
        manager: Any = getattr(self.sio, "manager", None)
        # Those with a channel have a broker. They log what fails, and go on.
        self._manager = manager if hasattr(manager, "channel") else None
        if self._manager is not None:
            self._logger = manager.logger
            manager.logger = _ManagerLogger(manager._get_logger(), self._broker_failed)

    def _hook_broker(self) -> None:
        manager: Any = getattr(self.sio, "manager", None)
        if hasattr(manager, "_redis_connect"):
            self._connect_redis = manager._redis_connect
            manager._redis_connect = self._redis_connect

    def _redis_connect(self) -> None:
        """AsyncRedisManager makes its connections anew after an error, and never closes one."""
        self._connect_redis()
        self._brokers += [self.sio.manager.pubsub, self.sio.manager.redis]

    async def close_brokers(self) -> None:
        """End the connections that the server's manager made under this instrumentation."""
        brokers, self._brokers = self._brokers, []
        for connection in brokers:
            await connection.aclose()
        if brokers:
            self.sio.manager.connected = False
            del self.sio.manager._redis_connect

    def restore(self) -> None:
        """Leave the server as it was found; what somebody else has put over a hook since stays."""
        if self._recorder is not None:
            self._recorder.restore()
        if vars(self.eio).get("start_background_task") == self._start_hook:
            if self._had_own_start:
                self.eio.start_background_task = self._found_start
            else:
                del self.eio.start_background_task
        for event, (found, hook) in self._hooks_of.items():
            if self.eio.handlers.get(event) is hook:
                self.eio.handlers[event] = found
        if self._manager is not None and isinstance(self._manager.logger, _ManagerLogger):
            self._manager.logger = self._logger
        if self._observation is not None:
            self._observation.restore()
        if self.eio.logger is self._quoting_log:
            self.eio.logger = self._log
        if self.sio is not None:
            self._emit_log.restore()

    def _dispatched_start(self, target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        mine = asyncio.get_running_loop() is self.services.loop
        start = self._start_background_task if mine else self._found_start
        return start(target, *args, **kwargs)

    def _dispatched(self, hook: Any, found: Any) -> Any:
        """The hook in this loop, and what was found in the others."""
        loop = self.services.loop

        async def dispatched(eio_sid: str, *args: Any) -> None:
            await (hook if asyncio.get_running_loop() is loop else found)(eio_sid, *args)

        return dispatched

    def _start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        name = getattr(target, "__name__", "")
        if name == HANDLER_TASK:
            # The arguments that AsyncServer._handle_event() gives it.
            _, sid, eio_sid, data, namespace, id_ = args
            owner = self.sessions.get(eio_sid)
            run = HandlerRun(self, owner, data[0], namespace, sid, id_)
            self.runs.add(run)
            if owner is not None:
                owner.handler_started(run)
            task = self._start_plumbing(self._run_handler(run, target, args))
            run.task = task if run.ended is None else None
            return task
        if name == "_send_ping":
            self._pings[target.__self__.sid] = task = self._start_plumbing(target())
        elif name == "_service_task":
            self._service = task = self._start_plumbing(target())
        else:
            task = self._start(target, *args, **kwargs)
            self.background[task] = self._current_owner()
            task.add_done_callback(self._background_done)
        return task

    def _start_plumbing(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin what is not followed as a task of the app's."""
        if self._has_stock_start:
            # The same, without a way through asyncio.ensure_future() for each packet.
            return self.services.work.create_untracked(coroutine)
        return self._start(lambda: coroutine)  # type: ignore[no-any-return]

    async def _run_handler(
        self, run: HandlerRun, target: Callable[..., Coroutine[Any, Any, Any]], args: Any
    ) -> Any:
        ORIGIN.set((run, run.owner))
        run.started = perf_counter()
        if run.task is None:
            # An eager task runs before create_task() has returned it.
            run.task = asyncio.current_task()
        try:
            return await target(*args)
        except BaseException as exc:
            if not reaches_test(exc):
                raise
            run.error = exc
            # It reaches the test; asyncio need not complain that nobody retrieved it.
            cast("asyncio.Task[Any]", run.task).add_done_callback(_retrieve)
            self._report(run.owner, exc, run)
            raise
        finally:
            run.ended = perf_counter()
            self.runs.discard(run)
            if run.id is not None and run.owner is not None:
                run.owner.handler_ended(run)
            # The transcript keeps the run; it need not keep a connection and a task with it.
            run.owner = run.task = None
            if self.services.idle.watchers:
                self.services.idle.notify()

    def _message_hook(self, original: Any) -> Any:
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
                    self._report(owner, exc, run, data)
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
        async def disconnect(eio_sid: str, *reason: Any) -> None:
            owner = self.sessions.get(eio_sid)
            run = HandlerRun(self, owner, "disconnect", "*", None, None)
            run.begin()
            run.task = asyncio.current_task()
            self.runs.add(run)
            previous = ORIGIN.set((run, owner))
            try:
                await original(eio_sid, *reason)
            except BaseException as exc:
                # Without a reason it is python-engineio's second try, after a TypeError
                # (AsyncServer._trigger_event).
                if reason and reaches_test(exc):
                    self._report(owner, exc, run)
                raise
            finally:
                ORIGIN.reset(previous)
                run.ended = perf_counter()
                self.runs.discard(run)
                self.services.idle.notify()

        return disconnect

    def _inline_run(
        self, owner: InstrumentedConnection, eio_sid: str, data: Any
    ) -> HandlerRun | None:
        """The handler that `data` is about to start within the server's own call; None where it
        starts none.
        """
        if self.sio is None:
            return None
        packet, started = self.sio._binary_packet.get(eio_sid), None
        if packet is None and self.sio.packet_class.uses_binary_events:
            started = _reserved_event(data)
        if started is None:
            if packet is None:
                try:
                    packet = self.sio.packet_class(encoded_packet=data)
                except Exception:  # noqa: BLE001 (a message that can't be read starts no handler; the server says so itself)
                    return None
            event = _event_of(packet, inline=not self.sio.async_handlers)
            if event is None:
                return None
            started = event, packet.namespace or "/", packet.id
        event, namespace, id_ = started
        if self._handler(event, namespace) is None:
            return None
        sid = self.sio.manager.sid_from_eio_sid(eio_sid, namespace)
        return self._begin(owner, event, namespace, sid, id_)

    def _begin(
        self,
        owner: InstrumentedConnection,
        event: str,
        namespace: str,
        sid: str | None,
        id: int | None,
    ) -> HandlerRun:
        run = HandlerRun(self, owner, event, namespace, sid, id)
        run.begin()
        run.task = asyncio.current_task()
        self.runs.add(run)
        if event == "connect":
            self._connect_handlers.begin(run)
        owner.handler_started(run)
        return run

    def _inline_ended(self, owner: InstrumentedConnection, run: HandlerRun) -> None:
        if run.event == "connect":
            self._connect_handlers.end(run)
        run.ended = perf_counter()
        self.runs.discard(run)
        owner.handler_ended(run)
        run.owner = run.task = None

    def _background_done(self, task: asyncio.Task[Any]) -> None:
        owner = self.background.pop(task, None)
        if task.cancelled() or not task._log_traceback:
            return
        record = self.services.work.record_of(task)
        if record is not None and record.reports_to_a_client:
            # What began it may still await it.
            self.services.report_failures_at_rest()
            return
        exc = task.exception()
        note(exc, "a background task", "")
        for session in [owner] if owner is not None else list(self.sessions.values())[:1]:
            session.app_raised(exc)  # type: ignore[arg-type]

    def _current_owner(self) -> InstrumentedConnection | None:
        run = self._current_run()
        return None if run is None else run.owner

    # -- what the app raised

    def _report(
        self,
        owner: InstrumentedConnection | None,
        exc: BaseException,
        run: HandlerRun | None,
        data: Any = None,
    ) -> None:
        if owner is None:
            return
        context = _handler_context(exc.__traceback__)
        if context is not None:
            event, namespace, sid, handler = context
            name = _qualified(handler, event)
            if event in {"connect", "disconnect"}:
                exc = _own_error(exc, name)
            sid = run.sid if run is not None and run.sid else sid
            where = f"event {event!r}, namespace {namespace!r}, sid {sid!r}"
            note(exc, name, where + _place_of_unentered(exc, name, handler, event))
        elif run is None and (callback := _callback_context(exc.__traceback__)) is not None:
            namespace, sid, handler = callback
            where = f"the callback of an ack, namespace {namespace!r}, sid {sid!r}"
            note(exc, _qualified(handler, ""), where)
        elif run is not None:
            where = f"event {run.event!r}, namespace {run.namespace!r}, sid {run.sid!r}"
            note(exc, run.name or "the server", where)
        else:
            # Not the packet itself: with CONNECT it carries what the client logs in with.
            what = f"a packet of {len(data)} {'characters' if isinstance(data, str) else 'bytes'}"
            note(exc, "the server", f"while it read {what}; do both sides use the same serializer?")
        owner.app_raised(exc, run)

    # -- questions

    def has_handler(self, event: str, namespace: str) -> bool:
        """Whether the app handles that event there, by name or by a catch-all."""
        return self._handler(event, namespace) is not None

    def _broker_failed(self, failure: tuple[float, str]) -> None:
        self.broker_failure = failure

    def handler_name(self, event: str, namespace: str) -> str:
        """The qualified name of the handler, "" for none."""
        handler = self._handler(event, namespace)
        return "" if handler is None else _qualified(handler, event)

    def handler_source(self, event: str, namespace: str) -> str:
        """File and line of the handler, "" where it has none or is not written in Python."""
        return _source(self._handler(event, namespace), event)

    def _handler(self, event: str, namespace: str) -> Any:
        if self.sio is None:
            return None
        handler, _ = self.sio._get_event_handler(event, namespace, ())
        if handler is None:
            handler, _ = self.sio._get_namespace_handler(namespace, ())
            if handler is not None and not _dispatches(handler, event):
                handler = None
        return handler

    def known_events(self, namespace: str) -> set[str]:
        """Names that the app has handlers for, there and in catch-all namespaces."""
        if self.sio is None:
            return set()
        names = {name for space in (namespace, "*") for name in self.sio.handlers.get(space, {})}
        for space in (namespace, "*"):
            handler = self.sio.namespace_handlers.get(space)
            names.update(name[3:] for name in dir(handler) if name.startswith("on_"))
        return names - {"*", "connect", "disconnect"}

    def known_namespaces(self) -> set[str]:
        """Namespaces that a client can connect to."""
        if self.sio is None:
            return set()
        named = () if self.sio.namespaces == "*" else self.sio.namespaces
        return {*self.sio.handlers, *self.sio.namespace_handlers, *named} - {"*"}

    def rooms(self, sid: str, namespace: str) -> list[Any]:
        """The rooms that the server has a client in."""
        return list(self.sio.manager.get_rooms(sid, namespace)) if self.sio is not None else []

    def ended_before(self) -> list[AppTask]:
        """The app's tasks that ended with an earlier client, and do not run again."""
        return ended_before(self.eio, self.background)

    @property
    def related(self) -> set[Any]:
        """What it may set something off through: itself, and a broker shared with other nodes."""
        medium = getattr(getattr(self.sio, "manager", None), "medium", None)
        return {self.eio} if medium is None else {self.eio, medium}

    @property
    def handles_disconnects(self) -> bool:
        """Whether code of the app's may run when a connection ends."""
        sio = self.sio
        if sio is None or sio.namespace_handlers:
            return True
        for handlers in sio.handlers.values():  # noqa: SIM110 (asked at each exit; a generator costs as much again)
            if "disconnect" in handlers:
                return True
        return False

    @property
    def always_connect(self) -> bool:
        """Whether the server sends CONNECT before it asks the connect handler."""
        return self.sio is not None and bool(self.sio.always_connect)

    def has_output(self, eio_sid: str) -> bool:
        """Whether the server still has something to send to a connection."""
        socket = self.eio.sockets.get(eio_sid)
        # AsyncSocket.poll() calls task_done() in the step in which the writer goes on to send.
        return socket is not None and socket.queue._unfinished_tasks > 0 and not socket.closed

    def sends(self, eio_sid: str) -> bool:
        """Whether the server may be on its way with what it has taken out of the queue."""
        socket = self.eio.sockets.get(eio_sid)
        # Else the writer, or the pending GET, is back in queue.get(): what it took has been sent.
        return socket is not None and not socket.queue._getters and not socket.closed

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """A NOOP came over a connection. For servers that have to be asked by it."""

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """The server's session dictionary of a client."""
        return self.sio.session(sid, namespace)  # type: ignore[no-any-return]

    # -- cleaning up

    def release_poll(self, eio_sid: str) -> None:
        """Let the pending GET of a session that is over answer now; the server would hold it for
        another 45 s.
        """
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            socket.queue.put_nowait(None)

    def expire_poll(self, eio_sid: str) -> None:
        """Let it answer as it would after those 45 s: with 400."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            self._expire_getter(socket, _TURNS)

    def _expire_getter(self, socket: Any, turns: int) -> None:
        # AsyncSocket.poll() takes a cancelled wait for one that was too long.
        getters = list(socket.queue._getters)
        for getter in getters:
            getter.cancel()
        if not getters and turns:
            # The GET is on its way there.
            self.services.loop.call_soon(self._expire_getter, socket, turns - 1)
        elif not getters:
            socket.queue.put_nowait(None)

    def is_open(self, eio_sid: str) -> bool:
        """Whether the server takes a connection for open."""
        socket = self.eio.sockets.get(eio_sid)
        return socket is not None and not socket.closed and not socket.closing

    async def time_out(self, eio_sid: str) -> None:
        """Bring forward what the server does with a client that is gone and can't say so:
        AsyncSocket.check_ping_timeout.
        """
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            await socket.close(wait=False, abort=True, reason=self.eio.reason.PING_TIMEOUT)
            socket.queue.put_nowait(None)

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """A connection is over: end its ping timer, and drop what a failed connect handler leaves
        in the manager for good.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        self.sessions.pop(eio_sid, None)
        self.eio.sockets.pop(eio_sid, None)
        if self.sio is not None:
            self.sio.environ.pop(eio_sid, None)
            self.sio._binary_packet.pop(eio_sid, None)
            manager = self.sio.manager
            for namespace in list(manager.get_namespaces()):
                sid = manager.sid_from_eio_sid(eio_sid, namespace)
                if sid is not None:
                    manager.basic_disconnect(sid, namespace)
        ping = self._pings.pop(eio_sid, None)
        if ping is None or ping.done():
            return []
        ping.cancel()
        return [ping]

    def connected_sids(self, eio_sid: str) -> list[tuple[str, str]]:
        """Namespaces in which the server still counts a connection as connected, with its sid
        there.
        """
        if self.sio is None:
            return []
        manager = self.sio.manager
        sids = [
            (namespace, manager.sid_from_eio_sid(eio_sid, namespace))
            for namespace in manager.get_namespaces()
        ]
        return [(namespace, sid) for namespace, sid in sids if sid is not None]

    def track_started_tasks(self) -> None:
        """Take charge of tasks that the server began before it was found."""
        for task in asyncio.all_tasks():
            coroutine: Any = task.get_coro()
            frame = getattr(coroutine, "cr_frame", None)
            owner: Any = None if frame is None else frame.f_locals.get("self")
            if coroutine.__name__ == "_send_ping" and getattr(owner, "server", None) is self.eio:
                self._pings.setdefault(owner.sid, task)
            elif coroutine.__name__ == "_service_task" and owner is self.eio:
                # With other connections open it may well be somebody else's.
                self._service = self._service or (task if len(self.eio.sockets) == 1 else None)

    def serializer_mismatch(self, packet_class: Any) -> str:
        """What is wrong where server and client code packets in different ways; "" where they
        don't.
        """
        if self.sio is None:
            return ""
        theirs = self.sio.packet_class
        if theirs.uses_binary_events == packet_class.uses_binary_events:
            return ""
        wanted = "default" if theirs.uses_binary_events else "msgpack"
        return (
            f"serializer mismatch: the server's serializer is {theirs.__name__}, this client's is "
            f"{packet_class.__name__}: pass serializer={wanted!r}"
        )

    def handle_failure(self, exc: BaseException) -> bool:
        """A task of the server's failed and nobody waits for it; whether a client here is
        concerned.

        `AsyncManager.emit` sends each packet of a ``call()`` in a task whose failure nobody reads.
        """
        for frame in _frames(exc.__traceback__):
            owner = self.sessions.get(frame.f_locals.get("eio_sid", ""))
            if frame.f_code.co_name == "_send_packet" and owner is not None:
                owner.app_raised(exc)
                return True
        return False

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """Cancel what the server and the app began and nobody else ends.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        if self.background:
            note_ended(self.eio, self.background)
        tasks = [*self.background, *self._pings.values()]
        for task in tasks:
            task.cancel()
        tasks += self.stop_service()
        self.reset()
        return tasks

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """End the server's service task, if this is its last user and saw it begin.

        Returns:
            the task, to be waited for.
        """
        service = self._service
        if service is None or self.users > 1:
            return []
        if self.eio.service_task_event is None:
            service.cancel()  # it has not begun
        else:
            self.eio.service_task_event.set()  # as AsyncServer.shutdown() does
        self._release_service()
        return [service]

    def release(self) -> None:
        """The loop is gone, and with it every task: only what the server remembers is left to clean
        up.
        """
        self.reset()
        for eio_sid in list(self.sessions):
            self.release_connection(eio_sid)

    def reset(self) -> None:
        """Let the server begin afresh in the next event loop with what it believes to be running
        already.
        """
        if self._service is not None:
            self._release_service()
        if self.sio is not None and getattr(self.sio.manager, "thread", None) in self.background:
            # A pub/sub manager's listener: initialize() starts it anew at the next connection.
            self.sio.manager_initialized = False
        for task in self.background:
            _release_task(task)
        self._pings.clear()

    def _release_service(self) -> None:
        self._service = None
        self.eio.service_task_handle = None
        self.eio.service_task_event = None
        self.eio.start_service_task = True


# Of one server, for each event loop in which it is in use; of a later one the hooks lie on top.
_INSTRUMENTATIONS: weakref.WeakKeyDictionary[Any, list[ServerInstrumentation]] = (
    weakref.WeakKeyDictionary()
)


def instrument(
    eio: Any, services: LoopServices, kind: type[ServerInstrumentation] = ServerInstrumentation
) -> ServerInstrumentation:
    """Return the instrumentation of a server in this loop, of that kind; `restore` it as often.

    In another loop that stands still, as pytest-asyncio's session loop does while a test with a
    loop of its own runs, the server may be in use at the same time: each loop has an
    instrumentation of its own.

    Raises:
        UsageError: a client of the same server is in use in another loop that runs, in another
            thread; or, where the server runs in threads, in another loop that is not closed.
    """
    instrumentations = _INSTRUMENTATIONS.setdefault(eio, [])
    current = next((other for other in instrumentations if other.services is services), None)
    if current is None:
        for other in list(instrumentations):
            _make_way(other, services, instrumentations)
        current = kind(eio, services)
        _put_on_top(current, instrumentations)
    current.users += 1
    return current


def _make_way(
    other: ServerInstrumentation,
    services: LoopServices,
    instrumentations: list[ServerInstrumentation],
) -> None:
    """Take away what was left behind on a loop that is gone, by a client that was never closed.

    Raises:
        UsageError: the loop is not gone, and the server can't run in both.
    """
    loop = other.services.loop
    if loop is services.loop or loop.is_closed():
        _take_away(other, instrumentations)
        other.release()
    elif loop.is_running() or not other.shares:
        parked = "" if loop.is_running() else ", which stands still now but is not closed"
        raise UsageError(
            f"the app's server is in use by a client in another event loop{parked}, and can't "
            "run in two at once: leave that client first, or take its clone() for one more user"
        )


def _put_on_top(
    current: ServerInstrumentation, instrumentations: list[ServerInstrumentation]
) -> None:
    current.below = below = instrumentations[-1] if instrumentations else None
    if below is not None:
        current.sio = below.sio  # its hook hides the server's own handler
    current.install()
    instrumentations.append(current)


def _take_away(
    current: ServerInstrumentation, instrumentations: list[ServerInstrumentation]
) -> None:
    """Undo one instrumentation's hooks: undo those on top before, and put them back after."""
    if len(instrumentations) == 1:
        current.restore()
        instrumentations.clear()
        return
    position = instrumentations.index(current)
    above = instrumentations[position + 1 :]
    for other in [*reversed(above), current]:
        other.restore()
    del instrumentations[position:]
    for other in above:
        _put_on_top(other, instrumentations)


def restore(current: ServerInstrumentation) -> list[asyncio.Task[Any]]:
    """Undo `instrument`; return the tasks to be waited for if this was the last user."""
    current.users -= 1
    if current.users:
        return []
    instrumentations = _INSTRUMENTATIONS.get(current.eio, [])
    if current in instrumentations:
        _take_away(current, instrumentations)
    return current.stop_tasks()


def _release_task(task: asyncio.Task[Any]) -> None:
    """Let python-socketio's own object that began a task once begin it anew: the admin UI's."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    owner: Any = None if frame is None else frame.f_locals.get("self")
    if type(owner).__module__.partition(".")[0] != "socketio":
        return
    for name, value in list(vars(owner).items()):
        if value is task:
            setattr(owner, name, None)


def _retrieve(task: asyncio.Task[Any]) -> None:
    task.exception()
