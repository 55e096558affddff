"""The cases of a suite, and the client that a case uses: requests and websockets, one scope each.

This module uses ASGI and the query parameters of Engine.IO. It imports no server: answers are
recorded as they arrive.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._protocol.names import EncodedPacket
from asgi_sio_testclient.asgi import (
    HTTPExchange,
    Response,
    WebSocketClosed,
    WebSocketConnection,
    http_scope,
    websocket_scope,
)
from asgi_sio_testclient.asgi._elsewhere import RemoteFailure

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application

__all__ = ["Case", "Probe", "Socket", "Stopped"]

__tracebackhide__ = True


PING_INTERVAL = 0.3
PING_TIMEOUT = 0.2
MAX_PAYLOAD = 1_000_000
"""The settings that the suites require of the server; the first two in seconds, the last in
bytes."""

OK = 200
CLOSED = "closed"
PING = "2"
END_LIMIT = 1.0  # seconds in which a call of the app has to end after its client has closed
SERVER_ERROR = 500  # what an ASGI server answers when the app raises

HOST = (b"host", b"testserver")
UPGRADE_HEADERS = (
    HOST,
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
)

_WITH_SID = re.compile(r"(0|40(?:/[^,]*,)?)(\{.*\})", re.DOTALL)


@dataclass(frozen=True)
class Case:
    """One case of an official suite.

    Attributes:
        suite: "engine.io" or "socket.io".
        section: the section of the suite, for example "handshake, polling".
        title: what the server has to do.
        spec: the section of the protocol's description that requires it.
        answers: the answers that the suite accepts; the first is that of the specification.
        check: runs the case, and records the answers of the server in the `Probe`.
        limit: the most seconds of the case, as in the suite.
    """

    suite: str
    section: str
    title: str
    spec: str
    answers: tuple[str, ...]
    check: Callable[[Probe], Awaitable[None]]
    limit: float = 2.0

    @property
    def name(self) -> str:
        """The name of the case, which is unique."""
        return f"{self.suite}: {self.section}: {self.title}"


class Stopped(Exception):
    """Raised to end a case: after the server's answer, the case can't go on."""


class Probe:
    """A client of a server for one case, and the recorded answers.

    Args:
        app: an ASGI callable.
        path: the path of the server, such as "/engine.io/".
        headers: headers of every request, beside those of the protocol.
        state: the lifespan's state.

    Attributes:
        seen: the answers of the server, in order, which decide the verdict.
        notes: remarks that are not part of the verdict.
    """

    def __init__(
        self,
        app: ASGI3Application,
        path: str,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.seen: list[str] = []
        self.notes: list[str] = []
        self._app = app
        self._path = path
        self._headers = tuple(headers)
        self._state = state
        self._exchanges: list[HTTPExchange] = []
        self._sockets: list[Socket] = []

    def record(self, *answers: object) -> None:
        """Record answers of the server."""
        self.seen.extend(map(str, answers))

    def note(self, text: str) -> None:
        """Add a remark, once."""
        if text not in self.notes:
            self.notes.append(text)

    def request(self, method: str, query: str, body: str = "") -> HTTPExchange:
        """Begin a request, and return the exchange; `response` waits for its response."""
        headers = (HOST, *self._headers)
        if method == "POST":
            headers += (
                (b"content-type", b"text/plain;charset=UTF-8"),
                (b"content-length", b"%d" % len(body.encode())),
            )
        scope = http_scope(
            method,
            self._path,
            query_string=query.encode(),
            headers=headers,
            state=self._state,
        )
        exchange = HTTPExchange(self._app, scope, body.encode())
        self._exchanges.append(exchange)
        exchange.start()
        return exchange

    async def response(self, exchange: HTTPExchange) -> Response:
        """Return the response; if the app raised, one of status 500, as a server would send.

        Raises:
            RemoteFailure: a server elsewhere can't be reached.
        """
        try:
            return await exchange.response(_UNBOUND)
        except RemoteFailure as exc:
            if not exc.connected:
                raise
            self.note(str(exc))
            return Response(SERVER_ERROR)
        except Exception as exc:  # noqa: BLE001 (whatever the app raises)
            self.note(f"the app raised {type(exc).__name__}")
            return Response(SERVER_ERROR)

    async def get(self, sid: str = "") -> Response:
        """Send a long poll and return the response; without `sid`, the poll opens a session."""
        return await self.response(self.poll(sid))

    def poll(self, sid: str = "") -> HTTPExchange:
        """Begin a long poll, and return the exchange."""
        return self.request("GET", polling_query(sid))

    async def post(self, sid: str, body: str) -> Response:
        """Send a POST and return the response."""
        return await self.response(self.request("POST", polling_query(sid), body))

    async def open_session(self) -> str:
        """Open a session over long-polling, and return its id.

        Raises:
            Stopped: the server opened no session.
        """
        response = await self.get()
        sid = _sid(response)
        if sid is None:
            self.record(f"no session: {shown(response)}")
            raise Stopped
        return sid

    def websocket(self, query: str) -> Socket:
        """Begin a websocket, and return it."""
        scope = websocket_scope(
            self._path,
            query_string=query.encode(),
            headers=(*UPGRADE_HEADERS, *self._headers),
            state=self._state,
        )
        socket = Socket(WebSocketConnection(self._app, scope), self)
        self._sockets.append(socket)
        return socket

    async def close(self) -> None:
        """Close everything, and wait until the app's calls have ended; cancel calls that run on."""
        for socket in self._sockets:
            socket.connection.close()
        for exchange in self._exchanges:
            exchange.disconnect()
            # A server may hold a long poll for any time: only the cancellation ends it.
            if exchange.task is not None and not exchange.complete:
                exchange.task.cancel()
        runs = [*self._exchanges, *(socket.connection for socket in self._sockets)]
        tasks = [run.task for run in runs if run.task is not None]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=END_LIMIT)
            for task in left:
                task.cancel()


class Socket:
    """One websocket of a `Probe`."""

    def __init__(self, connection: WebSocketConnection, probe: Probe) -> None:
        self.connection = connection
        self._probe = probe
        self._connected = False

    def send(self, *frames: EncodedPacket) -> None:
        """Send messages."""
        for frame in frames:
            self.connection.send(frame)

    async def opened(self) -> str:
        """Wait until the server accepts or refuses; return "open" or "closed"."""
        if self._connected:
            return "open"
        try:
            await self.connection.connect(_UNBOUND)
        except ConnectionRefusedError:
            return CLOSED
        except Exception as exc:  # noqa: BLE001 (whatever the app raises)
            return self._raised(exc)
        self._connected = True
        return "open"

    async def message(self, *, pings: bool = False) -> str:
        """Return the next message as `canonical` shows it, or "closed".

        Args:
            pings: whether to return a PING, too. A server sends PINGs in every case; few cases are
                about the heartbeat.
        """
        if await self.opened() == CLOSED:
            return CLOSED
        while True:
            try:
                received = await self.connection.receive(_UNBOUND)
            except Exception as exc:  # noqa: BLE001 (whatever the app raises)
                return self._raised(exc)
            if isinstance(received, WebSocketClosed):
                return CLOSED
            if received != PING or pings:
                return canonical(received)

    async def messages(self, count: int) -> list[str]:
        """Return the next messages, without PINGs."""
        return [await self.message() for _ in range(count)]

    async def closed(self, *, is_heartbeat: bool = False) -> str:
        """Wait until the server closes, ignore messages before the close, and return "closed".

        A server that ignores a packet closes at the ping timeout, too, which the suites accept. The
        result gets a note then, unless the case `is_heartbeat`.
        """
        began = asyncio.get_running_loop().time()
        while await self.message() != CLOSED:
            pass
        if not is_heartbeat and asyncio.get_running_loop().time() - began >= PING_INTERVAL:
            self._probe.note(AT_PING_TIMEOUT)
        return CLOSED

    async def taken(self) -> None:
        """Wait until the server has received all messages, as over a network, which is slower."""
        while not self.connection.idle:  # noqa: ASYNC110 (an app that ends notifies nothing)
            await asyncio.sleep(_MOMENT)

    def _raised(self, exc: Exception) -> str:
        # A remote server may close without a close frame, or before the websocket is open.
        if not isinstance(exc, RemoteFailure):
            self._probe.note(f"the app raised {type(exc).__name__}")
        return CLOSED


AT_PING_TIMEOUT = "only at the ping timeout"

_MOMENT = 0.001
_UNBOUND = 3600.0  # seconds: the bound is the case's own limit


def polling_query(sid: str = "") -> str:
    """Return the query of a request over long-polling; without `sid`, of a handshake."""
    return "EIO=4&transport=polling" + (f"&sid={sid}" if sid else "")


def websocket_query(sid: str = "") -> str:
    """Return the query of a websocket; with `sid`, of an upgrade."""
    return "EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")


def shown(response: Response) -> str:
    """Return a response as text: the status, and the body if the status is 200."""
    if response.status != OK:
        return str(response.status)
    return f"200 {canonical(response.body.decode(errors='replace'))}".strip()


def canonical(frame: EncodedPacket) -> str:
    """Return an encoded packet as text for comparison: control characters are escaped, and bytes
    are in hexadecimal.

    In OPEN and CONNECT packets the session id is replaced by "<sid>", and the keys are sorted: the
    suites require the keys, and not their order.
    """
    if isinstance(frame, bytes):
        return f"binary {frame.hex(' ')}"
    match = _WITH_SID.fullmatch(frame)
    if match is not None:
        payload = _json_object(match[2])
        if isinstance(payload.get("sid"), str):
            payload["sid"] = "<sid>"
            frame = match[1] + json.dumps(payload, sort_keys=True, separators=(",", ":"))
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in frame)


def _json_object(text: str) -> dict[str, Any]:
    try:
        payload = json.loads(text)
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _sid(response: Response) -> str | None:
    body = response.body.decode(errors="replace")
    if response.status != OK or not body.startswith("0"):
        return None
    sid = _json_object(body[1:]).get("sid")
    return sid if isinstance(sid, str) else None
