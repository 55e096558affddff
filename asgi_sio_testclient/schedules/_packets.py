"""The network of a run: delays the arrival of packets at the app by the schedule, in order for each
connection, and records the packets that the app sends.

The ``receive()`` and ``send()`` of each call of the app are replaced on the call's own object, when
the task of the call is created.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._server import schedule as server
from asgi_sio_testclient.asgi import HTTPExchange
from asgi_sio_testclient.schedules._loop import ScheduleLoop

__all__ = ["CALL", "Network"]

__tracebackhide__ = True

CALL = HTTPExchange._call.__code__
_CONTROL = ("2", "3", "5", "6")  # Engine.IO's PING, PONG, UPGRADE and NOOP
_STAMP = re.compile(
    r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"  # a UUID
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?"  # ISO 8601
    r"|\b1\d{9}(?:\d{3}){0,3}(?:\.\d+)?\b"  # since 1970, in seconds or parts of them
    r"|\b0x[0-9a-f]{6,}\b"  # an object's address, as in its repr()
    # Tokens, of the module `secrets` and the like: long, with digits and letters; or, as one of
    # forty has no digit, with capitals side by side and small letters.
    r"|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,}\b"
    r"|(?<![\w-])(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[\w-]{20,}(?![\w-])"
    r"|(?<![\w-])(?=[\w-]*[A-Z]{2})(?=[A-Z_-]*[a-z])[\w-]{20,}(?![\w-])"
)
# The server's JSON module may sort the keys, and put spaces between them, as Flask's does.
_OPEN = re.compile(r'0\{.*?"sid":\s*"([^"]+)"')


class Network:
    """All connections of one run.

    Attributes:
        servers: the Engine.IO servers that were reached.
    """

    def __init__(self, loop: ScheduleLoop) -> None:
        self.servers: list[Any] = []
        self._loop = loop
        self._ids = itertools.count(1)
        self._undo: list[Callable[[], None]] = []
        self._calls = itertools.count(1)
        self._clients: dict[str, int] = {}
        loop.on_task = self.hook

    def hook(self, coroutine: Any) -> None:
        """Replace ``receive()`` and ``send()`` of a call of the app, if the coroutine is a call."""
        if getattr(coroutine, "cr_code", None) is CALL:
            _Call(self, self._loop, coroutine.cr_frame.f_locals["self"])

    def found(self, eio: Any) -> None:
        """Note a server that was reached, and make the server number its session ids."""
        if not any(known is eio for known in self.servers):
            self.servers.append(eio)
            self._undo.append(server.number_ids(eio, self._ids))

    def client(self, eio_sid: str) -> int:
        """Return the number of a client: clients are numbered in the order of their connections."""
        return self._clients.setdefault(eio_sid, len(self._clients) + 1)

    def close(self) -> None:
        """Restore the servers."""
        for undo in self._undo:
            undo()


class _Call:
    """One call of the app: its ``receive()`` and ``send()``."""

    def __init__(self, network: Network, loop: ScheduleLoop, call: Any) -> None:
        self._network = network
        self._loop = loop
        self._scope = call.scope
        self._receive = call._receive
        self._send = call._send
        self._kept: list[Any] = []
        self._eio: Any = None
        self._searched = False
        self._sid = _sid_of(call.scope)
        call._receive = self.receive
        call._send = self.send

    async def receive(self) -> Any:
        if not self._searched:
            self._searched = True
            self._eio = server.find_server()
            if self._eio is not None:
                self._network.found(self._eio)
        if self._kept:
            return self._kept.pop()
        message = await self._receive()
        text, recorder = self._arriving(message), self._loop.recorder
        if text is None or not recorder.active:
            return message
        length = recorder.arrival(self._loop, text)
        if length and recorder.listener is not None:
            recorder.listener("delay", self.client, text, length)
        try:
            if length:
                await self._hold(length)
        except asyncio.CancelledError:
            # python-engineio's wait_for cancels a receive(): the next receive() gets the message.
            self._kept.append(message)
            raise
        if recorder.listener is not None:
            recorder.listener("arrives", self.client, text, self._eio)
        return message

    async def _hold(self, length: float) -> None:
        future = self._loop.create_future()
        self._loop.hold(length, _release, future)
        await future

    def _arriving(self, message: Any) -> str | None:
        """Return a text for a message that arrives; None for messages that the client sends by
        itself, such as a PONG.
        """
        kind: str = message["type"]
        if kind == "http.request":
            return self._request(message)
        if kind == "http.disconnect":
            return None
        if kind == "websocket.connect":
            return "a websocket"
        if kind == "websocket.disconnect":
            return "the websocket's end"
        text = message.get("text")
        if text is None:
            return f"<{len(message.get('bytes') or b'')} bytes>"
        return None if text.startswith(_CONTROL) else text

    def _request(self, message: Any) -> str | None:
        method, path = self._scope["method"], self._scope["path"]
        if method == "GET" and self._sid:
            return None  # a long poll, which the client sends by itself
        if method == "POST" and self._sid:
            text = message.get("body", b"").decode(errors="replace")
            frames = text.split("\x1e")
            return None if all(frame.startswith(_CONTROL) for frame in frames) else " ".join(frames)
        return f"{method} {path}"

    @property
    def client(self) -> int | None:
        """The number of the client; None for a request that is not Engine.IO's."""
        return None if not self._sid else self._network.client(self._sid)

    async def send(self, message: Any) -> None:
        recorder = self._loop.recorder
        text = message.get("text") if message["type"] == "websocket.send" else None
        if message["type"] == "http.response.body":
            text = bytes(message.get("body", b"")).decode(errors="replace")
        if isinstance(text, str):
            opened = _OPEN.match(text)
            if opened is not None:
                self._sid = opened[1]
                self._network.client(self._sid)
            if not text.startswith(_CONTROL):
                recorder.sent(self._loop, _STAMP.sub("...", text))
                if recorder.listener is not None:
                    recorder.listener("sent", self.client, text)
        await self._send(message)


def _release(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _sid_of(scope: Any) -> str:
    query = scope["query_string"].decode() if "query_string" in scope else ""
    found = re.search(r"(?:^|&)sid=([^&]+)", query)
    return found[1] if found else ""
