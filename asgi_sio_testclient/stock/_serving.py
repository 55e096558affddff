"""The server's end of a connection in memory: converts bytes of HTTP/1.1 and websockets to calls of
an ASGI app.

h11 and wsproto parse and write the bytes, as in uvicorn and hypercorn. Uses neither aiohttp nor
Engine.IO.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import h11
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate
from wsproto.utilities import RemoteProtocolError

from asgi_sio_testclient.asgi import Response, WebSocketClosed, http_scope, websocket_scope
from asgi_sio_testclient.stock._app import INTERNAL_SERVER_ERROR, App, Call

if TYPE_CHECKING:
    from asgi_sio_testclient.asgi import WebSocketConnection
    from asgi_sio_testclient.asgi._call import Headers

__all__ = ["Connection", "Origin", "Wire"]

__tracebackhide__ = True

NO_STATUS_RECEIVED = 1005
TURNS = 10
"""Turns of the loop until a websocket's close is answered. python-engineio relies on the delay of a
network: its ``disconnect()`` drops packets that its writer has not sent before the answer."""


class Wire(Protocol):
    """The interface that carries bytes back to the client."""

    def deliver(self, data: bytes) -> None:
        """Send `data` to the client."""

    def close_by_server(self) -> None:
        """Close the connection from the server's end."""


class Origin:
    """The address of a connection, for its scopes.

    Args:
        host: the host of the server.
        port: the port of the server.
        secure: whether the URL's scheme is https or wss.
        client: host and port of the client.
    """

    __slots__ = ("client", "secure", "server")

    def __init__(
        self, host: str, port: int, *, secure: bool, client: tuple[str, int] | None
    ) -> None:
        self.server = host, port
        self.secure = secure
        self.client = client


class Connection:
    """One connection: a number of requests, one after the other, or a websocket.

    Args:
        app: the running app.
        wire: carries the answers to the client.
        origin: the address of the connection.
    """

    def __init__(self, app: App, wire: Wire, origin: Origin) -> None:
        self._app = app
        self._wire = wire
        self._origin = origin
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body: list[bytes] = []
        self._call: Call | None = None
        self._websocket: _WebSocket | None = None

    def received(self, data: bytes) -> None:
        """Process bytes from the client."""
        if self._websocket is not None:
            self._websocket.received(data)
            return
        self._http.receive_data(data)
        while self._websocket is None and self._take(self._http.next_event()):
            pass

    def _take(self, event: Any) -> bool:
        """Process one event of h11; return whether there may be another."""
        match event:
            case h11.Request():
                self._request, self._body = event, []
                if self._http.they_are_waiting_for_100_continue:
                    self._deliver(h11.InformationalResponse(status_code=100, headers=[]))
            case h11.Data():
                self._body.append(bytes(event.data))
            case h11.EndOfMessage():
                self._begin()
            case _:
                return False
        return True

    def _begin(self) -> None:
        """Call the app with a complete request."""
        request = self._request
        assert request is not None
        headers = [(bytes(name), bytes(value)) for name, value in request.headers]
        path, _, query = bytes(request.target).partition(b"?")
        scope: dict[str, Any] = {
            "query_string": query,
            "headers": headers,
            "client": self._origin.client,
            "server": self._origin.server,
            "state": self._app.state,
        }
        if (b"upgrade", b"websocket") in [(name, value.lower()) for name, value in headers]:
            self._upgrade(headers, path.decode(), scope)
            return
        scope["scheme"] = "https" if self._origin.secure else "http"
        method = bytes(request.method).decode()
        self._call = self._app.request(
            http_scope(method, path.decode(), **scope), b"".join(self._body), self._answered
        )

    def _upgrade(
        self, headers: list[tuple[bytes, bytes]], path: str, scope: dict[str, Any]
    ) -> None:
        """Call the app with a websocket, or refuse a malformed handshake."""
        websocket = _WebSocket(self._app, self._wire, path, scope)
        try:
            websocket.begin(headers, secure=self._origin.secure)
        except RemoteProtocolError as exc:
            # A handshake that servers refuse, such as one without `Connection: Upgrade`.
            body = str(exc).encode()
            length = ("content-length", str(len(body)))
            refusal = h11.Response(status_code=HTTPStatus.BAD_REQUEST, headers=[length])
            self._deliver(refusal, h11.Data(data=body), h11.EndOfMessage())
            self._wire.close_by_server()
        else:
            self._websocket = websocket

    def _answered(self, call: Call, response: Response | None) -> None:
        """Send the response, or the part of it that the app sent before it ended."""
        whole = response is not None
        if response is None:
            response = call.begun
        head = h11.Response(
            status_code=response.status,
            reason=_reason(response.status),
            headers=list(response.headers),
        )
        try:
            self._deliver(head, h11.Data(data=response.body))
            if whole:
                self._deliver(h11.EndOfMessage())
        except h11.LocalProtocolError as exc:
            # The app's Content-Length is not the length of its body.
            self._wire.close_by_server()
            raise RuntimeError(f"the response can't be sent: {exc}") from exc
        if not whole or self._http.our_state is h11.MUST_CLOSE:
            self._wire.close_by_server()
        else:
            self._http.start_next_cycle()

    def _deliver(self, *events: Any) -> None:
        self._wire.deliver(b"".join(self._http.send(event) or b"" for event in events))

    def client_closed(self) -> None:
        """Disconnect the app's call: the client has closed."""
        if self._websocket is not None:
            self._websocket.connection.lose()
        elif self._call is not None:
            self._call.exchange.disconnect()


class _WebSocket:
    """A websocket with frames on one side and an ASGI scope on the other, whose listener it is."""

    connection: WebSocketConnection

    def __init__(self, app: App, wire: Wire, path: str, scope: dict[str, Any]) -> None:
        self._app = app
        self._wire = wire
        self._path = path
        self._scope = scope
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._parts: list[Any] = []
        self._compresses = False

    def begin(self, headers: list[tuple[bytes, bytes]], *, secure: bool) -> None:
        """Call the app with the scope of the request that has `headers`."""
        self._protocol.initiate_upgrade_connection(headers, self._path)
        request = next(iter(self._protocol.events()))
        assert isinstance(request, Request)
        self._compresses = any(
            str(extension).startswith("permessage-deflate") for extension in request.extensions
        )
        scope = websocket_scope(
            self._path,
            subprotocols=tuple(request.subprotocols),
            scheme="wss" if secure else "ws",
            **self._scope,
        )
        self.connection = self._app.websocket(scope, self)

    def received(self, data: bytes) -> None:
        """Process bytes from the client."""
        self._protocol.receive_data(data)
        for event in self._protocol.events():
            self._take(event)

    def _take(self, event: Any) -> None:
        """Process one event of wsproto."""
        match event:
            case TextMessage() | BytesMessage():
                self._parts.append(event.data)
                if event.message_finished:
                    parts, self._parts = self._parts, []
                    if isinstance(event, TextMessage):
                        self.connection.send("".join(parts))
                    else:
                        self.connection.send(b"".join(parts))
            case CloseConnection():
                self.connection.close(int(event.code or NO_STATUS_RECEIVED), event.reason or "")
                if self._protocol.state is ConnectionState.REMOTE_CLOSING:
                    self._answer_close(event, TURNS)
                else:
                    self._wire.close_by_server()
            case Ping():
                self._deliver(event.response())

    def _answer_close(self, event: CloseConnection, turns: int) -> None:
        """Answer a close frame after some turns of the loop."""
        if turns:
            asyncio.get_running_loop().call_soon(self._answer_close, event, turns - 1)
        else:
            self._deliver(event.response())
            self._wire.close_by_server()

    def _deliver(self, *events: Any) -> None:
        self._wire.deliver(b"".join(self._protocol.send(event) for event in events))

    # -- the listener, see asgi.WebSocketListener

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        """See `asgi.WebSocketListener`."""
        extensions = [PerMessageDeflate()] if self._compresses else []
        self._deliver(
            AcceptConnection(
                subprotocol=subprotocol, extra_headers=list(headers), extensions=list(extensions)
            )
        )
        self._app.websocket_accepted(self.connection)

    def websocket_refused(self, response: Response) -> None:
        """See `asgi.WebSocketListener`."""
        headers = [(name, value) for name, value in response.headers if name != b"content-length"]
        headers += [(b"content-length", b"%d" % len(response.body)), (b"connection", b"close")]
        self._deliver(
            RejectConnection(status_code=response.status, headers=headers, has_body=True),
            RejectData(data=response.body),
        )
        self._wire.close_by_server()

    def websocket_message(self, data: str | bytes) -> None:
        """See `asgi.WebSocketListener`."""
        self._app.websocket_message(self.connection, data)
        message = TextMessage(data) if isinstance(data, str) else BytesMessage(data)
        self._deliver(message)

    def websocket_closed(self, closed: WebSocketClosed) -> None:
        """See `asgi.WebSocketListener`."""
        self._deliver(CloseConnection(code=closed.code, reason=closed.reason))

    def websocket_ended(self, exc: BaseException | None) -> None:
        """See `asgi.WebSocketListener`."""
        state = self._protocol.state
        if state is ConnectionState.CONNECTING and self.connection.state != "closed":
            self.websocket_refused(INTERNAL_SERVER_ERROR)
        elif state is ConnectionState.OPEN:
            self.connection.lose()
            self._wire.close_by_server()
        self._app.ended(self.connection, exc)


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""
