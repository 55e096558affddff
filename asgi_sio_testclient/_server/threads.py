"""python-socketio's other server, `socketio.Server` in threading mode, as Flask-SocketIO has it:
found in a WSGI app behind an ASGI bridge, instrumented, and cleaned up behind.

It is `_server` once more for a server that runs in threads: hooks on the instance, counted and
undone. What differs: nothing of it stands in the call stack of the event loop; the hooks are called
in the server's threads, and tell the loop, in order; threads can't be cancelled, so that they are
woken and asked to end. Line references are to python-socketio 5.18 and python-engineio 4.15.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncIterator, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import engineio
import socketio
from engineio.packet import NOOP, Packet

from asgi_sio_testclient._exceptions import UsageError, reaches_test
from asgi_sio_testclient._server.find import _reachable
from asgi_sio_testclient._server.instrumentation import HANDLER_TASK, ServerInstrumentation
from asgi_sio_testclient._server.origins import note
from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
from asgi_sio_testclient._waiting.suspended import codes_in_thread, thread_suspended_at

if TYPE_CHECKING:
    from asgi_sio_testclient._waiting.services import LoopServices
    from asgi_sio_testclient._waiting.work import Work

__all__ = ["ThreadedInstrumentation", "instrumentation_class"]

__tracebackhide__ = True

_CALL = socketio.Server.call.__code__
_THREADING = "threading"
_FLASKS_CLIENT = "flask_socketio.test_client"


def instrumentation_class(eio: Any) -> type[ServerInstrumentation]:
    """Return the class that instruments a server."""
    return ThreadedInstrumentation if isinstance(eio, engineio.Server) else ServerInstrumentation


class ThreadHandle(asyncio.Future[None]):
    """The end of a thread of the server's: what the loop can wait for, as for a task.

    A thread can't be cancelled: `cancel` asks it to end at its next ``eio.sleep()``.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ask: Callable[[], object]) -> None:
        super().__init__(loop=loop)
        self.sleeps = False
        self.stop = threading.Event()
        self._ask = ask

    def cancel(self, msg: Any = None) -> bool:
        """Ask it to end."""
        self.stop.set()
        self._ask()
        return False

    def finish(self) -> None:
        """It has ended."""
        if not self.done():
            self.set_result(None)


class _AskedToEnd(SystemExit):
    """Ends a thread; no handler's ``except Exception`` stops it."""


class ThreadRun(HandlerRun):
    """One run of one handler in a thread."""

    __slots__ = ("_thread",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._thread = threading.get_ident()

    def begin(self) -> None:
        """It begins, in the thread that calls this."""
        self._thread = threading.get_ident()
        super().begin()

    @property
    def awaits_client(self) -> bool:
        """Whether it waits in ``Server.call()`` for a client's ack."""
        return self.ended is None and _CALL in codes_in_thread(self._thread)

    def is_outside(self, work: Work) -> bool:
        """Whether it runs: it does so in a thread, unless it waits for the client."""
        return self.ended is None and not self.awaits_client

    @property
    def place(self) -> str:
        """Where it is now; "" where no line of the app's own runs."""
        return thread_suspended_at(self._thread) if self.ended is None else ""


class ThreadedInstrumentation(ServerInstrumentation):
    """One threaded instrumented server, in one event loop. See `ServerInstrumentation`.

    What is counted is changed in the loop alone, by calls that the server's threads hand over. The
    loop makes them in the order in which one thread gave them, and before it sees the response that
    the thread gave after them.

    Raises:
        UsageError: the server runs in eventlet or gevent, or Flask-SocketIO's own test client has
            taken it over.
    """

    shares = False  # its threads run whether a loop does or not
    output_shows = False
    threaded = True

    def __init__(self, eio: Any, services: LoopServices) -> None:
        if eio.async_mode != _THREADING:
            raise UsageError(
                f"the server's async_mode is {eio.async_mode!r}, which replaces what asyncio "
                "stands on; for tests make it SocketIO(async_mode='threading')"
            )
        if _taken_over(eio):
            raise UsageError(
                "Flask-SocketIO's socketio.test_client() was made of this server: it replaces the "
                "server's methods for good, and nothing reaches other clients any more; give "
                "tests of the two kinds a SocketIO each"
            )
        self._current = threading.local()
        self._lock = threading.Lock()
        self._sockets: dict[str, Any] = {}
        self._put: dict[str, int] = {}
        self._delivered: dict[str, int] = {}
        self._asked: dict[str, int] = {}
        self._ping_handles: dict[str, ThreadHandle] = {}
        self._service_handle: ThreadHandle | None = None
        self._threads: dict[ThreadHandle, InstrumentedConnection | None] = {}
        self._requests: dict[asyncio.Task[None], InstrumentedConnection] = {}
        self._send = eio.send_packet
        self._sleep = eio.sleep
        super().__init__(eio, services)

    # -- hooks

    def install(self) -> None:
        """See `ServerInstrumentation`."""
        super().install()
        self._hooks = {"send_packet": self._send_packet, "sleep": self._stoppable_sleep}
        self._replaced = {name: vars(self.eio).get(name) for name in self._hooks}
        for name, hook in self._hooks.items():
            setattr(self.eio, name, hook)

    def restore(self) -> None:
        """See `ServerInstrumentation`."""
        super().restore()
        for name, hook in self._hooks.items():
            if vars(self.eio).get(name) == hook:
                delattr(self.eio, name)
                if self._replaced[name] is not None:
                    setattr(self.eio, name, self._replaced[name])

    def _hook_broker(self) -> None:
        """Its manager listens in a thread of its own, which goes on."""

    def _tell(self, call: Callable[..., object], *args: Any) -> None:
        """Have the loop make a call. For the server's threads."""
        # A loop that is closed has nobody left who would want to know.
        with contextlib.suppress(RuntimeError):
            self.services.loop.call_soon_threadsafe(call, *args)

    def _send_packet(self, eio_sid: str, packet: Any) -> None:
        try:
            self._send(eio_sid, packet)
        finally:
            # Counted when it is in the queue: who asks for that number then asks behind it.
            with self._lock:
                self._put[eio_sid] = self._put.get(eio_sid, 0) + 1

    def _stoppable_sleep(self, seconds: float = 0) -> None:
        end: ThreadHandle | None = getattr(self._current, "end", None)
        if end is None:
            self._sleep(seconds)
            return
        end.sleeps = True
        if end.stop.wait(seconds):
            raise _AskedToEnd
        end.sleeps = False

    def _start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        name = getattr(target, "__name__", "")
        if name == HANDLER_TASK:
            # The arguments that Server._handle_event() gives it.
            _, sid, eio_sid, data, namespace, id_ = args
            run = ThreadRun(self, self.sessions.get(eio_sid), data[0], namespace, sid, id_)
            end = self._end_of(run)
            self._tell(self._run_started, run)
            return self._start(self._in_thread, end, self._handle, run, target, args)
        if self.sio is not None and getattr(target, "__self__", None) is self.sio.manager:
            # A pub/sub manager's listener: it blocks in its broker, and is there once for good.
            return self._start(target, *args, **kwargs)
        end = ThreadHandle(
            self.services.loop, self._ask_service if name == "_service_task" else _nothing
        )
        if name == "_send_ping":
            self._tell(self._ping_handles.__setitem__, target.__self__.sid, end)
            return self._start(self._in_thread, end, target)
        if name == "_service_task":
            self._tell(setattr, self, "_service_handle", end)
            return self._start(self._in_thread, end, self._serve, target)
        owner = self._current_owner()
        self._tell(self._threads.__setitem__, end, owner)
        return self._start(self._in_thread, end, self._background, owner, target, args, kwargs)

    def _in_thread(self, end: ThreadHandle, body: Callable[..., object], *args: Any) -> None:
        self._current.end = end
        try:
            with contextlib.suppress(_AskedToEnd):
                body(*args)
        finally:
            self._tell(self._thread_ended, end)

    def _thread_ended(self, end: ThreadHandle) -> None:
        self._threads.pop(end, None)
        end.finish()

    def _handle(self, run: ThreadRun, target: Callable[..., object], args: Any) -> None:
        run.begin()
        self._current.owner = run.owner
        try:
            target(*args)
        except BaseException as exc:
            if run.owner is None or not reaches_test(exc):
                raise
            run.error = exc
            # It reaches the test; nobody else would hear it but threading.excepthook.
            self._tell(self._report, run.owner, exc, run)
        finally:
            run.ended = perf_counter()
            self._tell(self._run_ended, run)

    def _background(
        self,
        owner: InstrumentedConnection | None,
        target: Callable[..., object],
        args: Any,
        kwargs: Any,
    ) -> None:
        try:
            target(*args, **kwargs)
        except BaseException as exc:
            hearer = owner or next(iter(list(self.sessions.values())), None)
            if hearer is None or not reaches_test(exc):
                raise
            note(exc, "a background task", "")
            self._tell(hearer.app_raised, exc)

    def _serve(self, target: Callable[[], object]) -> None:
        try:
            target()
        finally:
            # So that the next client finds a server that has not begun.
            self._release_service()

    def _message_hook(self, original: Any) -> Any:
        def message(eio_sid: str, data: Any) -> None:
            owner = self.sessions.get(eio_sid)
            if owner is None:
                original(eio_sid, data)
                return
            self._current.owner = owner
            self._sockets[eio_sid] = self.eio.sockets.get(eio_sid)
            run = self._inline_run(owner, eio_sid, data)
            connects = run if run is not None and run.event == "connect" else None
            if connects is not None:
                self._connect_handlers.begin(connects)
            try:
                original(eio_sid, data)
            except BaseException as exc:
                if reaches_test(exc):
                    self._tell(self._report, owner, exc, run, data)
                raise
            finally:
                self._current.owner = None
                if connects is not None:
                    self._connect_handlers.end(connects)
                if run is not None:
                    run.ended = perf_counter()
                    self._tell(self._run_ended, run)
                self._tell(self._handled, owner)

        return message

    def _disconnect_hook(self, original: Any) -> Any:
        def disconnect(eio_sid: str, *reason: Any) -> None:
            owner = self.sessions.get(eio_sid)
            run = ThreadRun(self, owner, "disconnect", "*", None, None)
            run.begin()
            self._end_of(run)
            self._tell(self.runs.add, run)
            try:
                original(eio_sid, *reason)
            except BaseException as exc:
                # Without a reason it is python-engineio's second try, after a TypeError
                # (Server._trigger_event).
                if reason and reaches_test(exc):
                    self._tell(self._report, owner, exc, run)
                raise
            finally:
                run.ended = perf_counter()
                self._tell(self._disconnect_ended, run)

        return disconnect

    def _begin(
        self,
        owner: InstrumentedConnection,
        event: str,
        namespace: str,
        sid: str | None,
        id: int | None,
    ) -> ThreadRun:
        run = ThreadRun(self, owner, event, namespace, sid, id)
        run.begin()
        self._end_of(run)
        self._tell(self._run_started, run)
        return run

    def _end_of(self, run: ThreadRun) -> ThreadHandle:
        end = ThreadHandle(self.services.loop, _nothing)
        run.task = cast("Any", end)
        return end

    # -- what the threads tell, in the loop

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
        # The transcript keeps the run; it need not keep a connection with it.
        run.owner = run.task = None
        self.services.idle.notify()

    def _handled(self, owner: InstrumentedConnection) -> None:
        owner.handled += 1
        self.services.idle.notify()

    def _current_owner(self) -> InstrumentedConnection | None:
        owner: InstrumentedConnection | None = getattr(self._current, "owner", None)
        return owner

    # -- questions

    def has_output(self, eio_sid: str) -> bool:
        """Whether the server may have put out something that a connection has not got.

        ``Socket.poll()`` calls task_done before the response is on its way, so that the queue can't
        tell. A NOOP behind what is in it can: when it arrives, all of that has.
        """
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed:
            return False
        put = self._put.get(eio_sid, 0)
        if self._delivered.get(eio_sid, 0) == put:
            return False
        if eio_sid not in self._asked:
            self._asked[eio_sid] = put
            socket.queue.put(Packet(NOOP, str(put)))
        return True

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """See `ServerInstrumentation`."""
        # The server has NOOPs of its own, without data.
        if data == str(self._asked.get(eio_sid)):
            self._delivered[eio_sid] = self._asked.pop(eio_sid)

    def sends(self, eio_sid: str) -> bool:
        """See `ServerInstrumentation`. What `has_output` asks for tells of itself."""
        return False

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """See `ServerInstrumentation`."""

        @asynccontextmanager
        async def session() -> AsyncIterator[MutableMapping[str, Any]]:
            with self.sio.session(sid, namespace) as values:
                yield values

        return session()

    # -- requests

    def shielded_app(self, app: Any, owner: InstrumentedConnection) -> Any:
        """`app`, whose calls go on to their end when they are cancelled.

        A thread waits behind each. It would not be cancelled, and would hang for good in an attempt
        to respond to a loop that is gone.

        Raises:
            UsageError: the bridge has no thread left for one more client.
        """
        workers, polling = _workers_of(app), len(set(self._requests.values()))
        if workers is not None and polling + 2 > workers:
            raise UsageError(
                f"the app's bridge has {workers} threads, {polling} of them wait in a long poll: "
                "each client needs one, and all together one for the rest; "
                f"WSGIMiddleware(app, workers={2 * workers})"
            )

        async def shielded(scope: Any, receive: Any, send: Any) -> None:
            request = self.services.loop.create_task(app(scope, receive, send))
            self._requests[request] = owner
            request.add_done_callback(self._requests.pop)
            await asyncio.shield(request)

        return shielded

    # -- cleaning up

    def release_poll(self, eio_sid: str) -> None:
        """See `ServerInstrumentation`."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            socket.queue.put(None)

    expire_poll = release_poll

    async def time_out(self, eio_sid: str) -> None:
        """See `ServerInstrumentation`. The disconnect handler runs in a thread of its own."""
        socket = self.eio.sockets.get(eio_sid)
        if socket is None:
            return
        end = ThreadHandle(self.services.loop, _nothing)
        reason = self.eio.reason.PING_TIMEOUT
        # Its last act is to let the pending GET answer.
        self._start(self._in_thread, end, lambda: socket.close(False, True, reason))
        await asyncio.shield(end)

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """See `ServerInstrumentation`."""
        socket = self._sockets.pop(eio_sid, None)
        owner = self.sessions.get(eio_sid)
        if socket is not None:
            # Socket.close(wait=True) would wait for a client that has gone to take what is there.
            with contextlib.suppress(queue.Empty):
                while True:
                    socket.queue.get_nowait()
                    socket.queue.task_done()
            if any(other is owner for other in self._requests.values()):
                socket.queue.put(None)
        super().release_connection(eio_sid)
        for counter in (self._put, self._delivered, self._asked):
            counter.pop(eio_sid, None)
        ping = self._ping_handles.pop(eio_sid, None)
        if ping is None:
            return []
        ping.cancel()
        return [cast("Any", ping)]

    def track_started_tasks(self) -> None:
        """See `ServerInstrumentation`: what runs in threads already is left alone."""

    def handle_failure(self, exc: BaseException) -> bool:
        """See `ServerInstrumentation`: no task of the loop's is this server's."""
        return False

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """Ask the server's and the app's threads to end.

        Returns:
            the ends of those that will, to be waited for. A background thread of the app's that
            does not sleep by ``socketio.sleep()`` can't be ended: it is a daemon.
        """
        pings = list(self._ping_handles.values())
        waiting = [end for end in self._threads if end.sleeps]
        for end in [*self._threads, *pings]:
            end.cancel()
        ends = [*pings, *waiting, *map(self._handle_of_request, self._requests)]
        self._ping_handles.clear()
        return [*cast("Any", ends), *self.stop_service()]

    def _handle_of_request(self, request: asyncio.Task[None]) -> ThreadHandle:
        end = ThreadHandle(self.services.loop, _nothing)
        request.add_done_callback(lambda _: end.finish())
        return end

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """See `ServerInstrumentation`."""
        service = self._service_handle
        if service is None or self.users > 1:
            return []
        self._service_handle = None
        service.cancel()
        return [cast("Any", service)]

    def _ask_service(self) -> None:
        event = self.eio.service_task_event
        if event is not None:
            event.set()

    def reset(self) -> None:
        """The loop is gone: what runs in threads does not go with it."""
        for end in [*self._threads, *self._ping_handles.values()]:
            end.stop.set()
        if self._service_handle is not None:
            self._ask_service()
        self._ping_handles.clear()


def _nothing() -> None:
    pass


def _taken_over(eio: Any) -> bool:
    """Whether ``SocketIOTestClient.__init__`` has put its own ``_send_packet`` into the server."""
    sio = getattr(eio.handlers.get("message"), "__self__", None)
    return getattr(getattr(sio, "_send_packet", None), "__module__", "") == _FLASKS_CLIENT


def _workers_of(app: Any) -> int | None:
    """How many threads the bridge has, where it has a pool as a2wsgi's; None for any number."""
    for thing in _reachable(app):
        pool = getattr(thing, "executor", None)
        if isinstance(pool, ThreadPoolExecutor):
            return pool._max_workers
    return None
