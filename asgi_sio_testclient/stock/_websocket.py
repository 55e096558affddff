"""aiohttp's own `ClientWebSocketResponse`, between two stand-ins for its reader and its writer.

So what a caller sees of closing, of waiting and of errors is aiohttp's, and only the frames go to
the app and not into a socket. Knows no Engine.IO.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import aiohttp

from asgi_sio_testclient.asgi import Response, WebSocketClosed, WebSocketConnection
from asgi_sio_testclient.asgi._call import Headers

__all__ = ["WebSocket"]

INTERNAL_SERVER_ERROR = 500
TURNS = 5  # of the loop; a task that waits in wait_for(queue.get()) needs 3 with Python 3.11


class WebSocket:
    """One websocket: the listener of the connection below, and the reader of the one above.

    Args:
        max_msg_size: bytes; a longer message ends the connection, as aiohttp does it. 0: no limit.
        on_message: told of each message before it is read.
        on_end: told that the app runs no more, with what it raised.

    Attributes:
        answer: the app's answer to the handshake: the headers with which it accepted, or the
            response with which it refused.
    """

    connection: WebSocketConnection

    def __init__(
        self,
        max_msg_size: int,
        on_message: Callable[[str | bytes], None],
        on_end: Callable[[WebSocket, BaseException | None], None],
    ) -> None:
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Headers | Response] = loop.create_future()
        self.inbox = _Inbox()
        self._max_msg_size = max_msg_size
        self._on_message = on_message
        self._on_end = on_end

    def stock(
        self,
        timeout: aiohttp.ClientWSTimeout,
        *,
        autoclose: bool,
        autoping: bool,
        heartbeat: float | None,
    ) -> aiohttp.ClientWebSocketResponse:
        """What the stock client holds in its hand."""
        websocket: aiohttp.ClientWebSocketResponse = aiohttp.ClientWebSocketResponse(
            self.inbox,  # type: ignore[arg-type]
            _Outbox(self.connection, self.inbox),  # type: ignore[arg-type]
            self.connection.subprotocol,
            _Below(self.lose),  # type: ignore[arg-type]
            timeout,
            autoclose,
            autoping,
            asyncio.get_running_loop(),
            heartbeat=heartbeat,
        )
        # aiohttp's connection calls it for whatever arrives: the heartbeat begins anew.
        self.inbox.on_data = getattr(websocket, "_on_data_received", _nothing)
        return websocket

    def lose(self) -> None:
        """Drop the connection without a word, unless it is over."""
        self.connection.lose()
        self.inbox.fail(aiohttp.ServerDisconnectedError())

    # -- what the connection tells, see asgi.WebSocketListener

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        self._answer(headers)

    def websocket_refused(self, response: Response) -> None:
        self._answer(response)

    def websocket_message(self, data: str | bytes) -> None:
        self._on_message(data)
        size = len(data.encode() if isinstance(data, str) else data)
        if self._max_msg_size and size >= self._max_msg_size:
            text = f"Message size {size} exceeds limit {self._max_msg_size}"
            self.inbox.fail(aiohttp.WebSocketError(aiohttp.WSCloseCode.MESSAGE_TOO_BIG, text))
        elif isinstance(data, str):
            self.inbox.feed_data(aiohttp.WSMessage(aiohttp.WSMsgType.TEXT, data, ""))
        else:
            self.inbox.feed_data(aiohttp.WSMessage(aiohttp.WSMsgType.BINARY, data, ""))

    def websocket_closed(self, closed: WebSocketClosed) -> None:
        self.inbox.feed_data(aiohttp.WSMessage(aiohttp.WSMsgType.CLOSE, closed.code, closed.reason))

    def websocket_ended(self, exc: BaseException | None) -> None:
        # A server that called an app which answered nothing answers in its place.
        self._answer(Response(INTERNAL_SERVER_ERROR, (), b"Internal Server Error"))
        if self.connection.state == "open":
            self.connection.lose()
            self.inbox.fail(aiohttp.EofStream())
        self._on_end(self, exc)

    def _answer(self, answer: Headers | Response) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)


def _nothing() -> None:
    """Versions of aiohttp before 3.14 see to it in receive()."""


class _Below:
    """As much of the handshake's response as `ClientWebSocketResponse` uses: to let go of it."""

    connection = None

    def __init__(self, close: Callable[[], None]) -> None:
        self.close = close


class _Inbox:
    """As much of aiohttp's WebSocketDataQueue as `ClientWebSocketResponse` uses."""

    def __init__(self) -> None:
        self.on_data: Callable[[], None] = _nothing
        self._arrived: deque[aiohttp.WSMessage] = deque()
        self.failure: Exception | None = None
        self._reader: asyncio.Future[None] | None = None

    def feed_data(self, message: aiohttp.WSMessage, size: int = 0) -> None:
        self.on_data()
        if self.failure is None:
            self._arrived.append(message)
            self._wake()

    def fail(self, failure: Exception) -> None:
        """What has arrived is still read, then comes the failure."""
        if self.failure is None:
            self.failure = failure
            self._wake()

    async def read(self) -> aiohttp.WSMessage:
        while not self._arrived:
            if self.failure is not None:
                raise self.failure
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self._arrived.popleft()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class _Outbox:
    """As much of aiohttp's WebSocketWriter as `ClientWebSocketResponse` uses."""

    def __init__(self, connection: WebSocketConnection, inbox: _Inbox) -> None:
        self._connection = connection
        self._inbox = inbox

    async def send_frame(self, message: Any, opcode: int, compress: int | None = None) -> None:
        if self._connection.state != "open":
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        if opcode == aiohttp.WSMsgType.TEXT:
            self._connection.send(bytes(message).decode())
        elif opcode == aiohttp.WSMsgType.BINARY:
            self._connection.send(bytes(message))
        elif opcode == aiohttp.WSMsgType.PING:
            # A server answers it, and no app sees it.
            self._inbox.feed_data(aiohttp.WSMessage(aiohttp.WSMsgType.PONG, message, ""))

    async def close(self, code: int = 1000, message: bytes | str = b"") -> None:
        if self._connection.state == "open":
            reason = message if isinstance(message, str) else message.decode()
            code = int(code)  # aiohttp gives an enum of its own
            self._connection.close(code, reason)
            # Over a network the answer takes a while, and python-engineio relies on it: its
            # disconnect() drops what its writer has not taken by then, and waits 30 s for it.
            for _ in range(TURNS):
                await asyncio.sleep(0)
            # The server's side of the closing handshake.
            self._inbox.feed_data(aiohttp.WSMessage(aiohttp.WSMsgType.CLOSE, code, reason))
        elif isinstance(self._inbox.failure, aiohttp.EofStream):
            # The server let go of the connection, as it does with an app that ends without closing.
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
