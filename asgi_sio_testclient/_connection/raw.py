"""The methods of `TestClient.raw` with which a test sends single packets, requests and
websockets.
"""

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
    """The layer of a session with which a test sends packets: at any time, in any order, well
    formed or not.
    """

    __slots__ = ()

    def send_packet(self, packet_type: int, data: str | bytes | None = None) -> None:
        """Send one Engine.IO packet.

        Args:
            packet_type: 0 OPEN, 1 CLOSE, 2 PING, 3 PONG, 4 MESSAGE, 5 UPGRADE, 6 NOOP, or any other
                digit.
            data: the data of the packet.
        """
        self._running_app.require_loop()
        self.send_frames([encode(packet_type, data)])

    def send_text(self, text: str) -> None:
        """Send `text` unchanged: as one websocket message, or as a part of a POST's payload."""
        self._running_app.require_loop()
        self.send_frames([text])

    def send_bytes(self, data: bytes) -> None:
        """Send `data` unchanged: as one binary websocket message, or in base64 as a part of a
        POST's payload.
        """
        self._running_app.require_loop()
        self.send_frames([bytes(data)])

    async def post(
        self, body: str | bytes, *, sid: str | None = None, timeout: float = 5.0
    ) -> Response:
        """Send one POST with that body, also while other requests are pending, and return the
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
        """Send one GET, also while another GET is pending, and return the response; its packets are
        not delivered to the client.

        Raises:
            TimeoutError: no response within `timeout` seconds.
        """
        return await self._request("GET", b"", [], sid, timeout)

    async def websocket(
        self, *, sid: str | None = None, timeout: float = 5.0
    ) -> WebSocketConnection:
        """Open a websocket with the session's id, and return it, so that the test sends and
        receives its messages.

        While the session polls, this is an upgrade of which the test sends each step.

        Raises:
            ConnectionRefusedError: the app refused the websocket: ``.args[0]`` is the `Response`.
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
        """Stop reading from a websocket: the app's next ``send()`` blocks until
        `resume_reading`.
        """
        self._unsettle()
        self._websocket().connection.pause()

    def resume_reading(self) -> None:
        """Read again after `pause_reading`."""
        self._websocket().connection.resume()

    async def _request(
        self,
        method: str,
        body: bytes,
        headers: list[tuple[bytes, bytes]],
        sid: str | None,
        timeout: float,
    ) -> Response:
        """Send a request beside those of the transport, and return the response."""
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
