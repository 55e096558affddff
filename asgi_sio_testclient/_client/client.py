"""`TestClient`: the public methods of a client in one module, which is long for their docstrings.

A packet is sent through `TestClient.emit`, `SocketIO.event`, `EngineSession.send_messages` and the
transport into the app. A packet from the app passes, within the app's own ``send()``, the
transport, `EngineSession.transport_frame` and `Dispatcher.session_message`; it ends in an ack's
future, in a handler of the test, or in the inbox.

No task group and no cancel scope is open between ``__aenter__`` and ``__aexit__``: pytest-asyncio
runs the two methods in different tasks.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Never, NoReturn, Self, TypeVar, overload

import httpx

from asgi_sio_testclient._client import foreign_names
from asgi_sio_testclient._client.closing import begin_abort, begin_disconnect, begin_exit, enter
from asgi_sio_testclient._client.connecting import ConnectCall
from asgi_sio_testclient._client.dispatch import Dispatcher
from asgi_sio_testclient._client.handlers import check_subscription
from asgi_sio_testclient._client.http import find_session, http_client
from asgi_sio_testclient._client.inbox import Inbox, Match
from asgi_sio_testclient._client.options import DEFAULT_TRANSPORTS, Options, Serializer, Transport
from asgi_sio_testclient._client.receiving import NoEvent, next_event, next_events
from asgi_sio_testclient._client.server_access import require_local_server, rooms_of, server_session
from asgi_sio_testclient._client.settling import settle, wait_disconnected
from asgi_sio_testclient._connection import virtual_time
from asgi_sio_testclient._connection.app import RunningApp
from asgi_sio_testclient._connection.arguments import check_namespace
from asgi_sio_testclient._connection.session import EngineSession
from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._error_texts import printable
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import NotConnected
from asgi_sio_testclient._http.sessions import session_transaction
from asgi_sio_testclient._protocol.names import ALL, ROOT
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient.trace._active import active

__all__ = ["TestClient"]

__tracebackhide__ = True

_Handler = TypeVar("_Handler", bound=Callable[..., Any])


class TestClient:
    """A Socket.IO client that calls an ASGI app directly, in the test's own event loop.

    Args:
        app: an ASGI callable: `socketio.ASGIApp`, FastAPI, Starlette, or a wrapper of one. Or a
            WSGI app, such as Flask's, bridged by a2wsgi (extra ``flask``) with as many threads as
            the app's clients need. Or an http(s) URL, which stands for
            ``asgi_sio_testclient.remote.RemoteServer(url)``.
        http: an httpx or httpx2 client, sync or async, Starlette's or FastAPI's TestClient, or
            Flask's or Werkzeug's test client. The cookie jar, headers, auth and base_url of `http`
            are used, cookies that the app sets go into that jar, and `http` is never closed.
        base_url: the URL at which the app appears to be served; the default gives way to the
            base_url of `http`.
        headers: added to the headers of `http`; httpx's types.
        cookies: added to the cookies of `http`; httpx's types.
        auth: the Socket.IO auth payload: a value, or a callable returning one, sync or async.
        socketio_path: "/ws/socket.io" for a server mounted at "/ws".
        transports: ("websocket",), ("polling",) or ("polling", "websocket"), which upgrades.
            The default of a WSGI app is ("polling",), since WSGI has no websocket.
        serializer: "default", "msgpack", or a Packet class, as in python-socketio.
        json: a json-like module, as in python-socketio, but for this client alone.
        server: the `socketio.AsyncServer`, if it can't be found from `app`; for a WSGI app behind
            a bridge, the `socketio.Server` or Flask-SocketIO's `SocketIO`.
        lifespan: whether to run the app's lifespan.
        root_path: the root_path of the scopes; the path is not changed by it, as with httpx's
            ASGITransport.
        client: host and port of the client, for the scopes.
        timeout: seconds; the default timeout of every method that waits.
        raise_app_exceptions: whether exceptions of the app are raised in the test; if not, they
            are only in `app_exceptions`.
        grace: seconds; `settle` does not wait for a timer of the app that is due later.
        strict: raise `Leak` at exit for leftovers (handlers, tasks, acks) and for unread events,
            instead of a LeakWarning.
        isolate_context: run the app's calls (lifespan, connections with their handlers, requests
            of `http`) in a fresh `contextvars.Context`, as under a server; if not, in a copy of
            the test's context, as with httpx's ASGITransport.

    Raises:
        TypeError: an argument has the wrong type, such as the server instead of the app.
        UsageError: `app` is a WSGI app, and a2wsgi is not installed.
        ValueError: an argument has an invalid value.
    """

    __test__ = False
    _inbox_class: ClassVar = Inbox

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
        dispatcher = self._dispatcher
        where = printable(f"connected to {', '.join(dispatcher.sids)} over {self.transport}")
        return f"<{type(self).__name__} {where if dispatcher.sids else 'not connected'}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError; name the equivalent of an attribute of another client."""
            foreign_names.raise_no_attribute(self, name)

    def _set_up(self, running_app: RunningApp) -> None:
        options = self._options
        self._running_app = running_app
        self._dispatcher = Dispatcher(options, running_app, self._inbox_class())
        recording = active()
        if recording is not None:
            from asgi_sio_testclient._client.recorded_waits import record_awaits  # noqa: PLC0415 (recorded only)

            record_awaits(self, recording)
        self._http_context = options.http_context()

    # -- start and end

    async def __aenter__(self) -> Self:
        """Start the app's lifespan. `connect` opens the connection.

        Raises:
            LifespanFailed: the app's startup failed.
            UsageError: the client is entered already; or the event loop is not asyncio's; or `http`
                has run the lifespan already.
        """
        await enter(self._dispatcher)
        return self

    def __enter__(self) -> NoReturn:
        """Always raises TypeError: enter this client with `async with`."""
        raise TypeError("use `async with`, or SyncTestClient if the test is no coroutine")

    def __exit__(self, *exc_info: object) -> None:
        """Never called."""

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect, wait for running handlers, and shut the lifespan down.

        Raises:
            Exception: what the app raised and no call has raised yet; several exceptions as an
                ExceptionGroup. If the block raised, its exception goes on, with these as notes.
            LifespanFailed: the app's shutdown failed.
            Leak: a handler, a task, an ack or an unread event was left over, with ``strict=True``.
        """
        client_exit = begin_exit(self._dispatcher, exc)
        if client_exit is not None:
            await client_exit.run()

    # -- connecting

    @foreign_names.without_unknown
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

        The first call opens the transport; a later call connects to further namespaces over it.

        Returns when the connect handlers have ended. With ``always_connect=True``, a connect
        handler that does not end leaves the client connected: `connect` returns once the handler
        has sent several events, or after `timeout`; the handler is cancelled at the disconnect.

        Args:
            namespaces: such as "/chat".
            auth: as in the constructor, for this call.
            headers: sent with every request of this connection; replace those of the client.
            query: the query string without Engine.IO's own parameters: a mapping or a str.
            transports: as in the constructor, for this connection.
            timeout: seconds, for the whole call.
            unknown: arguments of other clients; the error names the equivalent here.

        Raises:
            HandshakeFailed: the app opened no Engine.IO session.
            ConnectionRefused: a namespace was refused. A refused first call closes the connection.
            ConnectTimeout: the app has not answered in time.
            Exception: what a connect handler raised.
            UsageError: outside ``async with``, or a namespace is connected already.
        """
        self._dispatcher.require_running()
        if unknown:
            foreign_names.raise_no_connect_keyword(namespaces, unknown)
        names, opened_with = namespaces or (ROOT,), self._options.transports_of(transports)
        limit = self._options.timeout_of(timeout)
        call = ConnectCall(self._dispatcher, self._http_context, names, opened_with, limit)
        await call.run(auth, headers, query)
        return self

    async def disconnect(self, namespace: str | None = None) -> None:
        """Disconnect from `namespace`, or from all; the app's reason is "client disconnect".

        Returns when the app's disconnect handler has ended. Does nothing without a connection.

        Raises:
            NotConnected: `namespace` is given and not connected.
            EventTimeout: the disconnect handler did not end in time.
            Exception: what the disconnect handler raised.
        """
        session = begin_disconnect(self._dispatcher, namespace)
        await wait_disconnected(self._dispatcher, session, "disconnect")

    async def abort(self) -> None:
        """Close without a DISCONNECT, like a lost network: the app's reason is "transport close".

        Over polling, where a server would notice that after a timeout only, its "ping timeout"
        happens at once. Returns when the app's disconnect handler has ended.

        Raises:
            EventTimeout: the disconnect handler did not end in time.
            Exception: what the disconnect handler raised.
        """
        session = begin_abort(self._dispatcher)
        await wait_disconnected(self._dispatcher, session, "abort")

    def is_connected(self, namespace: str | None = None) -> bool:
        """Return whether the client is connected to `namespace` ("*": to any)."""
        check_namespace(namespace or ROOT)
        sids = self._dispatcher.sids
        return bool(sids) if namespace == ALL else (namespace or ROOT) in sids

    def get_sid(self, namespace: str | None = None) -> str | None:
        """Return the Socket.IO session id in `namespace`; None if not connected to it."""
        check_namespace(namespace or ROOT)
        return self._dispatcher.sids.get(namespace or ROOT)

    @property
    def sid(self) -> str | None:
        """The Socket.IO session id in "/"; None if not connected to it."""
        return self._dispatcher.sids.get(ROOT)

    @property
    def transport(self) -> str | None:
        """The transport in use, "polling" or "websocket"; None without a connection."""
        session = self._dispatcher.session
        return None if session is None or session.transport is None else session.transport.name

    @property
    def disconnect_reason(self) -> str | None:
        """The reason of the latest disconnect, one of python-socketio's; None after a connect."""
        return self._dispatcher.disconnect_reason

    # -- sending

    @foreign_names.without_unknown
    async def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **unknown: Never,
    ) -> None:
        """Send an event. A lone tuple expands to several arguments.

        Args:
            event: the event's name.
            args: the event's arguments.
            namespace: "/" by default.
            callback: sync or async; called with the values of the server's ack.
            unknown: nothing; see `connect`.

        Raises:
            NotConnected: the namespace is not connected.
            TypeError: an argument can't be serialised; nothing was sent.
            ValueError: "connect", "connect_error" and "disconnect" are reserved.
        """
        if unknown:
            foreign_names.raise_no_sending_keyword("emit", event, unknown)
        if callback is not None:
            foreign_names.check_callback(callback)
        self._dispatcher.send_event(event, args, namespace or ROOT, callback)

    @foreign_names.without_unknown
    async def send(
        self,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **unknown: Never,
    ) -> None:
        """Send the event "message"; arguments and errors are those of `emit`."""
        if unknown:
            foreign_names.raise_no_sending_keyword("send", "", unknown)
        await self.emit("message", *args, namespace=namespace, callback=callback)

    @foreign_names.without_unknown
    async def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        timeout: float | None = None,
        **unknown: Never,
    ) -> Any:
        """Send an event and return the server's ack: None, one value, or a tuple of several.

        Args:
            event: the event's name.
            args: the event's arguments, as in `emit`.
            namespace: "/" by default.
            timeout: seconds.
            unknown: nothing; see `connect`.

        Raises:
            EventTimeout: no ack in time; or, without a wait, the server has no handler for the
                event, so that no ack can arrive.
            NotConnected: the namespace is not connected, or its connection ended meanwhile.
            TypeError: an argument can't be serialised; nothing was sent.
            ValueError: "connect", "connect_error" and "disconnect" are reserved.
            Exception: what the event's handler raised.
        """
        if unknown:
            foreign_names.raise_no_sending_keyword("call", event, unknown)
        dispatcher, namespace = self._dispatcher, namespace or ROOT
        limit = self._options.timeout if timeout is None else self._options.timeout_of(timeout)
        ack: Any = dispatcher.send_event(event, args, namespace, awaited=True)
        try:
            values = await self._running_app.services.deadlines.bound(ack.future, limit)
        except BaseException:
            dispatcher.acks.take(*ack.key)
            raise
        if values is EXPIRED:
            dispatcher.acks.take(*ack.key)
            dispatcher.errors.raise_unretrieved()
            raise dispatcher.diagnostics().no_ack(event, namespace, limit)
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
        """Return the oldest unread event that fits, and mark it as read; wait for one if there is
        none.

        Args:
            event: the event's name; None for any.
            namespace: "/" by default, "*" for all.
            match: a predicate of the `ReceivedEvent`.
            timeout: seconds.

        Raises:
            EventTimeout: no such event arrived in time.
            TypeError: `match` can't be called.
            NotConnected: the namespace is not connected, or its connection ended meanwhile.
            Exception: what the app raised because of this client, and no call has raised yet.
        """
        namespace, limit = namespace or ROOT, self._options.timeout_of(timeout)
        numbered = await next_event(self._dispatcher, event, namespace, match, limit)
        if numbered is None:
            self._dispatcher.errors.raise_unretrieved()
            raise self._dispatcher.diagnostics().no_event(event, namespace, match, limit)
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
        """Return the `count` oldest unread events that fit; if fewer arrive in time, all of them
        stay unread.

        Arguments and errors as in `await_event`; `timeout` is for all events together.
        """
        limit = self._options.timeout_of(timeout)
        return await next_events(self._dispatcher, count, event, namespace or ROOT, match, limit)

    def get_received(self, namespace: str | None = None) -> list[ReceivedEvent]:
        """Return all unread events of `namespace` ("/" by default, "*" for all), and mark them as
        read.

        Never waits. The events of a namespace stay readable after its disconnect.

        Raises:
            NotConnected: the client was never connected to `namespace`.
            ValueError: a namespace without a slash.
        """
        self._dispatcher.require_readable(namespace or ROOT)
        return self._dispatcher.inbox.drain(namespace or ROOT)

    async def events(self, namespace: str | None = None) -> AsyncIterator[ReceivedEvent]:
        """Iterate over events as they arrive, until the connection ends.

        Raises:
            EventTimeout: no further event arrived within the client's timeout.
            NotConnected: the client was never connected to `namespace`.
        """
        namespace = namespace or ROOT
        self._dispatcher.require_readable(namespace)
        with contextlib.suppress(NotConnected):
            while True:
                yield await self.await_event(namespace=namespace)

    async def settle(self, timeout: float | None = None, *, grace: float | None = None) -> None:
        """Wait until the app is at rest after what the clients of this running app sent, and its
        output has arrived.

        A task, callback or call of the app is at work while it runs, is ready to run, or waits for
        something at work, for a call in an executor, or for a timer that is due within `grace`. A
        task that waits for a later timer, or for a queue, an event or a socket that nothing at work
        will serve, is at rest. A handler is at work until it ends.

        Args:
            timeout: seconds.
            grace: seconds; that of the client by default. Give more for an app that answers later.

        Raises:
            EventTimeout: something was still at work after `timeout`: the error names it and the
                line at which it is suspended.
            Exception: what the app raised because of this client, and no call has raised yet; also
                an exception of a task begun by a handler that nobody has retrieved.
            UsageError: the server is elsewhere, or was not found: pass ``server=``.
        """
        await settle(self._dispatcher, self._options.timeout_of(timeout), grace)

    async def assert_not_received(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        within: float | None = None,
        grace: float | None = None,
    ) -> None:
        """`settle`, then assert that no unread event fits. Events stay unread.

        Args:
            event: as in `await_event`.
            namespace: as in `await_event`.
            match: as in `await_event`.
            within: seconds for which no such event may arrive after `settle`; virtual seconds
                within `time_travel`.
            grace: as in `settle`.

        Raises:
            UnexpectedEvent: an event fits.
            UsageError: the server is elsewhere and `within` is not given.
            NotConnected: the client was never connected to `namespace`.
            TypeError, ValueError: `event` is no name, `namespace` has no slash, `match` is async.
            Exception: as in `settle`.
        """
        assertion = NoEvent(self._dispatcher, event, namespace or ROOT, match, within)
        await assertion.check(self._options.timeout, grace)

    @overload
    def on(
        self, event: str, handler: None = None, *, namespace: str | None = None
    ) -> Callable[[_Handler], _Handler]: ...
    @overload
    def on(self, event: str, handler: _Handler, *, namespace: str | None = None) -> _Handler: ...
    def on(self, event: str, handler: Any = None, *, namespace: str | None = None) -> Any:
        """Register a handler for an event of the server, as a decorator or by a call.

        An event with a handler is not put into the inbox. The handler's return value is the ack for
        the server's ``call()``: None for no value, a tuple for several values. A handler may be
        sync or async, and runs in the event loop of the test.

        Event "*" stands for every event (the handler's first argument is then the event's name),
        namespace "*" for every namespace. "connect", "connect_error" and "disconnect" are reserved,
        as in python-socketio's client: their handlers get no argument, the data of the refusal, and
        the reason.

        Raises:
            TypeError: `event` is no name, or `handler` can't be called.
            ValueError: `namespace` has no slash.
        """
        check_subscription(event, handler, namespace or ROOT)
        if handler is None:
            return lambda function: self.on(event, function, namespace=namespace)
        self._dispatcher.handlers.add(event, handler, namespace or ROOT)
        return handler

    # -- the rest of the app

    @property
    def http(self) -> httpx.AsyncClient:
        """An httpx.AsyncClient on the same app, with the same cookie jar and base_url.

        If the constructor's ``http=`` is an async client, this is that client.
        """
        return http_client(self._dispatcher, self._http_context)

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookies of handshakes and of `http`."""
        return self.http.cookies

    @property
    def headers(self) -> httpx.Headers:
        """The headers of this client's handshakes that are added to those of `http`."""
        return self._http_context.own_headers

    def clone(self, **overrides: Any) -> Self:
        """Return another user of the same running app, with the same options but for `overrides`.

        The clone has its own cookies. It may be used while the original client is entered, without
        an ``async with`` of its own, and is closed with the original client at the latest.

        Raises:
            TypeError: `overrides` has an unknown argument, or `app`, `server` or `lifespan`.
        """
        other = type(self).__new__(type(self))
        other._options = self._options.for_clone(overrides, self._http_context.origin.url)
        other._set_up(self._running_app)
        return other

    @property
    def raw(self) -> EngineSession:
        """The Engine.IO session of this client.

        Raises:
            NotConnected: no session is open.
        """
        session = self._dispatcher.session
        if session is None:
            raise self._dispatcher.not_connected(ROOT)
        return session

    def session(self, namespace: str | None = None) -> AbstractAsyncContextManager[dict[str, Any]]:
        """Return an async context manager for the session dictionary that the server keeps for this
        client; it is saved when the block ends.

        Raises:
            NotConnected: the namespace is not connected.
            UsageError: the server is elsewhere, or was not found: pass ``server=``.
        """
        return server_session(self._dispatcher, namespace or ROOT)

    def session_transaction(self) -> AbstractAsyncContextManager[Any]:
        """Return an async context manager for the HTTP session of this client's next request.

        The session is read with the client's cookies. When the block ends, a changed session is
        saved as the app saves it, and its cookie is put into the cookie jar; if the block raises,
        nothing is saved. An open connection keeps the session with which it was opened.

        Supported are the SessionMiddleware of Starlette and FastAPI (a dictionary), Flask, Quart
        and Django (their own session objects), also in a wrapped or mounted app.

        Raises:
            UsageError: the app has no such session; its cookie would never be sent to the app; or
                the server is elsewhere.
        """
        require_local_server(self._running_app, "session_transaction()")
        return session_transaction(find_session(self._options.app), self._http_context)

    def rooms(self, namespace: str | None = None) -> set[str]:
        """Return the rooms of this client on the server, the room of its own sid included.

        Raises:
            NotConnected: the namespace is not connected.
            UsageError: the server is elsewhere, or was not found: pass ``server=``.
        """
        return rooms_of(self._dispatcher, namespace or ROOT)

    def time_travel(self) -> AbstractAsyncContextManager[None]:
        """Return an async context manager within which `advance` moves the event loop's clock.

        Raises:
            UsageError: the event loop is not one of asyncio's own, or the server is elsewhere.
        """
        require_local_server(self._running_app, "time_travel()")
        return virtual_time.time_travel(self._running_app)

    async def advance(self, seconds: float, *, timeout: float | None = None) -> None:
        """Move the clock by `seconds`, within `time_travel`; each timer fires at its own time.

        Before each move, tasks that wait for a thread or a socket are waited for in real time.

        Args:
            seconds: 0 or more.
            timeout: real seconds, for the whole call; the client's by default.

        Raises:
            TypeError: `seconds` is no number.
            ValueError: `seconds` is negative, or not finite.
            UsageError: outside of `time_travel`, or another call of `advance` is running.
            EventTimeout: a handler still waited for a thread or a socket after `timeout`, and is
                named; or the timers took longer than `timeout`.
        """
        await virtual_time.advance(self._running_app, seconds, self._options.timeout_of(timeout))

    @property
    def transcript(self) -> Transcript:
        """Every packet sent and received, with time and transport; ``str()`` makes a table."""
        return self._dispatcher.transcript

    @property
    def app_exceptions(self) -> list[BaseException]:
        """The exceptions so far of the app, because of this client, and of the test's handlers."""
        return list(self._dispatcher.errors.all)
