"""`TestClient`: one user of a running app, over Engine.IO and Socket.IO.

The way of a packet: `TestClient.emit`, `SocketIO.event`, `EngineSession.send_messages`, the
transport, the app. And back, within the app's own ``send()``: the transport,
`EngineSession.transport_frame`, `Dispatcher.session_message`, and there an ack's future, a handler
of the test, or the inbox.

No task group and no cancel scope is held open between ``__aenter__`` and ``__aexit__``:
pytest-asyncio runs the two in different tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, NoReturn, Self, TypeVar, overload

import httpx

from asgi_sio_testclient._client.acks import Ack
from asgi_sio_testclient._client.connecting import ConnectCall
from asgi_sio_testclient._client.diagnosis import show_event
from asgi_sio_testclient._client.dispatch import Dispatcher
from asgi_sio_testclient._client.habits import (
    check_names,
    no_attribute,
    no_keyword,
    without_unknown,
)
from asgi_sio_testclient._client.http import find_session, make_http, require_one_lifespan
from asgi_sio_testclient._client.inbox import Match, Numbered, Waiter
from asgi_sio_testclient._client.leaving import Leaving, _raise_at_exit
from asgi_sio_testclient._client.options import (
    DEFAULT_TRANSPORTS,
    Options,
    Serializer,
    Transport,
    _check_event,
    _check_match,
    _namespaces,
    _require_asyncio,
)
from asgi_sio_testclient._client.settling import settled
from asgi_sio_testclient._connection import virtual_time
from asgi_sio_testclient._connection.app import RunningApp
from asgi_sio_testclient._connection.arguments import check_namespace, check_timeout
from asgi_sio_testclient._connection.session import EngineSession
from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import (
    NotConnected,
    UnexpectedEvent,
    UsageError,
    add_note,
    printable,
)
from asgi_sio_testclient._http.identity import Identity
from asgi_sio_testclient._http.sessions import session_transaction
from asgi_sio_testclient._protocol.names import ALL, CLIENT_DISCONNECT, ROOT, TRANSPORT_CLOSE
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE, RestCheck
from asgi_sio_testclient.trace._active import active

if TYPE_CHECKING:
    from asgi_sio_testclient._server.protocol import ServerInstrumentation

__all__ = ["TestClient"]

__tracebackhide__ = True

INTERNAL_SERVER_ERROR = 500
_UNTIL_IT_RAISES = 1.0  # seconds, from the response to the end of the app's call
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class TestClient:
    """A Socket.IO client that talks straight into an ASGI app, in the test's own event loop.

    Args:
        app: an ASGI callable: `socketio.ASGIApp`, FastAPI, Starlette, or whatever wraps one. Or a
            WSGI app, such as Flask's: a2wsgi bridges it (extra ``flask``), with as many threads as
            its clients need. Or an http(s) URL, which stands for
            `asgi_sio_testclient.remote.RemoteServer` of it.
        http: an httpx or httpx2 client, sync or async, Starlette's or FastAPI's TestClient, or
            Flask's or Werkzeug's test client: its cookie jar, headers, auth and base_url are used,
            cookies that the app sets go back into its jar, and it is never closed.
        base_url: where the app seems to be; that of `http` goes before the default.
        headers: on top of those of `http`; httpx's types.
        cookies: on top of those of `http`; httpx's types.
        auth: the Socket.IO auth payload: a value, or a callable returning one, sync or async.
        socketio_path: "/ws/socket.io" for a server mounted at "/ws".
        transports: ("websocket",), ("polling",) or ("polling", "websocket"), which upgrades.
            The default of a WSGI app is ("polling",), since WSGI has no websocket.
        serializer: "default", "msgpack", or a Packet class, as in python-socketio.
        json: a json-like module, as in python-socketio, but for this client alone.
        server: the `socketio.AsyncServer`, where it can't be found from `app`; or, of a WSGI app
            behind a bridge, the `socketio.Server` or Flask-SocketIO's `SocketIO`.
        lifespan: run the app's lifespan.
        root_path: for the scopes; the path is left as it is, as by httpx's ASGITransport.
        client: for the scopes: host and port.
        timeout: seconds; the default of everything that waits.
        raise_app_exceptions: raise what the app raises in the test; else collect it in
            `app_exceptions` only.
        grace: seconds; a timer of the app's that is due later is not waited for in `settle`.
        strict: at exit, raise `Leak` for what was left over, unread events included, instead of a
            LeakWarning.
        isolate_context: the app's calls (its lifespan, connections with their handlers, requests of
            `http`) run in a fresh `contextvars.Context`, as under a server; else in a copy of the
            test's, as with httpx's ASGITransport.

    Raises:
        TypeError: an argument of the wrong type, such as the server instead of the app.
        UsageError: a WSGI app, and a2wsgi is not installed.
        ValueError: an argument with a value that can't be.
    """

    __test__ = False

    def __init__(
        self,
        app: Any,
        *,
        http: Any = None,
        base_url: str = "http://testserver",
        headers: Any = None,
        cookies: Any = None,
        auth: Any = None,
        socketio_path: str = "socket.io",
        transports: Sequence[Transport] | Transport = DEFAULT_TRANSPORTS,
        serializer: Serializer = "default",
        json: Any = None,
        server: Any = None,
        lifespan: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = ("testclient", 50000),
        timeout: float = 5.0,
        raise_app_exceptions: bool = True,
        grace: float = DEFAULT_GRACE,
        strict: bool = False,
        isolate_context: bool = False,
    ) -> None:
        self._options = Options(
            app=app, http=http, base_url=base_url, headers=headers, cookies=cookies, auth=auth,
            socketio_path=socketio_path, transports=transports, serializer=serializer, json=json,
            server=server, lifespan=lifespan, root_path=root_path, client=client, timeout=timeout,
            raise_app_exceptions=raise_app_exceptions, grace=grace, strict=strict,
            isolate_context=isolate_context,
        )  # fmt: skip
        self._set_up(
            RunningApp(self._options.single_app, server, lifespan=lifespan, isolate=isolate_context)
        )

    def __repr__(self) -> str:
        state = self._state
        where = printable(f"connected to {', '.join(state.sids)} over {self.transport}")
        return f"<{type(self).__name__} {where if state.sids else 'not connected'}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Name today's spelling of what other clients have."""
            no_attribute(self, name)

    def _set_up(self, runtime: RunningApp) -> None:
        options = self._options
        self._runtime = runtime
        self._state = Dispatcher(options, runtime)
        recording = active()
        if recording is not None:
            from asgi_sio_testclient._client.recorded import record_awaits  # noqa: PLC0415 (recorded only)

            record_awaits(self, recording)
        self._identity = Identity(
            options.http, options.base_url, options.headers, options.cookies, options.root_path,
            options.client,
        )  # fmt: skip
        self._owner = False

    # -- entering and leaving

    async def __aenter__(self) -> Self:
        """Start the app's lifespan; does not connect.

        Raises:
            LifespanFailed: the app's startup failed.
            UsageError: already entered; or under an event loop that is not asyncio's; or `http` has
                run the lifespan already.
        """
        _require_asyncio()
        self._state.require_loop()
        if self._owner:
            raise UsageError("this TestClient is already entered")
        if not self._runtime.running:
            if self._options.lifespan:
                require_one_lifespan(self._options.http, self._options.app)
            await self._runtime.start(self._options.timeout)
            self._owner = True
        if self._state.closed:
            self._state.closed = False
            self._state.asked.clear()
        return self

    def __enter__(self) -> NoReturn:
        """Raises:
        TypeError: always; Starlette's TestClient is entered so, this one is not.
        """
        raise TypeError("use `async with`, or SyncTestClient where the test is no coroutine")

    def __exit__(self, *exc_info: object) -> None:
        """Never called."""

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect, let running handlers end, shut the lifespan down; then raise what is unseen.

        Raises:
            Exception: what the app raised and nobody has seen yet, as it was raised; several as an
                ExceptionGroup. Not where the block raised itself: that goes on, with these as
                notes.
            LifespanFailed: the app's shutdown failed.
            Leak: something was left over, with ``strict=True``.
        """
        if exc is None:
            self._state.require_loop()
        elif self._runtime.running and asyncio.get_running_loop() is not self._runtime.loop:
            add_note(exc, "the client is not closed: it was entered in another event loop")
            return
        leaving = Leaving(self._state, owner=self._owner)
        try:
            await leaving.run()
        finally:
            self._owner = False
        _raise_at_exit(
            exc, leaving.failures, leaving.leaks, strict=self._options.strict, own=leaving.of_test
        )

    # -- connecting

    @without_unknown
    async def connect(
        self,
        *namespaces: str,
        auth: Any = None,
        headers: Any = None,
        query: Mapping[str, Any] | str | None = None,
        transports: Sequence[Transport] | Transport | None = None,
        timeout: float | None = None,
        **unknown: Never,
    ) -> Self:
        """Connect to `namespaces`, "/" by default.

        The first call opens the transport, a later one joins further namespaces on it.

        Returns when the connect handlers have ended. Under ``always_connect=True`` one that runs on
        leaves the client connected: this returns when the handler has sent several events, or after
        `timeout`; the handler is cancelled when the client leaves.

        Args:
            namespaces: such as "/chat".
            auth: as in the constructor, for this call.
            headers: go with every request of this connection, over those of the client.
            query: the user's part of the query string: a mapping or a str.
            transports: as in the constructor, for this connection.
            timeout: seconds, for the whole of it.
            unknown: nothing; what another client takes is answered with the spelling of this one.

        Raises:
            HandshakeFailed: the app gave no Engine.IO session.
            ConnectionRefused: a namespace said no. A first call then leaves nothing connected.
            ConnectTimeout: no answer in time.
            Exception: what a connect handler raised.
            UsageError: outside ``async with``, or a namespace is connected already.
        """
        state = self._state
        state.require_running()
        if unknown:
            check_names(namespaces, unknown)
            no_keyword(unknown)
        call = ConnectCall(
            state,
            self._identity,
            _namespaces(namespaces or (ROOT,)),
            self._options.transports_of(transports),
            self._timeout(timeout),
        )
        await call.run(auth, headers, query)
        return self

    async def disconnect(self, namespace: str | None = None) -> None:
        """Say goodbye and leave `namespace`, or everything; the app sees "client disconnect".

        Returns when the app's disconnect handler has ended. Leaving everything twice is no error.

        Raises:
            NotConnected: that namespace is not connected.
            EventTimeout: the disconnect handler did not end in time.
            Exception: what it raised.
        """
        state = self._state
        state.require_running()
        if namespace in {None, ALL}:
            session = state.say_goodbye()
        else:
            session = state.connected_session(str(namespace))
            session.send_messages(state.socketio.disconnect(str(namespace)))
            state.ended(str(namespace), CLIENT_DISCONNECT, "")
            if not state.sids and not state.awaits_connect():
                state.say_goodbye()
        if session is not None:
            await settled(state, lambda: [session], self._options.timeout, "disconnect")

    async def abort(self) -> None:
        """Vanish without a goodbye, as a lost network does: the app sees "transport close".

        A server can't see a polling client go. What it would see when its ping times out ("ping
        timeout") is brought forward. Returns when the app's disconnect handler has ended.

        Raises:
            EventTimeout: the disconnect handler did not end in time.
            Exception: what it raised.
        """
        state = self._state
        state.require_running()
        session, state.session = state.session, None
        if session is not None:
            state.ending.append(session)
            session.cancel_connect_handlers()
            session.drop()
            state.ended(ALL, TRANSPORT_CLOSE, "the client aborted")
            await settled(state, lambda: [session], self._options.timeout, "abort")

    def is_connected(self, namespace: str | None = None) -> bool:
        """Whether `namespace` ("*": any) is connected."""
        sids, namespace = self._state.sids, namespace or ROOT
        check_namespace(namespace)
        return bool(sids) if namespace == ALL else namespace in sids

    def get_sid(self, namespace: str | None = None) -> str | None:
        """The Socket.IO session id in `namespace`; None where it is not connected."""
        check_namespace(namespace or ROOT)
        return self._state.sids.get(namespace or ROOT)

    @property
    def sid(self) -> str | None:
        """The Socket.IO session id in "/"; None where that is not connected."""
        return self._state.sids.get(ROOT)

    @property
    def transport(self) -> str | None:
        """The transport in use, "polling" or "websocket"; None without a connection."""
        session = self._state.session
        return None if session is None or session.transport is None else session.transport.name

    @property
    def disconnect_reason(self) -> str | None:
        """Why a namespace ended last, in python-socketio's words; None after a connect."""
        return self._state.disconnect_reason

    # -- sending

    async def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Send an event. A lone tuple expands to several arguments.

        Args:
            event: its name.
            args: its arguments.
            namespace: "/" by default.
            callback: sync or async; called with the values of the server's ack.

        Raises:
            NotConnected: that namespace is not connected.
            TypeError: an argument can't be serialised; nothing was sent.
            ValueError: "connect", "connect_error" and "disconnect" are reserved.
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r}; expected a callable")
        state = self._state
        namespace = namespace or ROOT
        session = state.connected_session(namespace)
        id_ = None if callback is None else state.socketio.next_id(namespace)
        messages = state.socketio.event(event, args, namespace, id_)
        if id_ is not None:
            state.acks.pending[namespace, id_] = Ack(event, None, callback)
        state.emitted = event, namespace
        if self._runtime.services.work.unnoted:
            self._runtime.services.work.note_resting_places()
        session.send_messages(messages)

    async def send(
        self,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Send the "message" event; the rest as in `emit`."""
        await self.emit("message", *args, namespace=namespace, callback=callback)

    async def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send an event and return the server's ack: None, one value, or a tuple of several.

        Args:
            event: its name.
            args: its arguments, as in `emit`.
            namespace: "/" by default.
            timeout: seconds.

        Raises:
            EventTimeout: no ack in time; or at once, when it is known that none can come: the
                server has no handler for the event.
            NotConnected: that namespace is not connected, or its connection ended meanwhile.
            TypeError: an argument can't be serialised; nothing was sent.
            ValueError: "connect", "connect_error" and "disconnect" are reserved.
            Exception: what the event's handler raised.
        """
        state = self._state
        namespace = namespace or ROOT
        session = state.connected_session(namespace)
        key = namespace, state.socketio.next_id(namespace)
        messages = state.socketio.event(event, args, namespace, key[1])
        limit = self._options.timeout if timeout is None else self._timeout(timeout)
        future = self._runtime.loop.create_future()
        state.acks.pending[key] = Ack(event, future)
        state.emitted = event, namespace
        if self._runtime.services.work.unnoted:
            self._runtime.services.work.note_resting_places()
        try:
            session.send_messages(messages)
            values = await self._runtime.services.deadlines.bound(future, limit)
        except BaseException:
            state.acks.take(*key)
            raise
        if values is EXPIRED:
            state.acks.take(*key)
            state.errors.raise_unretrieved()
            raise state.situation().no_ack(event, namespace, limit)
        if len(values) == 1:
            return values[0]
        return tuple(values) if values else None

    # -- receiving

    async def await_event(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
    ) -> ReceivedEvent:
        """The oldest unread event that fits, already here or still to come. It is read then.

        Args:
            event: its name; None for any.
            namespace: "/" by default, "*" for all.
            match: a predicate of the `ReceivedEvent`.
            timeout: seconds.

        Raises:
            EventTimeout: none came in time.
            TypeError: `match` can't be called.
            NotConnected: there is no connection that it could come over, or it ended meanwhile.
            Exception: what the app raised because of this client, and no call has raised yet.
        """
        namespace, limit = namespace or ROOT, self._timeout(timeout)
        numbered = await self._next(event, namespace, match, limit)
        if numbered is None:
            self._state.errors.raise_unretrieved()
            raise self._state.situation().no_event(event, namespace, match, limit, (0, 1))
        return numbered[1]

    async def await_events(
        self,
        count: int,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
    ) -> list[ReceivedEvent]:
        """The `count` oldest that fit. When they don't all come, none is read.

        Arguments and errors as in `await_event`; `timeout` is for all of them together.
        """
        namespace, limit = namespace or ROOT, self._timeout(timeout)
        self._state.require_loop()
        deadline = asyncio.get_running_loop().time() + limit
        taken: list[Numbered] = []
        try:
            while len(taken) < count:
                left = deadline - asyncio.get_running_loop().time()
                numbered = await self._next(event, namespace, match, left)
                if numbered is None:
                    break
                taken.append(numbered)
            if len(taken) == count:
                return [received for _, received in taken]
        except BaseException:
            self._put_back(taken)
            raise
        self._put_back(taken)
        self._state.errors.raise_unretrieved()
        raise self._state.situation().no_event(event, namespace, match, limit, (len(taken), count))

    def _put_back(self, taken: Iterable[Numbered]) -> None:
        for numbered in taken:
            self._state.inbox.put_back(numbered)

    async def _next(
        self, event: str | None, namespace: str, match: Match | None, limit: float
    ) -> Numbered | None:
        """The next that fits, with its number; None when none came in time."""
        state = self._state
        loop = asyncio.get_running_loop()
        if loop is not state.runtime.loop or match is not None or event.__class__ is not str:
            state.require_loop()
            _check_event(event)
            _check_match(match)
        found = state.inbox.take(event, namespace, match)
        if found is not None:
            return found
        if state.errors.unraised or state.runtime.test_endings:
            state.errors.raise_unraised()
        if namespace not in state.sids:
            state.require_running()
            state.require_way(namespace)
        future: asyncio.Future[Any] = loop.create_future()
        waiter = Waiter(event, namespace, match, future)
        state.inbox.wait(waiter)
        try:
            numbered = await self._runtime.services.deadlines.bound(future, limit)
        except asyncio.CancelledError:
            self._hand_back(future)
            raise
        finally:
            if waiter.waits:
                state.inbox.leave(waiter)
        return None if numbered is EXPIRED else numbered

    def _hand_back(self, future: asyncio.Future[Any]) -> None:
        """A wait was cancelled in the very moment in which it got what it waited for."""
        if not future.done() or future.cancelled():
            return
        exc = future.exception()
        if exc is None and future.result() is not EXPIRED:
            self._state.inbox.put_back(future.result())
        elif exc in self._state.errors.all:
            self._state.errors.unraised.append(exc)

    def get_received(self, namespace: str | None = None) -> list[ReceivedEvent]:
        """All unread events of `namespace` ("/" by default, "*" for all); they are read then.

        Never waits. A namespace that was joined and has ended stays readable.

        Raises:
            NotConnected: `namespace` was never joined, so that nothing can have come.
            ValueError: a namespace without its slash.
        """
        self._state.require_readable(namespace or ROOT)
        return self._state.inbox.drain(namespace or ROOT)

    async def events(self, namespace: str | None = None) -> AsyncIterator[ReceivedEvent]:
        """Events as they come, until the connection ends.

        Raises:
            EventTimeout: the next one did not come within the client's timeout.
            NotConnected: `namespace` was never joined.
        """
        self._state.require_readable(namespace or ROOT)
        while True:
            try:
                event = await self.await_event(namespace=namespace)
            except NotConnected:
                return
            yield event

    async def settle(self, timeout: float | None = None, *, grace: float | None = None) -> None:
        """Return once the app has come to rest after what the clients of this running app sent.

        Its output has arrived then. A task, callback or call of the app is at work while it runs,
        is ready to run, or waits for something at work, for a call in an executor, or for a timer
        that is due within `grace`. What waits for a later timer, or for a queue, an event or a
        socket that nothing at work will serve, is at rest. A handler counts until it ends, whatever
        it waits for.

        Args:
            timeout: seconds.
            grace: seconds; that of the client by default. An answer that comes later needs a
                greater one.

        Raises:
            EventTimeout: something was still at work then: it is named, and where it is suspended.
            Exception: what the app raised because of this client, and no call has raised yet; also
                what a task raised that a handler began, where nobody has retrieved it.
            UsageError: the server is elsewhere, or is not known: pass ``server=``.
        """
        self._state.require_running()
        self._require_here("settle()", ": await an event that comes after it")
        if self._state.session is not None:
            self._require_server()
        limit = self._timeout(timeout)
        if grace is None:
            grace = self._options.grace
        else:
            check_timeout(grace, "grace")
        waiting_handler = self._runtime.own_handler_of_current_task()
        if waiting_handler:
            raise self._state.situation().settles_in_handler(waiting_handler)
        rest = RestCheck(self._runtime.services.work, grace)
        await settled(self._state, self._runtime.idle_sources, limit, "settle", rest)

    async def assert_not_received(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        within: float | None = None,
        grace: float | None = None,
    ) -> None:
        """`settle`, then assert that no unread event fits; what did arrive stays unread.

        Args:
            event: as in `await_event`.
            namespace: as in `await_event`.
            match: as in `await_event`.
            within: seconds; such an event may not arrive for as long after that, either. Within
                `time_travel` the time is virtual.
            grace: as in `settle`.

        Raises:
            UnexpectedEvent: one does.
            UsageError: the server is elsewhere and `within` is not given.
            NotConnected: `namespace` was never joined, so that nothing can have come. One that was
                joined and has ended stays readable.
            TypeError, ValueError: `event` is no name, `namespace` has no slash, `match` is async.
            Exception: as in `settle`.
        """
        namespace = namespace or ROOT
        _check_event(event)
        _check_match(match)
        if within is not None:
            check_timeout(within, "within")
        self._state.require_running()
        if within is None and self._runtime.elsewhere is not None:
            raise UsageError(
                "assert_not_received() needs within= (seconds) where the server is elsewhere: "
                f"{self._runtime.elsewhere}"
            )
        self._state.require_readable(namespace)
        if within is None or self._state.instrumentation is not None:
            await self.settle(grace=grace)
        events = self._state.inbox.matching(event, namespace, match)
        if within is not None and not events:
            await self._let_pass(within, event, namespace, match)
            events = self._state.inbox.matching(event, namespace, match)
        if events:
            wanted = "no event" if event is None else f"no {event!r}"
            where = "any namespace" if namespace == ALL else f"namespace {namespace!r}"
            first = f"expected {wanted} in {where}, but {len(events)} arrived: "
            raise UnexpectedEvent(first + show_event(events[0]), events)

    async def _let_pass(
        self, seconds: float, event: str | None, namespace: str, match: Match | None
    ) -> None:
        """Return after `seconds`, virtual ones within `time_travel`, or when an event arrives that
        fits; it stays unread.
        """
        runtime, state = self._runtime, self._state
        if virtual_time.is_travelling(runtime.loop):
            await self.advance(seconds)
            await self.settle()
            return
        waiter = Waiter(event, namespace, match, runtime.loop.create_future())
        state.inbox.wait(waiter)
        try:
            numbered = await runtime.services.deadlines.wait(waiter.future, seconds)
        except NotConnected:
            return  # nothing can arrive any more
        finally:
            state.inbox.leave(waiter)
        if numbered is not EXPIRED:
            state.inbox.put_back(numbered)

    # -- answering the server

    @overload
    def on(
        self, event: str, handler: None = None, *, namespace: str | None = None
    ) -> Callable[[_Handler], _Handler]: ...
    @overload
    def on(self, event: str, handler: _Handler, *, namespace: str | None = None) -> _Handler: ...
    def on(self, event: str, handler: Any = None, *, namespace: str | None = None) -> Any:
        """Register a handler for an event of the server, as a decorator or by a call.

        An event that a handler takes is not queued. What the handler returns is the ack that the
        server's ``call()`` gets: None for no value, a tuple for several. It may be sync or async,
        and runs in the event loop of the test.

        "*" catches every event (its name comes first), namespace "*" every namespace. "connect",
        "connect_error" and "disconnect" are reserved, as in python-socketio's client: called
        without arguments, with the refusal's data, with the reason.

        Raises:
            TypeError: `event` is no name, or `handler` can't be called.
            ValueError: `namespace` has no slash.
        """
        check_namespace(namespace or ROOT)
        if not isinstance(event, str):
            raise TypeError(f"event is {event!r}; expected its name: @client.on('name')")
        if handler is None:
            return lambda function: self.on(event, function, namespace=namespace)
        if not callable(handler):
            raise TypeError(f"handler is {handler!r}; expected a callable")
        self._state.handlers.add(event, handler, namespace or ROOT)
        return handler

    # -- the rest of the app

    @property
    def http(self) -> httpx.AsyncClient:
        """An httpx.AsyncClient on the same app, with the same cookie jar and base_url.

        It is the one handed in as ``http=``, where that is async.
        """
        if hasattr(self._options.http, "aclose"):
            return self._options.http  # type: ignore[no-any-return]
        state = self._state
        if state.own_http is None:
            state.own_http = make_http(self._options, self._identity, self._runtime, state)
        return state.own_http

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookie jar that handshakes and `http` share."""
        return self.http.cookies

    @property
    def headers(self) -> httpx.Headers:
        """The headers of this client's handshakes that go on top of those of `http`."""
        return self._identity.own_headers

    def clone(self, **overrides: Any) -> Self:
        """Another user of the same running app, with the same options but for `overrides`.

        It has cookies of its own. It can be used at once while this one is entered, is closed with
        it at the latest, and may have an ``async with`` of its own.

        Raises:
            TypeError: an argument that the constructor doesn't know, or one of the app's own.
        """
        other = type(self).__new__(type(self))
        other._options = self._options.for_clone(overrides, self._identity.origin.url)
        other._set_up(self._runtime)
        return other

    @property
    def raw(self) -> EngineSession:
        """The Engine.IO session under this client.

        Raises:
            NotConnected: there is none.
        """
        session = self._state.session
        if session is None:
            raise self._state.not_connected(ROOT)
        return session

    def session(self, namespace: str | None = None) -> AbstractAsyncContextManager[dict[str, Any]]:
        """The server's session dictionary of this client, saved when the block ends.

        Raises:
            NotConnected: that namespace is not connected.
            UsageError: the server is elsewhere, or is not known: pass ``server=``.
        """
        namespace = namespace or ROOT
        self._require_here("session()")
        self._state.connected_session(namespace)
        session: Any = self._require_server().session(self._state.sids[namespace], namespace)
        return session  # type: ignore[no-any-return]

    def session_transaction(self) -> AbstractAsyncContextManager[Any]:
        """The HTTP session of this client's next request, also before there was any request.

        It is read with the client's cookies. When the block ends, a change is saved as the app
        saves it, and the cookie goes into the cookie jar; where the block raises, nothing is saved.
        A connection that is open already was opened with the session of that moment.

        What has sessions is found in the app, also in one that is wrapped or mounted: the
        SessionMiddleware of Starlette and FastAPI (a dictionary), Flask, Quart and Django (their
        own session objects).

        Raises:
            UsageError: none of these was found; the cookie would never be sent to the app; or the
                server is elsewhere.
        """
        self._require_here("session_transaction()")
        return session_transaction(find_session(self._options.app), self._identity)

    def rooms(self, namespace: str | None = None) -> set[str]:
        """The rooms that the server has this client in, that of its own sid among them.

        Raises:
            NotConnected: that namespace is not connected.
            UsageError: the server is elsewhere, or is not known: pass ``server=``.
        """
        namespace = namespace or ROOT
        self._require_here("rooms()")
        self._state.connected_session(namespace)
        return set(self._require_server().clients.rooms(self._state.sids[namespace], namespace))

    def time_travel(self) -> AbstractAsyncContextManager[None]:
        """Within the block, `advance` lets time pass for all that runs in the event loop.

        Raises:
            UsageError: the event loop is not one of asyncio's own, or the server is elsewhere.
        """
        self._require_here("time_travel()")
        return virtual_time.time_travel(self._runtime)

    async def advance(self, seconds: float, *, timeout: float | None = None) -> None:
        """Let `seconds` pass, within `time_travel`: each timer on the way fires at its own moment.

        What waits for a thread or a socket is waited for in real time before the clock goes on.

        Args:
            seconds: 0 or more.
            timeout: real seconds that it may take; the client's by default.

        Raises:
            TypeError: `seconds` is no number.
            ValueError: `seconds` is negative, or not finite.
            UsageError: outside of `time_travel`, or while another call is under way.
            EventTimeout: a handler was still in a thread or at a socket after `timeout`; it is
                named. Or the timers on the way took longer than that.
        """
        await virtual_time.advance(self._runtime, seconds, self._timeout(timeout))

    @property
    def transcript(self) -> Transcript:
        """Every packet, both ways, with time and transport; ``str()`` of it is for people."""
        return self._state.transcript

    @property
    def app_exceptions(self) -> list[BaseException]:
        """What the app raised so far because of this client, and what the test's handlers did."""
        return list(self._state.errors.all)

    # -- inside

    def _timeout(self, timeout: float | None) -> float:
        if timeout is None:
            return self._options.timeout
        check_timeout(timeout)
        return timeout

    def _require_here(self, what: str, instead: str = "") -> None:
        """Raises:
        UsageError: the server is not in this process.
        """
        url = self._runtime.elsewhere
        if url is not None:
            raise UsageError(
                f"{what} needs the server in this process; {url} is elsewhere{instead}"
            )

    def _require_server(self) -> ServerInstrumentation:
        instrumentation = self._state.instrumentation
        if instrumentation is None:
            raise UsageError(
                "server not found: the app's socketio.AsyncServer was not found on the way of its "
                "requests; pass server= to the TestClient, or, where the app has a server of "
                "another make, await an event or an ack in the place of this call"
            )
        if instrumentation.sio is None:
            raise UsageError(
                "no Socket.IO server: the app's Engine.IO server was found, and what it hands its "
                "messages to is no socketio.AsyncServer and has not its parts; await an event or "
                "an ack in the place of this call"
            )
        given = self._runtime.given_instrumentation
        if given is not None and given is not instrumentation and not given.sessions:
            raise UsageError("the server given as server= is not the one that the app uses")
        return instrumentation
