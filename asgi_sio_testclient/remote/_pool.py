"""The connections to a server elsewhere, in one event loop: aiohttp's sessions, and what becomes of
a websocket's handshake.
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import aiohttp
from yarl import URL

from asgi_sio_testclient.remote._failures import Stage

__all__ = ["Pool", "Refused", "WebSocket", "stage_of_this_task"]

__tracebackhide__ = True

# Servers close an idle connection after a while: Node.js, uvicorn and hypercorn after 5 s. A POST
# that meets the close is lost, and must not be sent twice.
KEEP_ALIVE = 2.0  # seconds
SWITCHING_PROTOCOLS = 101
_NOT_BY_ITSELF = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
WINDOW_BITS = 15

stage_of_this_task: contextvars.ContextVar[Stage] = contextvars.ContextVar("stage")


class Refused(Exception):
    """A response to a websocket's handshake that opens no websocket.

    Attributes:
        response: aiohttp's, already closed.
        body: its body.
    """

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        super().__init__(response.status)
        self.response = response
        self.body = body


class WebSocket(aiohttp.ClientWebSocketResponse):
    """aiohttp's websocket, with the response that opened it, an end without a goodbye, and no
    compression but of the messages for which it is asked.
    """

    def __init__(self, reader: Any, writer: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(reader, writer, *arguments, **options)
        writer.compress = 0  # else it compresses each message, which costs more than it saves

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of the response that opened it."""
        return self._response.raw_headers

    def release(self) -> None:
        """Close the TCP connection as it is, where it is still open."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


class Pool:
    """aiohttp's sessions.

    Args:
        tls: as `aiohttp.TCPConnector` takes it for ``ssl``.
        connect_timeout: seconds that a new connection of a request may take.
        forward: by the type of a scope, what forwards it.

    Attributes:
        forward: as given.
        users: how many scopes use it.
        connector: gives the connections.
        connecting: bounds the connecting of a request.
        handshakes: the session of websockets' handshakes: it notes how far each came in
            `stage_of_this_task`, and raises `Refused`.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | bool,
        connect_timeout: float,
        forward: Mapping[str, Callable[..., Awaitable[None]]],
    ) -> None:
        self.users = 0
        self.forward = forward
        self.connector = aiohttp.TCPConnector(
            limit=0, ssl=tls, keepalive_timeout=KEEP_ALIVE, timeout_ceil_threshold=math.inf
        )
        self.connecting = aiohttp.ClientTimeout(
            total=None, connect=connect_timeout, ceil_threshold=math.inf
        )
        self._tls = tls
        self._origins: dict[str, aiohttp.ClientRequest] = {}
        trace = aiohttp.TraceConfig()
        trace.on_connection_create_end.append(_connected)
        trace.on_connection_reuseconn.append(_connected)
        self.handshakes = aiohttp.ClientSession(
            connector=self.connector,
            connector_owner=False,
            cookie_jar=aiohttp.DummyCookieJar(),  # the client's own jar has them
            auto_decompress=False,
            skip_auto_headers=_NOT_BY_ITSELF,
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[trace],
            middlewares=(_refuse,),
            ws_response_class=WebSocket,
        )

    def origin(self, url: str) -> aiohttp.ClientRequest:
        """A request to a server, as aiohttp's connector takes it to connect there.

        Args:
            url: scheme, host and port of the server.
        """
        origin = self._origins.get(url)
        if origin is None:
            loop = asyncio.get_running_loop()
            origin = aiohttp.ClientRequest("GET", URL(url), loop=loop, ssl=self._tls)
            self._origins[url] = origin
        return origin

    async def websocket(
        self,
        url: Any,
        headers: list[tuple[str, str]],
        protocols: list[str],
        *,
        close_timeout: float,
    ) -> WebSocket:
        """Open a websocket. The server is offered permessage-deflate, as by a browser.

        Raises:
            Refused: the server answered with another status than 101.
            aiohttp.ClientError, OSError: see `describe`.
        """
        websocket = await self.handshakes._ws_connect(
            url,
            headers=headers,
            protocols=protocols,
            max_msg_size=0,
            compress=WINDOW_BITS,
            timeout=aiohttp.ClientWSTimeout(ws_close=close_timeout),
        )
        return cast("WebSocket", websocket)

    async def close(self) -> None:
        """Close every connection, and wait until it is closed."""
        await self.handshakes.close()
        await self.connector.close()


async def _connected(*_: object) -> None:
    stage_of_this_task.get().connected = True


async def _refuse(request: aiohttp.ClientRequest, handler: Any) -> aiohttp.ClientResponse:
    """Read the response to a websocket's handshake that opens none: aiohttp drops its body, and
    follows a redirection.
    """
    response: aiohttp.ClientResponse = await handler(request)
    if response.status == SWITCHING_PROTOCOLS or "Sec-WebSocket-Key" not in request.headers:
        return response
    try:
        body = await response.read()
    finally:
        response.close()
    raise Refused(response, body)
