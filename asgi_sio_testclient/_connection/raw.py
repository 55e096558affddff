"""Requests, packets and websockets driven by hand: the part of `TestClient.raw` that tests use."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from asgi_sio_testclient._connection.sending import SendingSession
from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._protocol.engineio import encode
from asgi_sio_testclient.asgi import HTTPExchange, Response, WebSocketConnection

if TYPE_CHECKING:
    import asyncio

__all__ = ["RawSession"]

__tracebackhide__ = True


class RawSession(SendingSession):
    """What a test sends itself: at any time, in any order, well formed or not."""

    __slots__ = ()

    def send_packet(self, packet_type: int, data: str | bytes | None = None) -> None:
        """Send one Engine.IO packet.

        Args:
            packet_type: 0 OPEN, 1 CLOSE, 2 PING, 3 PONG, 4 MESSAGE, 5 UPGRADE, 6 NOOP, or any other
                digit.
            data: its data.
        """
        self._running_app.require_loop()
        self.send_frames([encode(packet_type, data)])

    def send_text(self, text: str) -> None:
        """Send `text` as it is: one websocket message, or a part of a POST's payload."""
        self._running_app.require_loop()
        self.send_frames([text])

    def send_bytes(self, data: bytes) -> None:
        """Send `data` as it is: one binary websocket message, or in base64 a part of a POST's
        payload.
        """
        self._running_app.require_loop()
        self.send_frames([bytes(data)])

    async def post(
        self, body: str | bytes, *, sid: str | None = None, timeout: float = 5.0
    ) -> Response:
        """Make one POST with that very body, beside whatever else is under way, and return the
        response.

        Raises:
            TimeoutError: no response within `timeout` seconds.
        """
        data = body.encode() if isinstance(body, str) else bytes(body)
        headers = [
            (b"content-type", b"text/plain;charset=UTF-8"),
            (b"content-length", b"%d" % len(data)),
        ]
        return await self._request("POST", data, headers, sid, timeout)

    async def poll(self, *, sid: str | None = None, timeout: float = 5.0) -> Response:
        """Make one GET, beside the one that is pending, and return the response; its packets are
        not delivered.

        Raises:
            TimeoutError: no response within `timeout` seconds.
        """
        return await self._request("GET", b"", [], sid, timeout)

    async def websocket(
        self, *, sid: str | None = None, timeout: float = 5.0
    ) -> WebSocketConnection:
        """Open a websocket with the session's id, beside whatever is under way, to drive by hand.

        While the session polls it is an upgrade that goes no further than the test takes it.

        Raises:
            ConnectionRefusedError: the app refused it: ``.args[0]`` is the `Response`.
            TimeoutError: no answer within `timeout` seconds.
        """
        self._running_app.require_loop()
        scope = self._requests.websocket_scope(self.sid if sid is None else sid)
        connection = WebSocketConnection(self._running_app.app, scope)
        try:
            await connection.connect(timeout, self._requests.context())
        finally:
            self._running_app.track(cast("asyncio.Task[None]", connection.task))
        return connection

    def pause_reading(self) -> None:
        """Over a websocket: the app's next ``send()`` blocks until `resume_reading`."""
        self._unsettle()
        self._websocket().connection.pause()

    def resume_reading(self) -> None:
        """Read on."""
        self._websocket().connection.resume()

    async def _request(
        self,
        method: str,
        body: bytes,
        headers: list[tuple[bytes, bytes]],
        sid: str | None,
        timeout: float,
    ) -> Response:
        self._running_app.require_loop()
        scope = self._requests.http_scope(method, self.sid if sid is None else sid, headers)
        exchange = HTTPExchange(self._running_app.app, scope, body)
        task = exchange.start(self._requests.context())
        self._running_app.track(task)
        return await exchange.response(timeout)

    def _websocket(self) -> WebSocketTransport:
        if not isinstance(self.transport, WebSocketTransport):
            raise UsageError("only a websocket can be paused")
        return self.transport
