"""`TestClient`: one user of a running app, over Engine.IO and Socket.IO.

The way of a packet: `emit` -> `SocketIO.event` -> `EngineSession.send_messages` -> transport -> the app; and back, within the app's own
``send()``: transport -> `EngineSession.transport_frame` -> `TestClient.session_message` -> an ack's future, a handler of the test, or the inbox.

No task group and no cancel scope is held open between ``__aenter__`` and ``__aexit__``: pytest-asyncio runs the two in different tasks.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx

from asgi_sio_testclient import _engineio, _explain, _socketio
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    Leak,
    NotConnected,
    ProtocolError,
    TestClientError,
    UnexpectedEvent,
    UsageError,
)
from asgi_sio_testclient._handlers import Handlers
from asgi_sio_testclient._handshake import DEFAULT_HEADERS, Handshake, Identity
from asgi_sio_testclient._http import AppTransport
from asgi_sio_testclient._inbox import ALL, Inbox, Match, Waiter
from asgi_sio_testclient._options import Options
from asgi_sio_testclient._runtime import Runtime
from asgi_sio_testclient._session import EngineSession
from asgi_sio_testclient._transcript import Transcript
from asgi_sio_testclient._waiting import EXPIRED, Hub, Quietable

if TYPE_CHECKING:
    from asgi_sio_testclient._server import HandlerRun, ServerWatch

__all__ = ["TestClient"]

ROOT = "/"
CLIENT_DISCONNECT = "client disconnect"
SERVER_DISCONNECT = "server disconnect"
TRANSPORT_CLOSE = "transport close"


class _Refused:
    """A namespace's no."""

    def __init__(self, data: Any) -> None:
        self.data = data


class _Ack:
    """An event of ours whose ack is still to come."""

    __slots__ = ("callback", "event", "future")

    def __init__(self, event: str, future: asyncio.Future[Any] | None, callback: Any) -> None:
        self.event = event
        self.future = future
        self.callback = callback


class TestClient:
    """A Socket.IO client that talks straight into an ASGI app, in the test's own event loop.

    Args:
        app: an ASGI callable: `socketio.ASGIApp`, FastAPI, Starlette, or whatever wraps one.
        http: an httpx or httpx2 client, sync or async, or Starlette's or FastAPI's TestClient: its cookie jar, headers, auth and base_url are
            used, cookies that the app sets go back into its jar, and it is never closed.
        base_url: where the app seems to be; that of `http` goes before the default.
        headers: on top of those of `http`; httpx's types.
        cookies: on top of those of `http`; httpx's types.
        auth: the Socket.IO auth payload: a value, or a callable returning one, sync or async.
        socketio_path: "/ws/socket.io" for a server mounted at "/ws".
        transports: ("websocket",), ("polling",) or ("polling", "websocket"), which upgrades.
        serializer: "default", "msgpack", or a Packet class, as in python-socketio.
        json: a json-like module, as in python-socketio, but for this client alone.
        server: the `socketio.AsyncServer`, where it can't be found from `app`.
        lifespan: run the app's lifespan.
        root_path: for the scopes.
        client: for the scopes.
        timeout: seconds; the default of everything that waits.
        raise_app_exceptions: raise what the app raises in the test; else collect it in `app_exceptions` only.
        strict: at exit, raise `Leak` for what was left over, unread events included, instead of a ResourceWarning.

    Raises:
        TypeError: an argument of the wrong type, such as the server instead of the app.
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
        transports: Sequence[str] | str = ("websocket",),
        serializer: Any = "default",
        json: Any = None,
        server: Any = None,
        lifespan: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = ("testclient", 50000),
        timeout: float = 5.0,
        raise_app_exceptions: bool = True,
        strict: bool = False,
    ) -> None:
        self._options = Options(
            app=app, http=http, base_url=base_url, headers=headers, cookies=cookies, auth=auth,
            socketio_path=socketio_path, transports=transports, serializer=serializer, json=json,
            server=server, lifespan=lifespan, root_path=root_path, client=client, timeout=timeout,
            raise_app_exceptions=raise_app_exceptions, strict=strict,
        )  # fmt: skip
        self._set_up(Runtime(self._options.single_app, server, lifespan=lifespan))

    def _set_up(self, runtime: Runtime) -> None:
        options = self._options
        self._runtime = runtime
        self._owner = False
        self._closed = False
        self._identity = Identity(
            options.http, options.base_url, options.headers, options.cookies, options.root_path,
            options.client,
        )  # fmt: skip
        self._own_http: httpx.AsyncClient | None = None
        packet_class = options.packet_class
        self._socketio = _socketio.SocketIO(packet_class)
        self._handlers = Handlers()
        self._inbox = Inbox()
        self._session: EngineSession | None = None
        self._sids: dict[str, str] = {}
        self._joining: dict[str, asyncio.Future[Any]] = {}
        self._waiting_connects: list[tuple[str, Any]] = []
        self._acks: dict[tuple[str, int], _Ack] = {}
        self._late: dict[tuple[str, int], HandlerRun] = {}
        self._owed_acks: dict[tuple[str, int], str] = {}
        self._emitted: tuple[str, str] | None = None
        self._app_exceptions: list[BaseException] = []
        self._unseen: list[BaseException] = []
        self._disconnect_reason: str | None = None
        self._lost = ""
        self._refused_late: dict[str, Any] = {}
        self._looking_for_unacked = False
        number = len(runtime.clients) + 1
        self._transcript = Transcript(packet_class, f"client{number}", self._all_transcripts)
        runtime.clients.append(self)

    # -- entering and leaving

    async def __aenter__(self) -> Self:
        """Start the app's lifespan; does not connect.

        Raises:
            LifespanFailed: the app's startup failed.
            UsageError: already entered, or under an event loop that is not asyncio's.
        """
        _require_asyncio()
        if self._owner or (self._closed and self._runtime.running):
            raise UsageError("this TestClient is already entered")
        if not self._runtime.running:
            await self._runtime.start(self._options.timeout)
            self._owner = True
        self._closed = False
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect, let running handlers end, shut the lifespan down, and raise what the app raised and nobody has seen.

        Raises:
            Exception: of the app, as it was raised; several as an ExceptionGroup. Not where the block raised itself: that one goes on,
                with the app's as notes.
            LifespanFailed: the app's shutdown failed.
            Leak: something was left over, with ``strict=True``.
        """
        deadline = self._runtime.loop.time() + self._options.timeout
        failures: list[BaseException] = []
        leaks: list[str] = []
        leaving = list(reversed(self._runtime.clients)) if self._owner else [self]
        try:
            for client in leaving:
                leaks += client._unread() if self._options.strict else []
                client._say_goodbye()
            for client in leaving:
                leaks += await client._be_gone(deadline)
            if self._owner:
                leaks += await self._runtime.finish_handlers(deadline, self._options.timeout)
                failures += await self._shut_down()
        finally:
            for client in leaving:
                client._closed = True
                failures[:0] = client._unseen
                client._unseen = []
            if self._owner:
                self._owner = False
                left = self._runtime.release()
                self._runtime.clients = [self]
                await self._runtime.cancel(left, self._options.timeout)
        _raise_at_exit(exc, failures, leaks, strict=self._options.strict)

    def _say_goodbye(self) -> None:
        session = self._session
        if session is None:
            return
        goodbye: list[Any] = []
        for namespace in self._sids:
            goodbye += self._socketio.disconnect(namespace)
        session.leave(goodbye)
        self._ended(ALL, CLIENT_DISCONNECT, "")

    async def _be_gone(self, deadline: float) -> list[str]:
        """Wait until the app has nothing left to do for this client; returns what leaked."""
        leaks = [
            f"event {ack.event!r} (namespace {namespace!r}) was never acked by the server"
            for (namespace, _), ack in self._acks.items()
        ]
        leaks += [
            f"the server's event {event!r} (namespace {namespace!r}) wanted an ack; no client.on({event!r}) gave one"
            for (namespace, _), event in self._owed_acks.items()
        ]
        self._acks.clear()
        self._owed_acks.clear()
        session, self._session = self._session, None
        if session is not None and not session.over.done():
            await self._hub.wait(session.over, deadline - self._runtime.loop.time())
            if session.watch is not None and session.over.result() is EXPIRED:
                leaks += [
                    f"the server still counts {session.sid!r} as connected to namespace {namespace!r}"
                    for namespace in session.watch.connected_sids(session.sid)
                ]
        if self._own_http is not None:
            await self._own_http.aclose()
            self._own_http = None
        return leaks

    def _unread(self) -> list[str]:
        return [
            f"event {_explain.show_event(event)} was received and never read"
            for event in self._inbox.peek(ALL)
        ]

    async def _shut_down(self) -> list[BaseException]:
        try:
            await self._runtime.shutdown(self._options.timeout)
        except TestClientError as exc:
            return [exc]
        return []

    # -- connecting

    async def connect(
        self,
        *namespaces: str,
        auth: Any = None,
        headers: Any = None,
        query: Mapping[str, Any] | str | None = None,
        transports: Sequence[str] | str | None = None,
        timeout: float | None = None,
    ) -> Self:
        """Connect to `namespaces`, "/" by default. The first call opens the transport, a later one joins further namespaces on it.

        Args:
            namespaces: such as "/chat".
            auth: as in the constructor, for this call.
            headers: go with every request of this connection, over those of the client.
            query: the user's part of the query string: a mapping or a str.
            transports: as in the constructor, for this connection.
            timeout: seconds, for the whole of it.

        Raises:
            HandshakeFailed: the app gave no Engine.IO session.
            ConnectionRefused: a namespace said no. A first call then leaves nothing connected.
            ConnectTimeout: no answer in time.
            Exception: what a connect handler raised.
            UsageError: outside ``async with``, or a namespace is connected already.
        """
        self._require_running()
        wanted = _namespaces(namespaces or (ROOT,))
        taken = [name for name in wanted if name in self._sids or name in self._joining]
        if taken:
            raise UsageError(f"already connected to {', '.join(map(repr, taken))}")
        limit = self._timeout(timeout)
        opens = self._session is None
        loop = self._runtime.loop
        for name in wanted:
            self._joining[name] = loop.create_future()
        futures = {name: self._joining[name] for name in wanted}
        try:
            payload = await _resolve(self._options.auth if auth is None else auth)
            self._waiting_connects += [
                (name, self._encode_connect(name, payload)) for name in wanted
            ]
            self._disconnect_reason = None
            if opens:
                await self._open(headers, query, self._options.transports_of(transports))
            elif self._session is not None and self._session.engine.sid:
                self.session_ready()
            await self._answers(futures, limit)
        except BaseException as exc:
            session = self._give_up(wanted) if opens else None
            if isinstance(exc, ConnectionRefused) and session is not None:
                await self._hub.wait(session.over, limit)
            raise
        finally:
            for name in wanted:
                self._joining.pop(name, None)
        return self

    def _encode_connect(self, namespace: str, auth: Any) -> Sequence[Any]:
        try:
            return self._socketio.connect(namespace, auth)
        except (TypeError, ValueError, OverflowError, RecursionError) as exc:
            raise TypeError(f"auth can't be serialised: {exc}") from exc

    async def _open(
        self, headers: Any, query: Mapping[str, Any] | str | None, transports: Sequence[str]
    ) -> None:
        self._transcript.began()
        handshake = Handshake(
            self._identity, self._options.socketio_path, headers, query, self._runtime.state
        )
        await handshake.authorize()
        self._socketio.reset()
        self._session = session = EngineSession(
            self._runtime, handshake, transports, self, self._transcript
        )
        self._runtime.add_session(session)
        session.start()

    async def _answers(self, futures: Mapping[str, asyncio.Future[Any]], limit: float) -> None:
        """Wait for each namespace's answer to CONNECT.

        Raises:
            ConnectionRefused, ConnectTimeout, HandshakeFailed, or what the app raised.
        """
        deadline = self._runtime.loop.time() + limit
        session = self._session
        refusals = {}
        for name, future in futures.items():
            answer = await self._hub.wait(future, deadline - self._runtime.loop.time())
            if answer is EXPIRED:
                raise self._connect_timeout(name, limit)
            if isinstance(answer, _Refused):
                refusals[name] = answer.data
        watch = None if session is None else session.watch
        if not refusals and watch is not None and watch.always_connect:
            # CONNECT comes first and the connect handler's no later, in a DISCONNECT with data.
            left = deadline - self._runtime.loop.time()
            if await self._quiet(lambda: [session], left) is EXPIRED:  # type: ignore[list-item]
                raise self._connect_timeout(next(iter(futures)), limit)
            refusals, self._refused_late = self._refused_late, {}
            self._raise_unseen()
        if refusals:
            raise ConnectionRefused(refusals, hint=self._refusal_hint(refusals))

    def _give_up(self, names: Iterable[str]) -> EngineSession | None:
        """A first connect has failed: nothing stays connected. Returns what is ending now.

        It is not waited for here: a connect handler may be at it for as long as it likes. The exit
        waits.
        """
        self._waiting_connects = [
            entry for entry in self._waiting_connects if entry[0] not in names
        ]
        session = self._session
        if session is not None:
            self._say_goodbye()
            self._session = None
            self._disconnect_reason = None
        return session

    async def disconnect(self, namespace: str | None = None) -> None:
        """Say goodbye and leave `namespace`, or everything; the app's handler sees "client disconnect". Returns when it has ended.

        Raises:
            NotConnected: that namespace is not connected. (Leaving everything twice is no error.)
            EventTimeout: the disconnect handler did not end in time.
        """
        self._require_running()
        session = self._session
        if session is None:
            if namespace not in (None, ALL):
                self._require_connected(str(namespace))
            return
        if namespace in (None, ALL):
            self._say_goodbye()
        else:
            self._require_connected(str(namespace))
            session.send_messages(self._socketio.disconnect(str(namespace)))
            self._ended(str(namespace), CLIENT_DISCONNECT, "")
            if self._sids or self._joining:
                await self._settled(lambda: [session], self._options.timeout, "disconnect")
                return
            session.leave()
        self._session = None
        await self._wait_over(session)

    async def abort(self) -> None:
        """Vanish without a goodbye, as a lost network does: the app's handler sees "transport close".

        A server can't see a polling client go. What it would see when its ping times out ("ping timeout") is brought forward.

        Raises:
            EventTimeout: the disconnect handler did not end in time.
        """
        self._require_running()
        session, self._session = self._session, None
        if session is None:
            return
        session.vanish()
        self._ended(ALL, TRANSPORT_CLOSE, "the client aborted")
        await self._wait_over(session)

    async def _wait_over(self, session: EngineSession) -> None:
        await self._settled(lambda: [session], self._options.timeout, "disconnect")

    def is_connected(self, namespace: str | None = None) -> bool:
        """Whether `namespace` ("*": any) is connected."""
        return bool(self._sids) if namespace == ALL else (namespace or ROOT) in self._sids

    def get_sid(self, namespace: str | None = None) -> str | None:
        """The Socket.IO session id in `namespace`; None where it is not connected."""
        return self._sids.get(namespace or ROOT)

    @property
    def sid(self) -> str | None:
        """The Socket.IO session id in "/"."""
        return self._sids.get(ROOT)

    @property
    def transport(self) -> str | None:
        """ "polling" or "websocket"; None without a connection."""
        session = self._session
        if session is None or session.transport is None:
            return None
        return session.transport.name

    @property
    def disconnect_reason(self) -> str | None:
        """Why a namespace ended last, in python-socketio's words; None after a connect."""
        return self._disconnect_reason

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
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback is {callback!r}; expected a callable")
        namespace = namespace or ROOT
        session = self._connected_session(namespace)
        id_ = None if callback is None else self._socketio.next_id(namespace)
        messages = self._encode(event, args, namespace, id_)
        if id_ is not None:
            self._acks[namespace, id_] = _Ack(event, None, callback)
        self._emitted = event, namespace
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
            EventTimeout: no ack in time; or at once, when it is known that none can come: the server has no handler for the event.
            NotConnected: that namespace is not connected, or its connection ended meanwhile.
            TypeError: an argument can't be serialised; nothing was sent.
            Exception: what the event's handler raised.
        """
        namespace = namespace or ROOT
        session = self._connected_session(namespace)
        key = namespace, self._socketio.next_id(namespace)
        messages = self._encode(event, args, namespace, key[1])
        future = self._runtime.loop.create_future()
        self._acks[key] = _Ack(event, future, None)
        self._emitted = event, namespace
        try:
            session.send_messages(messages)
            limit = self._options.timeout if timeout is None else self._timeout(timeout)
            values = await self._hub.wait(future, limit)
        finally:
            self._acks.pop(key, None)
            if self._late:
                self._late.pop(key, None)
        if values is EXPIRED:
            raise self._no_ack(event, namespace, limit)
        if len(values) == 1:
            return values[0]
        return tuple(values) if values else None

    def _encode(
        self, event: str, args: tuple[Any, ...], namespace: str, id_: int | None
    ) -> Sequence[Any]:
        if not isinstance(event, str):
            raise TypeError(f"event is {event!r}; expected a str")
        if len(args) == 1 and isinstance(args[0], tuple):
            args = args[0]
        try:
            return self._socketio.event(event, args, namespace, id_)
        except (TypeError, ValueError, OverflowError, RecursionError) as exc:
            raise TypeError(f"the arguments of {event!r} can't be serialised: {exc}") from exc

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
            NotConnected: there is no connection that it could come over, or it ended meanwhile.
            Exception: what the app raised because of this client, and no call has raised yet.
        """
        return (await self._await_event(event, namespace or ROOT, match, self._timeout(timeout)))[1]

    async def await_events(
        self,
        count: int,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
    ) -> list[ReceivedEvent]:
        """The `count` oldest that fit; arguments and errors as in `await_event`. When they don't all come, none is read."""
        self._require_running_or_closed()
        limit = self._timeout(timeout)
        deadline = self._runtime.loop.time() + limit
        taken: list[tuple[int, ReceivedEvent]] = []
        try:
            while len(taken) < count:
                left = deadline - self._runtime.loop.time()
                taken.append(await self._await_event(event, namespace or ROOT, match, left))
        except EventTimeout as exc:
            self._put_back(taken)
            exc.headline = f"{len(taken)} of {count} came: {exc.headline}"
            raise
        except BaseException:
            self._put_back(taken)
            raise
        return [received for _, received in taken]

    def _put_back(self, taken: Iterable[tuple[int, ReceivedEvent]]) -> None:
        for numbered in taken:
            self._inbox.put_back(numbered)

    async def _await_event(
        self, event: str | None, namespace: str, match: Match | None, limit: float
    ) -> tuple[int, ReceivedEvent]:
        self._require_running_or_closed()
        found = self._inbox.take(event, namespace, match)
        if found is not None:
            return found
        if self._unseen:
            self._raise_unseen()
        self._require_connected(namespace, joining=True)
        future: asyncio.Future[Any] = self._runtime.loop.create_future()
        waiter = Waiter(event, namespace, match, future)
        self._inbox.wait(waiter)
        try:
            numbered = await self._hub.wait(future, limit)
        except asyncio.CancelledError:
            self._hand_back(future)
            raise
        finally:
            self._inbox.leave(waiter)
        if numbered is EXPIRED:
            raise self._no_event(event, namespace, match, limit)
        return numbered  # type: ignore[no-any-return]

    def _hand_back(self, future: asyncio.Future[Any]) -> None:
        """A wait was cancelled in the very moment in which it got what it waited for."""
        if not future.done() or future.cancelled():
            return
        exc = future.exception()
        if exc is None:
            if future.result() is not EXPIRED:
                self._inbox.put_back(future.result())
        elif exc in self._app_exceptions:
            self._unseen.append(exc)

    def get_received(self, namespace: str | None = None) -> list[ReceivedEvent]:
        """All unread events of `namespace` ("/" by default, "*" for all); they are read then. Never waits."""
        return self._inbox.drain(namespace or ROOT)

    async def events(self, namespace: str | None = None) -> AsyncIterator[ReceivedEvent]:
        """Events as they come, until the connection ends.

        Raises:
            EventTimeout: the next one did not come within the client's timeout.
        """
        while True:
            try:
                event = await self.await_event(namespace=namespace)
            except NotConnected:
                return
            yield event

    async def settle(self, timeout: float | None = None) -> None:
        """Return once everything that packets of this running app's clients set off has run, and its output has arrived.

        Handlers are followed wherever they wait: for a sleep, a thread, another handler, an ack of this client. What the app starts with
        ``create_task`` or ``start_background_task`` does not count, since such loops never end: use `await_event` for their output.

        Args:
            timeout: seconds.

        Raises:
            EventTimeout: a handler did not end in time: it names the handler, and where it is suspended.
            Exception: what the app raised because of this client, and no call has raised yet.
            UsageError: the server is not known: pass ``server=``.
        """
        self._require_running()
        if self._session is not None:
            self._require_watch()
        await self._settled(self._runtime.quiet_things, self._timeout(timeout), "settle")

    async def _settled(
        self, things: Callable[[], Iterable[Quietable]], limit: float, what: str
    ) -> None:
        if await self._quiet(things, limit) is EXPIRED:
            raise self._still_running(what, limit)
        if self._unseen:
            self._raise_unseen()

    async def _quiet(self, things: Callable[[], Iterable[Quietable]], limit: float) -> Any:
        future: asyncio.Future[Any] = self._runtime.loop.create_future()
        forget = self._hub.when_quiet(things, lambda: _finish(future))
        try:
            return await self._hub.wait(future, limit)
        finally:
            forget()

    async def assert_not_received(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
    ) -> None:
        """`settle`, then assert that no unread event fits. Arguments as in `await_event`; what did arrive stays unread.

        Raises:
            UnexpectedEvent: one does.
            Exception: as in `settle`.
        """
        await self.settle()
        events = self._inbox.matching(event, namespace or ROOT, match)
        if events:
            wanted = "no event" if event is None else f"no {event!r}"
            shown = ", ".join(_explain.show_event(seen) for seen in events[:3])
            raise UnexpectedEvent(
                f"expected {wanted} in namespace {namespace or ROOT!r}, but {len(events)} arrived: {shown}",
                events,
            )

    # -- answering the server

    def on(
        self,
        event: str,
        handler: Callable[..., Any] | None = None,
        *,
        namespace: str | None = None,
    ) -> Any:
        """Register a handler for an event of the server, as a decorator or by a call. Events that a handler takes are not queued.

        Its return value is the ack that the server's ``call()`` gets: None for no value, a tuple for several. It may be sync or async.
        "*" catches every event (its name comes first), namespace "*" every namespace. "connect", "connect_error" and "disconnect" are
        reserved, as in python-socketio's client: called without arguments, with the refusal's data, with the reason.
        """
        if handler is None:

            def register(function: Callable[..., Any]) -> Callable[..., Any]:
                self._handlers.add(event, function, namespace or ROOT)
                return function

            return register
        if not callable(handler):
            raise TypeError(f"handler is {handler!r}; expected a callable")
        self._handlers.add(event, handler, namespace or ROOT)
        return handler

    # -- the rest of the app

    @property
    def http(self) -> httpx.AsyncClient:
        """An httpx.AsyncClient on the same app, with the same cookie jar and base_url: the one handed in, where that is async."""
        if hasattr(self._options.http, "aclose"):
            return self._options.http  # type: ignore[no-any-return]
        if self._own_http is None:
            self._own_http = self._make_http()
        return self._own_http

    def _make_http(self) -> httpx.AsyncClient:
        options = self._options
        transport = AppTransport(
            options.single_app,
            state=lambda: self._runtime.state,
            keep=lambda task: self._runtime.keep(task),
            root_path=options.root_path,
            client=options.client,
            raise_app_exceptions=options.raise_app_exceptions,
            timeout=options.timeout,
        )
        return httpx.AsyncClient(
            transport=transport,
            base_url=self._identity.origin.url,
            headers=httpx.Headers(DEFAULT_HEADERS if options.http is None else options.http.headers)
            if self._identity.headers is None
            else _with(options.http, self._identity.headers),
            cookies=self._identity.jar,
            auth=getattr(options.http, "auth", None),
            trust_env=False,  # a proxy in the environment would build an SSL context
        )

    @property
    def cookies(self) -> httpx.Cookies:
        """The cookie jar that handshakes and `http` share."""
        return self.http.cookies

    @property
    def headers(self) -> httpx.Headers:
        """The headers of this client's handshakes that go on top of those of `http`."""
        if self._identity.headers is None:
            self._identity.headers = httpx.Headers()
        return self._identity.headers

    def clone(self, **overrides: Any) -> TestClient:
        """Another user of the same running app: the same options but for `overrides`, with cookies of its own.

        It can be used at once while this one is entered, is closed with it at the latest, and may have an ``async with`` of its own.

        Raises:
            TypeError: an argument that the constructor doesn't know, or one of the app's own.
        """
        other = TestClient.__new__(type(self))
        other._options = self._options.for_clone(overrides, str(self._identity.origin.url))
        other._set_up(self._runtime)
        return other

    @property
    def raw(self) -> EngineSession:
        """The Engine.IO session under this client.

        Raises:
            NotConnected: there is none.
        """
        if self._session is None:
            raise NotConnected("not connected: connect() first", self._disconnect_reason)
        return self._session

    def session(self, namespace: str | None = None) -> AbstractAsyncContextManager[dict[str, Any]]:
        """The server's session dictionary of this client, saved when the block ends.

        Raises:
            NotConnected: that namespace is not connected.
            UsageError: the server is not known: pass ``server=``.
        """
        namespace = namespace or ROOT
        self._connected_session(namespace)
        context: AbstractAsyncContextManager[dict[str, Any]] = self._require_watch().sio.session(
            self._sids[namespace], namespace
        )
        return context

    def rooms(self, namespace: str | None = None) -> set[str]:
        """The rooms that the server has this client in, its own sid's among them.

        Raises: as `session`.
        """
        namespace = namespace or ROOT
        self._connected_session(namespace)
        return set(self._require_watch().sio.rooms(self._sids[namespace], namespace))

    @property
    def transcript(self) -> Transcript:
        """Every packet, both ways, with time and transport; ``str()`` of it is for people."""
        return self._transcript

    @property
    def app_exceptions(self) -> list[BaseException]:
        """What the app raised so far because of this client."""
        return list(self._app_exceptions)

    # -- what the session tells

    def session_ready(self) -> None:
        """The way is open: send what CONNECTs are due."""
        session, due = self._session, self._waiting_connects
        self._waiting_connects = []
        if session is not None:
            for _, messages in due:
                session.send_messages(messages)

    def session_message(self, message: Any) -> None:
        """A Socket.IO packet, or a part of one."""
        incoming = self._socketio.receive(message)
        if incoming is None:
            return
        kind = incoming.kind
        if kind == _socketio.ACK:
            self._acked(incoming)
        elif kind == _socketio.EVENT:
            self._received(incoming)
        elif kind == _socketio.CONNECT:
            self._connected(incoming)
        elif kind == _socketio.CONNECT_ERROR:
            self._refused(incoming)
        else:
            self._disconnected(incoming)
        if self._late:
            self._look_for_unacked()

    def _acked(self, incoming: _socketio.Incoming) -> None:
        key = incoming.namespace, incoming.id or 0
        ack = self._acks.pop(key, None)
        if self._late:
            self._late.pop(key, None)
        if ack is None:
            return
        if ack.future is None:
            self._run(ack.callback, tuple(incoming.data), f"callback of {ack.event!r}", None)
        elif not ack.future.done():
            ack.future.set_result(incoming.data)

    def _received(self, incoming: _socketio.Incoming) -> None:
        name, *args = incoming.data
        if self._handlers:
            handler, given = self._handlers.find(name, incoming.namespace, tuple(args))
            if handler is not None:
                self._run(handler, given, f"handler of {name!r}", incoming)
                return
        if incoming.id is not None:
            self._owed_acks[incoming.namespace, incoming.id] = name
        self._inbox.put(ReceivedEvent(name, tuple(args), incoming.namespace))

    def _connected(self, incoming: _socketio.Incoming) -> None:
        future = self._joining.pop(incoming.namespace, None)
        if future is None:
            raise ProtocolError(
                "CONNECT for a namespace that was not asked for", str(incoming.data)
            )
        self._sids[incoming.namespace] = str(incoming.data["sid"])
        self._run_reserved("connect", incoming.namespace)
        if not future.done():
            future.set_result(None)

    def _refused(self, incoming: _socketio.Incoming) -> None:
        future = self._joining.pop(incoming.namespace, None)
        self._run_reserved("connect_error", incoming.namespace, incoming.data)
        if future is not None and not future.done():
            future.set_result(_Refused(incoming.data))

    def _disconnected(self, incoming: _socketio.Incoming) -> None:
        if incoming.namespace not in self._sids:
            return
        if incoming.data is not None:
            # AsyncServer._handle_connect: with always_connect the refusal is a DISCONNECT with data.
            self._refused_late[incoming.namespace] = incoming.data
        self._ended(incoming.namespace, SERVER_DISCONNECT, "")
        if not self._sids and not self._joining and self._session is not None:
            # Both stock clients leave when the last namespace is gone.
            self._session.leave()
            self._session = None

    def session_ended(self, session: EngineSession, reason: str, error: Exception | None) -> None:
        """The connection is over, and not by this client's doing."""
        if session is not self._session:
            return
        self._session = None
        joining = [future for future in self._joining.values() if not future.done()]
        for future in joining:
            future.set_exception(
                error
                if isinstance(error, TestClientError)
                else NotConnected(_lost_text(reason, error), reason)
            )
        self._joining.clear()
        if isinstance(error, ProtocolError) and not joining:
            self._raise_somewhere(error)
        self._ended(ALL, reason, "" if error is None else str(error))

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """The app raised because of this client."""
        self._app_exceptions.append(exc)
        if self._options.raise_app_exceptions:
            self._raise_somewhere(exc, run)

    def handler_ended(self, run: HandlerRun) -> None:
        """It ended. If its event wanted an ack, that is on its way now, or will never come."""
        if run.id is not None:
            key = run.namespace, run.id
            if key in self._acks:
                self._late[key] = run
                session = self._session
                if session is not None and session.watch is not None:
                    if session.watch.output_state(session.sid) != "waiting":
                        self._look_for_unacked()

    def frame_delivered(self) -> None:
        """Something has arrived; if an ack that is due was not it, look whether that can still come."""
        if self._late:
            self._look_for_unacked()

    # -- inside: errors

    def _raise_somewhere(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Raise it in the call that waits for it, else in the next one that waits, else at exit."""
        if run is not None and run.id is not None:
            ack = self._acks.get((run.namespace, run.id))
            if ack is not None and ack.future is not None and not ack.future.done():
                ack.future.set_exception(exc)
                return
        for future in self._joining.values():
            if not future.done():
                future.set_exception(exc)
                return
        if not self._inbox.raise_in_first(exc):
            self._unseen.append(exc)

    def _raise_unseen(self) -> None:
        if self._unseen:
            raise self._unseen.pop(0)

    def _look_for_unacked(self) -> None:
        session = self._session
        if session is not None and not self._looking_for_unacked:
            self._looking_for_unacked = True
            self._hub.when_quiet(lambda: [session], self._unacked)

    def _unacked(self) -> None:
        """All output has arrived: acks of handlers that have ended will not come."""
        self._looking_for_unacked = False
        late, self._late = self._late, {}
        for key, run in late.items():
            ack = self._acks.get(key)
            if ack is None or ack.future is None or ack.future.done():
                continue
            del self._acks[key]
            ack.future.set_exception(self._never_acked(ack.event, run))

    # -- inside: state

    @property
    def _hub(self) -> Hub:
        return self._runtime.hub

    @property
    def _watch(self) -> ServerWatch | None:
        return None if self._session is None else self._session.watch

    def _timeout(self, timeout: float | None) -> float:
        if timeout is None:
            return self._options.timeout
        if timeout < 0:
            raise ValueError(f"timeout is {timeout!r}; expected seconds, 0 or more")
        return timeout

    def _all_transcripts(self) -> list[Transcript]:
        return [client._transcript for client in self._runtime.clients if client._transcript]

    def _require_running(self) -> None:
        if not self._runtime.running or self._closed:
            raise UsageError("use it within `async with TestClient(app) as client:`")
        if asyncio.get_running_loop() is not self._runtime.loop:
            raise UsageError("this TestClient was entered in another event loop")

    def _require_running_or_closed(self) -> None:
        if not hasattr(self._runtime, "loop"):
            self._require_running()

    def _require_watch(self) -> ServerWatch:
        watch = self._watch or next(iter(self._runtime.watches), None)
        if watch is None or watch.sio is None:
            raise UsageError(
                "the app's socketio.AsyncServer was not found on the way of its requests; pass server= to the TestClient"
            )
        return watch

    def _connected_session(self, namespace: str) -> EngineSession:
        session = self._session
        if session is None or namespace not in self._sids:
            self._require_running()
            self._require_connected(namespace)
        return session  # type: ignore[return-value]

    def _require_connected(self, namespace: str, *, joining: bool = False) -> None:
        connected = self._sids if namespace == ALL else {namespace} & self._sids.keys()
        pending = self._joining if namespace == ALL else {namespace} & self._joining.keys()
        if connected or (joining and pending):
            return
        raise self._not_connected(namespace)

    def _not_connected(self, namespace: str) -> NotConnected:
        reason = self._disconnect_reason
        if self._sids and namespace != ALL:
            others = ", ".join(map(repr, self._sids))
            text = f"not connected to namespace {namespace!r}, only to {others}"
        elif reason is None:
            text = "not connected: connect() first"
        else:
            text = _lost_text(reason, self._lost)
        return NotConnected(text, reason, self._situation().details() if reason else ())

    def _ended(self, namespace: str, reason: str, detail: str) -> None:
        """`namespace`, or everything, is over: tell those who wait for something of it."""
        names = list(self._sids) if namespace == ALL else [namespace]
        for name in names:
            del self._sids[name]
        self._disconnect_reason = reason
        self._lost = detail
        for (space, id_), ack in list(self._acks.items()):
            if namespace in (ALL, space) and ack.future is not None:
                del self._acks[space, id_]
                if not ack.future.done():
                    ack.future.set_exception(self._not_connected_any_more(reason, detail))
        self._inbox.fail(
            ALL if not self._sids and not self._joining else namespace,
            lambda _: self._not_connected_any_more(reason, detail),
        )
        for name in names:
            self._run_reserved("disconnect", name, reason)

    def _not_connected_any_more(self, reason: str, detail: str) -> NotConnected:
        text = f"the connection ended: {_lost_text(reason, detail)}"
        return NotConnected(text, reason, self._situation().details())

    # -- inside: the test's handlers

    def _run_reserved(self, event: str, namespace: str, *args: Any) -> None:
        if self._handlers:
            handler, given = self._handlers.find(event, namespace, args)
            if handler is not None:
                self._run(handler, given, f"handler of {event!r}", None)

    def _run(
        self,
        handler: Callable[..., Any],
        args: tuple[Any, ...],
        what: str,
        incoming: _socketio.Incoming | None,
    ) -> None:
        """Call a handler of the test; its result, or that of what it returns to be awaited, is the ack."""
        try:
            result = handler(*args)
            if inspect.isawaitable(result):
                task = self._runtime.loop.create_task(self._finish_handler(result, what, incoming))
                self._runtime.keep(task)
            else:
                self._answer(incoming, result)
        except Exception as exc:  # noqa: BLE001 (the test's own error: it belongs into the test, not into the app's send)
            self._handler_failed(exc, what)

    async def _finish_handler(
        self, awaitable: Any, what: str, incoming: _socketio.Incoming | None
    ) -> None:
        try:
            self._answer(incoming, await awaitable)
        except Exception as exc:  # noqa: BLE001 (as in _run)
            self._handler_failed(exc, what)

    def _handler_failed(self, exc: Exception, what: str) -> None:
        exc.add_note(f"raised by the client's {what}")
        self._app_exceptions.append(exc)
        self._raise_somewhere(exc)

    def _answer(self, incoming: _socketio.Incoming | None, result: Any) -> None:
        session = self._session
        if incoming is None or incoming.id is None or session is None:
            return
        values = result if isinstance(result, tuple) else () if result is None else (result,)
        session.send_messages(self._socketio.ack(incoming.namespace, incoming.id, values))

    # -- inside: explanations

    def _situation(self) -> _explain.Situation:
        errors = [exc for client in self._runtime.clients for exc in client._unseen]
        if not self._options.raise_app_exceptions:
            errors += self._app_exceptions
        return _explain.Situation(
            self._watch or next(iter(self._runtime.watches), None),
            self._runtime.running_handlers(),
            self._inbox.peek(ALL),
            errors,
            self._transcript,
            self._emitted,
        )

    def _no_event(
        self, event: str | None, namespace: str, match: Match | None, limit: float
    ) -> EventTimeout:
        situation = self._situation()
        wanted = "event" if event is None else f"event {event!r}"
        where = "any namespace" if namespace == ALL else f"namespace {namespace!r}"
        which = "" if match is None else f" that {getattr(match, '__qualname__', match)} takes"
        cause = situation.cause_of_missing_event(event, namespace, match)
        return self._event_timeout(
            f"no {wanted} in {where}{which} within {limit:g} s: {cause}",
            situation, event, namespace, limit,
        )  # fmt: skip

    def _no_ack(self, event: str, namespace: str, limit: float) -> EventTimeout:
        situation = self._situation()
        running = [line for line in situation.running if f"event {event!r}" in line]
        errors = situation.errors
        if errors:
            cause = f"the app raised {errors[0]!r}"
        elif running:
            cause = f"its handler is still running: {running[0]}"
        else:
            cause = "the server did not answer"
        return self._event_timeout(
            f"no ack for {event!r} within {limit:g} s: {cause}", situation, event, namespace, limit
        )

    def _never_acked(self, event: str, run: HandlerRun) -> EventTimeout:
        situation = self._situation()
        cause = f"{run.name} returned, and no ack followed"
        if situation.watch is not None:
            cause = _explain.nobody_handles(situation.watch, event, run.namespace) or cause
        if run.error is not None:
            cause = f"{run.name} raised {run.error!r}"
        return self._event_timeout(
            f"no ack for {event!r}: {cause}", situation, event, run.namespace, None
        )

    def _still_running(self, what: str, limit: float) -> EventTimeout:
        situation = self._situation()
        cause = situation.running[0] if situation.running else "the app did not take what was sent"
        return self._event_timeout(
            f"{what} did not end within {limit:g} s; still running: {cause}",
            situation, None, None, limit,
        )  # fmt: skip

    def _event_timeout(
        self,
        headline: str,
        situation: _explain.Situation,
        event: str | None,
        namespace: str | None,
        limit: float | None,
    ) -> EventTimeout:
        return EventTimeout(
            headline,
            event=event,
            namespace=namespace,
            timeout=limit,
            received=situation.received,
            running=situation.running,
            details=situation.details(),
        )

    def _connect_timeout(self, namespace: str, limit: float) -> ConnectTimeout:
        situation = self._situation()
        session = self._session
        waiting_for = f"answer to CONNECT of namespace {namespace!r}"
        if session is None or session.engine.state is _engineio.State.OPENING:
            waiting_for = "Engine.IO handshake"
        cause = []
        if situation.errors:
            cause = [f"the app raised {situation.errors[0]!r}"]
        elif situation.running:
            cause = [f"still running: {situation.running[0]}"]
        return ConnectTimeout(waiting_for, limit, (*cause, *situation.details()))

    def _refusal_hint(self, refusals: Mapping[str, Any]) -> str:
        watch = self._watch
        unknown = [name for name in refusals if refusals[name] == "Unable to connect"]
        if watch is None or not unknown:
            return ""
        known = ", ".join(map(repr, sorted(watch.known_namespaces())))
        similar = _explain.near(unknown[0], watch.known_namespaces())
        meant = f" Did you mean {similar!r}?" if similar else ""
        return f"The server knows the namespaces {known}.{meant}"


def _finish(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_result(None)


async def _resolve(auth: Any) -> Any:
    value = auth() if callable(auth) else auth
    return await value if inspect.isawaitable(value) else value


def _namespaces(names: Sequence[Any]) -> list[str]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"namespace is {name!r}; expected a str such as '/chat'")
        if not name.startswith("/"):
            raise ValueError(f"namespace is {name!r}; did you mean '/{name}'?")
    return list(dict.fromkeys(names))


def _lost_text(reason: str, detail: Any) -> str:
    return f"{reason} ({detail})" if detail else reason


def _with(http: Any, headers: httpx.Headers) -> httpx.Headers:
    merged = httpx.Headers(DEFAULT_HEADERS if http is None else http.headers)
    merged.update(headers)
    return merged


def _require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "TestClient needs a running asyncio event loop: python-socketio's server is asyncio-only, so trio can't drive it"
        ) from None


def _raise_at_exit(
    body: BaseException | None,
    failures: Sequence[BaseException],
    leaks: Sequence[str],
    *,
    strict: bool,
) -> None:
    if body is not None:
        for failure in failures:
            if failure is not body:
                body.add_note(f"the app also raised {type(failure).__name__}: {failure}")
        return
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise BaseExceptionGroup("the app raised several exceptions", list(failures))
    if leaks and strict:
        raise Leak(leaks)
    for leak in leaks:
        warnings.warn(f"left over at exit: {leak}", ResourceWarning, stacklevel=3)
