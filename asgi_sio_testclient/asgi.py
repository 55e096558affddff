"""One ASGI scope each, driven by hand: `HTTPExchange`, `WebSocketConnection` and `Lifespan`.

What the app sends is handed over inside its own ``await send(...)``: to a listener where one is
given, else to a mailbox that the by-hand methods read. So there is no reader task, and when
``send()`` returns the message can be seen.

This module knows ASGI and nothing of Engine.IO or Socket.IO. The app runs in plain asyncio tasks;
nothing here holds a cancel scope or a task group open. Source of the rules: the ASGI specification
3.0 and its www and lifespan pages; where it leaves room, uvicorn 0.54.
"""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import unquote

from asgiref.compatibility import double_to_single_callable, is_double_callable

from asgi_sio_testclient._exceptions import LifespanFailed, UsageError
from asgi_sio_testclient._places import place_of
from asgi_sio_testclient._waiting import EXPIRED, hub_of

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope, LifespanScope, WebSocketScope

__all__ = [
    "ClientDisconnected",
    "HTTPExchange",
    "Lifespan",
    "Response",
    "WebSocketClosed",
    "WebSocketConnection",
    "http_scope",
    "single_callable",
    "websocket_scope",
]

Headers = Iterable[tuple[bytes, bytes]]
Message = dict[str, Any]

DEFAULT_TIMEOUT = 5.0
NORMAL_CLOSURE = 1000
NO_STATUS_RECEIVED = 1005
FORBIDDEN = 403
_SINGLE_CALLABLE_ARGUMENTS = 3


def single_callable(app: Any) -> ASGI3Application:
    """`app` as an ASGI 3 callable; ASGI 2's two-step callables are wrapped by asgiref.

    asgiref takes a plain ``def app(scope, receive, send): return inner(scope, receive, send)`` for
    a two-step callable, since it isn't a coroutine function; so what accepts three arguments is
    left alone.
    """
    if has_async_call(app):
        return cast("ASGI3Application", app)  # as asgiref finds, by a longer way
    if not is_double_callable(app) or _takes(app, _SINGLE_CALLABLE_ARGUMENTS):
        return cast("ASGI3Application", app)
    return cast("ASGI3Application", double_to_single_callable(app))


def has_async_call(app: Any) -> bool:
    """Whether it is an object with an ``async def __call__``: what `inspect.iscoroutinefunction`
    finds in the end.
    """
    code = getattr(type(app).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_COROUTINE)


def _takes(callable_: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(callable_).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def http_scope(
    method: str,
    path: str,
    *,
    query_string: bytes = b"",
    headers: Headers = (),
    scheme: str = "http",
    root_path: str = "",
    client: tuple[str, int] | None = ("testclient", 50000),
    server: tuple[str, int | None] | None = ("testserver", 80),
    state: Mapping[str, Any] | None = None,
) -> HTTPScope:
    """The scope of one HTTP request, as uvicorn presents it.

    Args:
        method: "GET", "POST", ...
        path: percent-encoded, without the query.
        query_string: percent-encoded, without "?".
        headers: pairs of bytes, names in lower case.
        scheme: "http" or "https".
        root_path: where a proxy mounted the app; the path is not changed by it.
        client: host and port of the client.
        server: host and port of the server.
        state: the lifespan's state; a shallow copy goes into the scope.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": path.encode("ascii"),
        "query_string": query_string,
        "root_path": root_path,
        "headers": list(headers),
        "client": client,
        "server": server,
        "state": dict(state or {}),
    }  # type: ignore[typeddict-item]  # uvicorn gives an http scope no "extensions"


def websocket_scope(
    path: str,
    *,
    query_string: bytes = b"",
    headers: Headers = (),
    scheme: str = "ws",
    root_path: str = "",
    client: tuple[str, int] | None = ("testclient", 50000),
    server: tuple[str, int | None] | None = ("testserver", 80),
    subprotocols: Iterable[str] = (),
    state: Mapping[str, Any] | None = None,
) -> WebSocketScope:
    """The scope of one websocket, as uvicorn presents it. Arguments as in `http_scope`."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": path.encode("ascii"),
        "query_string": query_string,
        "root_path": root_path,
        "headers": list(headers),
        "client": client,
        "server": server,
        "subprotocols": list(subprotocols),
        "state": dict(state or {}),
        "extensions": {"websocket.http.response": {}},
    }


@dataclass(frozen=True, slots=True)
class Response:
    """What an app answered to a request, or to a websocket that it didn't accept.

    Attributes:
        status: the HTTP status.
        headers: as the app gave them.
        body: whole, in bytes, not decoded.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class WebSocketClosed:
    """The end of an accepted websocket, by the app.

    Attributes:
        code: 1000 where the app gave none (ASGI spec, "Close").
        reason: "" where the app gave none.
    """

    code: int = NORMAL_CLOSURE
    reason: str = ""


class ClientDisconnected(OSError):
    """What an app gets that sends to a websocket which is closed, as under uvicorn."""


class _Run:
    """One call of the app with one scope: its task, and the messages it has not received yet."""

    _loop: asyncio.AbstractEventLoop

    def __init__(
        self, app: ASGI3Application, scope: Any, on_receive: Callable[[], None] | None = None
    ) -> None:
        self.scope = scope
        self.task: asyncio.Task[None] | None = None
        self.ended = False
        self.error: BaseException | None = None
        self._app = app
        # A queue of two lists: an empty deque is 760 bytes, and most connections are idle.
        self._messages: list[Message] = []
        self._next: list[Message] = []
        self._receivers: list[asyncio.Future[Message]] = []
        self.on_receive = on_receive

    def start(self) -> asyncio.Task[None]:
        """Call the app, in a task of its own. Needs a running event loop."""
        self._loop = asyncio.get_running_loop()
        self.task = self._loop.create_task(self._call())
        return self.task

    @property
    def idle(self) -> bool:
        """True when the app has taken every message and waits in ``receive()``, or has returned."""
        return self.ended or (bool(self._receivers) and not self._messages and not self._next)

    async def _call(self) -> None:
        try:
            await self._app(self.scope, self._receive, self._send)  # type: ignore[arg-type]
        except Exception as exc:  # noqa: BLE001 (the app's own, handed on as it is)
            self._end(exc)
        except BaseException as exc:
            self._end(exc)
            raise
        else:
            self._end(None)

    def _end(self, exc: BaseException | None) -> None:
        self.ended = True
        self.error = exc
        self._ended(exc)

    async def _receive(self) -> Message:
        # Called first, since whoever watches wants to know that the app is about to wait.
        if self.on_receive is not None:
            self.on_receive()
        if self._messages or self._next:
            return self._oldest()
        receiver: asyncio.Future[Message] = self._loop.create_future()
        self._receivers.append(receiver)
        try:
            return await receiver
        except asyncio.CancelledError:
            # python-engineio's wait_for cancels a receive(): the waiter goes, the message stays.
            if receiver in self._receivers:
                self._receivers.remove(receiver)
            elif not receiver.cancelled():
                self._next.append(receiver.result())
                if self._receivers:
                    self._feed(self._oldest())
            raise

    def _oldest(self) -> Message:
        if not self._next:
            self._next, self._messages = self._messages, self._next
            self._next.reverse()
        return self._next.pop()

    def _feed(self, message: Message) -> None:
        while self._receivers:
            receiver = self._receivers.pop(0)
            if not receiver.done():
                receiver.set_result(message)
                return
        self._messages.append(message)

    async def _send(self, message: Any) -> None:
        """Take what the app sends."""

    def _ended(self, exc: BaseException | None) -> None:
        """Take the end of the app: it returned, or raised `exc`."""


class _Mailbox:
    """What arrived and was not read yet, for those who drive a scope by hand."""

    def __init__(self) -> None:
        self._arrived: list[Any] = []
        self._readers: list[asyncio.Future[None]] = []

    def put(self, item: Any) -> None:
        self._arrived.append(item)
        for reader in self._readers:
            if not reader.done():
                reader.set_result(None)

    async def get_soon(self, timeout: float) -> Any:
        """`get`, with a turn of the loop first: most answers need no more, and no timer."""
        if not self._arrived:
            await asyncio.sleep(0)
        return await self.get(timeout)

    async def get(self, timeout: float) -> Any:
        if self._arrived:
            return self._oldest()
        hub = hub_of(asyncio.get_running_loop())
        deadline = hub.loop.time() + timeout
        while not self._arrived:
            reader = hub.loop.create_future()
            self._readers.append(reader)
            try:
                if await hub.wait(reader, deadline - hub.loop.time()) is EXPIRED:
                    raise TimeoutError(f"nothing came within {timeout:g} s")
            finally:
                self._readers.remove(reader)
        return self._oldest()

    def _oldest(self) -> Any:
        item = self._arrived.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item


class ExchangeListener(Protocol):
    """Takes what comes of an `HTTPExchange`, inside the app's own call."""

    def responded(self, response: Response) -> None:
        """The response is whole."""

    def exchange_ended(self, exc: BaseException | None) -> None:
        """The app's callable returned, or raised `exc`; it runs no more. `HTTPExchange.complete`
        tells whether it responded.
        """


class HTTPExchange(_Run):
    """One HTTP request and its response.

    Args:
        app: an ASGI callable.
        scope: see `http_scope`.
        body: the request's body, in bytes.
        listener: takes the response; without one, `response` reads it.
        on_receive: called each time the app is about to receive.

    By hand::

        exchange = HTTPExchange(app, http_scope("GET", "/"))
        exchange.start()
        response = await exchange.response(timeout=1)
    """

    def __init__(
        self,
        app: ASGI3Application,
        scope: HTTPScope,
        body: bytes = b"",
        *,
        listener: ExchangeListener | None = None,
        on_receive: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(app, scope, on_receive)
        self._mailbox = _Mailbox() if listener is None else None
        self._listener = listener
        self._status: int | None = None
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._parts: list[bytes] = []
        self.complete = False
        self._next.append({"type": "http.request", "body": body, "more_body": False})

    async def response(self, timeout: float = DEFAULT_TIMEOUT) -> Response:
        """The response, once it is whole.

        Raises:
            TimeoutError: it isn't, after `timeout` seconds.
            UsageError: the app returned without one.
            Exception: what the app raised, as it is.
        """
        return cast("Response", await _by_hand(self._mailbox).get(timeout))

    def disconnect(self) -> None:
        """The client goes away: the app's next ``receive()`` says ``http.disconnect``."""
        if not self.complete:
            self._feed({"type": "http.disconnect"})

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._status is None:
            self._status = int(message["status"])
            self._headers = _headers(message.get("headers", ()))
        elif kind == "http.response.body" and self._status is not None and not self.complete:
            self._parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self._respond(self._status)
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r} on an http scope.")

    def _respond(self, status: int) -> None:
        self.complete = True
        self._feed({"type": "http.disconnect"})
        body = b"" if self.scope["method"] == "HEAD" else b"".join(self._parts)
        response = Response(status, self._headers, body)
        if self._mailbox is not None:
            self._mailbox.put(response)
        if self._listener is not None:
            self._listener.responded(response)

    def _ended(self, exc: BaseException | None) -> None:
        if self._listener is not None:
            self._listener.exchange_ended(exc)
        if self._mailbox is not None and (exc is not None or not self.complete):
            self._mailbox.put(exc or UsageError("the app returned without a whole response"))


class WebSocketListener(Protocol):
    """Takes what comes of a `WebSocketConnection`, inside the app's own call."""

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        """The app accepted."""

    def websocket_refused(self, response: Response) -> None:
        """The app closed, or answered with a response, before it accepted."""

    def websocket_message(self, data: str | bytes) -> None:
        """The app sent a message."""

    def websocket_closed(self, closed: WebSocketClosed) -> None:
        """The app closed."""

    def websocket_ended(self, exc: BaseException | None) -> None:
        """The app's callable returned, or raised `exc`; it runs no more."""


class WebSocketConnection(_Run):
    """One websocket.

    Args:
        app: an ASGI callable.
        scope: see `websocket_scope`.
        listener: takes what the app sends; without one, `connect` and `receive` read it.
        on_receive: called each time the app is about to receive.

    By hand::

        websocket = WebSocketConnection(app, websocket_scope("/chat"))
        await websocket.connect(timeout=1)
        websocket.send("hello")
        answer = await websocket.receive(timeout=1)
        websocket.close()

    Attributes:
        state: "connecting", "open", "refused" (by the app, before it accepted) or "closed".
        subprotocol: the one that the app accepted.
    """

    def __init__(
        self,
        app: ASGI3Application,
        scope: WebSocketScope,
        *,
        listener: WebSocketListener | None = None,
        on_receive: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(app, scope, on_receive)
        self.state = "connecting"
        self.subprotocol: str | None = None
        self._mailbox = _Mailbox() if listener is None else None
        self._listener = listener or _WebSocketMailbox(_by_hand(self._mailbox))
        self.deliver: Callable[[str | bytes], object] = self._listener.websocket_message
        self._refusal: Response | None = None
        self._gate: asyncio.Event | None = None
        self._next.append({"type": "websocket.connect"})

    async def connect(self, timeout: float = DEFAULT_TIMEOUT) -> str | None:
        """Start the app and wait until it accepts; returns the subprotocol.

        Raises:
            ConnectionRefusedError: it closed, or answered with a response: ``.args[0]`` is the
                `Response`.
            TimeoutError: it did neither, after `timeout` seconds.
            Exception: what the app raised, as it is.
        """
        self.start()
        answer = await _by_hand(self._mailbox).get(timeout)
        if isinstance(answer, Response):
            raise ConnectionRefusedError(answer)
        return cast("str | None", answer[0])

    def send(self, data: str | bytes) -> None:
        """Hand the app one message. What is sent to a connection that has ended is lost, as on a
        network.
        """
        if self.state in {"refused", "closed"}:
            return
        message: Message = {"type": "websocket.receive"}
        if isinstance(data, str):
            message["text"] = data
        else:
            message["bytes"] = bytes(data)
        receivers = self._receivers
        if receivers and not receivers[0].done():
            receivers.pop(0).set_result(message)  # as nearly always: the app waits for it
        else:
            self._feed(message)

    async def receive(self, timeout: float = DEFAULT_TIMEOUT) -> str | bytes | WebSocketClosed:
        """The app's next message, or `WebSocketClosed` when it closes.

        Raises:
            TimeoutError: nothing came within `timeout` seconds.
            Exception: what the app raised, as it is.
        """
        return cast("str | bytes | WebSocketClosed", await _by_hand(self._mailbox).get(timeout))

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close, as a client does that leaves in an orderly way."""
        self._disconnect({"type": "websocket.disconnect", "code": code, "reason": reason})

    def lose(self, code: int = NO_STATUS_RECEIVED) -> None:
        """Lose the network: the app is told a code and no reason, and what it sends from now on
        raises an OSError.
        """
        self._disconnect({"type": "websocket.disconnect", "code": code})

    def pause(self) -> None:
        """Stop reading: the app's next ``send()`` blocks, as it does when a client's buffers are
        full.
        """
        if self._gate is None:
            self._gate = asyncio.Event()

    def resume(self) -> None:
        """Read on."""
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    def _disconnect(self, message: Message) -> None:
        if self.state in {"connecting", "open"}:
            self.state = "closed"
            self._feed(message)
        self.resume()

    async def _send(self, message: Any) -> None:
        if self._gate is not None:
            await self._gate.wait()
        kind = message["type"]
        if kind == "websocket.send" and self.state == "open":
            data = message.get("text")
            if data is None:
                data = message["bytes"]
            # engineio's driver puts a bytearray under "text"; servers send what is bytes-like as
            # binary.
            self.deliver(data if isinstance(data, str) else bytes(data))
        elif self.state == "connecting" and self._answer(kind, message):
            pass
        elif kind == "websocket.close" and self.state == "open":
            code, reason = message.get("code", NORMAL_CLOSURE), message.get("reason") or ""
            self._disconnect({"type": "websocket.disconnect", "code": code, "reason": reason})
            self._listener.websocket_closed(WebSocketClosed(code, reason))
        elif self.state == "closed":
            # python-engineio relies on its being an OSError.
            raise ClientDisconnected(f"{kind} after the websocket was closed")
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r}, the websocket is {self.state}.")

    def _answer(self, kind: str, message: Any) -> bool:
        """Take the app's answer to the connection request; False where `kind` is no such answer."""
        if kind == "websocket.accept":
            self.state = "open"
            self.subprotocol = message.get("subprotocol")
            headers = _headers(message.get("headers", ()))
            self._listener.websocket_accepted(self.subprotocol, headers)
        elif kind == "websocket.close":
            self._refuse(Response(FORBIDDEN, (), (message.get("reason") or "").encode()))
        elif kind in {"websocket.http.response.start", "http.response.start"}:
            self._refusal = Response(message["status"], _headers(message.get("headers", ())))
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._add_to_refusal(message)
        elif kind == "http.response.body" and self._refusal is not None:
            # A mistake that servers answer with a RuntimeError at http.response.start
            # (engineio.ASGIApp makes it for an unknown path). Raised here, one message later, so
            # that whoever asked can still be told the status and the body.
            self._add_to_refusal(message)
            raise RuntimeError(f"Unexpected ASGI message {kind!r} on a websocket scope.")
        else:
            return False
        return True

    def _add_to_refusal(self, message: Any) -> None:
        refusal = cast("Response", self._refusal)
        body = refusal.body + bytes(message.get("body", b""))
        self._refusal = Response(refusal.status, refusal.headers, body)
        if not message.get("more_body", False):
            self._refuse(self._refusal)

    def _refuse(self, response: Response) -> None:
        self.state = "refused"
        self._feed({"type": "websocket.disconnect", "code": 1006})
        self._listener.websocket_refused(response)

    def _ended(self, exc: BaseException | None) -> None:
        if self._refusal is not None and self.state == "connecting":
            self._refuse(self._refusal)
        if self.state == "refused" and self._refusal is not None and isinstance(exc, RuntimeError):
            exc = None
        self._listener.websocket_ended(exc)


class _WebSocketMailbox:
    """The listener of those who have none."""

    def __init__(self, mailbox: _Mailbox) -> None:
        self._mailbox = mailbox
        self.websocket_message = mailbox.put
        self.websocket_closed = mailbox.put
        self.websocket_refused = mailbox.put

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        self._mailbox.put((subprotocol, headers))

    def websocket_ended(self, exc: BaseException | None) -> None:
        self._mailbox.put(exc or WebSocketClosed(NO_STATUS_RECEIVED))


class Lifespan(_Run):
    """The lifespan of an app: its startup and its shutdown.

    Args:
        app: an ASGI callable.
        is_unsupported: asked about an exception that the app raised in its startup: True where it
            only means that the app doesn't know lifespans. (One that it raises before it has
            received anything always means that: ASGI spec, "Lifespan".)

    Attributes:
        state: the dictionary that the app may fill; a shallow copy goes into every scope that
            follows.
        supported: False once it is known that the app has no lifespan.
    """

    def __init__(
        self,
        app: ASGI3Application,
        *,
        is_unsupported: Callable[[BaseException], bool] | None = None,
    ) -> None:
        self.state: dict[str, Any] = {}
        scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        super().__init__(app, scope)
        self.supported = True
        self._is_unsupported = is_unsupported
        self._mailbox = _Mailbox()
        self._phase = "startup"
        self._received = False

    async def startup(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Start the app, and return once it says that it has started, or shows that it has no
        lifespan.

        Raises:
            LifespanFailed: it failed, raised, or said nothing for `timeout` seconds.
        """
        self._feed({"type": "lifespan.startup"})
        self.start()
        await self._answer(timeout)

    async def shutdown(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Shut the app down. Nothing is done where it has no lifespan.

        Raises:
            LifespanFailed: as in `startup`, or the app ended its lifespan by itself before.
        """
        if not self.supported:
            return
        self._feed({"type": "lifespan.shutdown"})
        await self._answer(timeout)
        if not self.ended:
            await asyncio.wait([cast("asyncio.Task[None]", self.task)], timeout=timeout)
            self.cancel()

    def cancel(self) -> None:
        """End the app's lifespan task, whatever it is doing."""
        if self.task is not None:
            self.task.cancel()

    async def _answer(self, timeout: float) -> None:
        try:
            await self._mailbox.get_soon(timeout)
        except TimeoutError:
            text = f"no answer within {timeout:g} s"
            where = place_of(cast("asyncio.Task[None]", self.task))
            self.cancel()
            raise LifespanFailed(self._phase, f"{text}: {where}" if where else text) from None
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def _receive(self) -> Message:
        self._received = True
        return await super()._receive()

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == f"lifespan.{self._phase}.complete":
            self._phase = "shutdown"
            self._mailbox.put(None)
        elif kind == f"lifespan.{self._phase}.failed":
            # Sent from within an except block as a rule: there the exception can be had, even where
            # the app drops it.
            self._fail(message.get("message", ""), sys.exc_info()[1])
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r} during lifespan {self._phase}.")

    def _ended(self, exc: BaseException | None) -> None:
        if self._phase == "startup" and self._is_no_support(exc):
            self.supported = False
            self._mailbox.put(None)
        elif exc is not None:
            self._fail("", exc)
        else:
            self._mailbox.put(None)

    def _is_no_support(self, exc: BaseException | None) -> bool:
        if exc is None:
            return True
        if not self._received:
            return True
        return self._is_unsupported is not None and self._is_unsupported(exc)

    def _fail(self, message: str, cause: BaseException | None) -> None:
        # Starlette's message is a whole traceback; the cause carries that already.
        if cause is not None:
            message = f"{type(cause).__name__}: {cause}"
        failure = LifespanFailed(self._phase, message or "the app gave no message")
        failure.__cause__ = cause
        self._mailbox.put(failure)


def _by_hand(mailbox: _Mailbox | None) -> _Mailbox:
    if mailbox is None:
        raise UsageError("a listener takes what the app sends; it can't be read by hand as well")
    return mailbox


def _headers(headers: Any) -> tuple[tuple[bytes, bytes], ...]:
    return tuple([(bytes(name).lower(), bytes(value)) for name, value in headers])
