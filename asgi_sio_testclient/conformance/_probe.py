"""What a case is, and the hand that it has on the server: requests and websockets, one scope each.

This module knows ASGI and how Engine.IO names its requests. It knows no server: whatever answers is
written down as it came.
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
"""What the suites ask of the server under test; the first two in seconds, the last in bytes."""

OK = 200
CLOSED = "closed"
PING = "2"
GONE = 1.0  # seconds that a call of the app gets to end when its client has left
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
        section: where it stands in the suite, for example "handshake, polling".
        title: what the server is to do.
        spec: the section of the protocol's description that asks for it.
        answers: what the server may answer; the first is the specification's own.
        check: does what the case does, and writes down in the `Probe` what the server answered.
        limit: seconds that the case may take, as in the suite.
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
        """Tells it from all others."""
        return f"{self.suite}: {self.section}: {self.title}"


class Stopped(Exception):
    """The server's answer leaves nothing for the case to go on with."""


class Probe:
    """A client of one server for one case, and what it saw.

    Args:
        app: an ASGI callable.
        path: where the server answers, "/engine.io/".
        headers: of every request, on top of what the protocol needs.
        state: the lifespan's.

    Attributes:
        seen: what the server answered, in order: what the case is judged by.
        notes: what else is worth telling.
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

    def saw(self, *answers: object) -> None:
        """Write down what the server answered."""
        self.seen.extend(map(str, answers))

    def note(self, text: str) -> None:
        """Write down what is worth telling, once."""
        if text not in self.notes:
            self.notes.append(text)

    def request(self, method: str, query: str, body: str = "") -> HTTPExchange:
        """Begin a request; `response` waits for what comes of it."""
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
        """The response; 500 where the app raised, as a server makes it.

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
        """One long poll; without `sid` it asks for a session."""
        return await self.response(self.poll(sid))

    def poll(self, sid: str = "") -> HTTPExchange:
        """Begin one long poll."""
        return self.request("GET", polling_query(sid))

    async def post(self, sid: str, body: str) -> Response:
        """One POST with that body."""
        return await self.response(self.request("POST", polling_query(sid), body))

    async def open_session(self) -> str:
        """Open a session over long-polling; its id.

        Raises:
            Stopped: there is none.
        """
        response = await self.get()
        sid = _sid(response)
        if sid is None:
            self.saw(f"no session: {shown(response)}")
            raise Stopped
        return sid

    def websocket(self, query: str) -> Socket:
        """Begin a websocket."""
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
        """Leave, and wait until the app's calls have ended; what doesn't end is cancelled."""
        for socket in self._sockets:
            socket.connection.close()
        for exchange in self._exchanges:
            exchange.disconnect()
            # Servers hold a long poll for as long as they like: nothing but this ends it.
            if exchange.task is not None and not exchange.complete:
                exchange.task.cancel()
        runs = [*self._exchanges, *(socket.connection for socket in self._sockets)]
        tasks = [run.task for run in runs if run.task is not None]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=GONE)
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
        """Wait until the server accepts or refuses: "open" or "closed"."""
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
        """The next message as it is to be shown, or "closed".

        Args:
            pings: whether a PING is a message, too. The heartbeat is under way in every case; only
                some are about it.
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
        """The next messages, PING left out."""
        return [await self.message() for _ in range(count)]

    async def closed(self, *, is_heartbeat: bool = False) -> str:
        """Wait for the end, past whatever comes before it; always "closed".

        A server that does nothing closes, too, when the ping timeout comes, and the suites let it
        pass. So that gets a note, unless the case `is_heartbeat`.
        """
        began = asyncio.get_running_loop().time()
        while await self.message() != CLOSED:
            pass
        if not is_heartbeat and asyncio.get_running_loop().time() - began >= PING_INTERVAL:
            self._probe.note(AT_PING_TIMEOUT)
        return CLOSED

    async def taken(self) -> None:
        """Let the server take what was sent, as over a network, where requests take longer."""
        while not self.connection.idle:  # noqa: ASYNC110 (an app that ends tells nobody)
            await asyncio.sleep(_MOMENT)

    def _raised(self, exc: Exception) -> str:
        # A server elsewhere closes without a close frame, or before it has opened the websocket.
        if not isinstance(exc, RemoteFailure):
            self._probe.note(f"the app raised {type(exc).__name__}")
        return CLOSED


AT_PING_TIMEOUT = "only at the ping timeout"

_MOMENT = 0.001
_UNBOUND = 3600.0  # seconds: the bound is the case's own limit


def polling_query(sid: str = "") -> str:
    """The query of a request over long-polling."""
    return "EIO=4&transport=polling" + (f"&sid={sid}" if sid else "")


def websocket_query(sid: str = "") -> str:
    """The query of a websocket; with `sid` that of an upgrade."""
    return "EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")


def shown(response: Response) -> str:
    """A response as it is to be shown: its body matters only where it is a 200."""
    if response.status != OK:
        return str(response.status)
    return f"200 {canonical(response.body.decode(errors='replace'))}".strip()


def canonical(frame: EncodedPacket) -> str:
    """A frame as it is to be shown and compared: no control characters, bytes in hexadecimal.

    In OPEN and CONNECT the session id is blanked out, and the keys are sorted: the suites ask for
    the keys and not for their order.
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
