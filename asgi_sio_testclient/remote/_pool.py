"""The connections to a remote server, in one event loop: aiohttp's connector, and its session for
the handshakes of websockets.
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
# that is sent at that moment is lost, and must not be sent twice.
KEEP_ALIVE = 2.0  # seconds
SWITCHING_PROTOCOLS = 101
_NOT_BY_ITSELF = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
WINDOW_BITS = 15

stage_of_this_task: contextvars.ContextVar[Stage] = contextvars.ContextVar("stage")


class Refused(Exception):
    """Raised if the response to a websocket's handshake opens no websocket.

    Attributes:
        response: aiohttp's response, which is closed.
        body: the body of the response.
    """

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        super().__init__(response.status)
        self.response = response
        self.body = body


class WebSocket(aiohttp.ClientWebSocketResponse):
    """aiohttp's websocket, with the headers of its response, an abort without a close frame, and
    compression of single messages only.
    """

    def __init__(self, reader: Any, writer: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(reader, writer, *arguments, **options)
        writer.compress = 0  # compressing each message takes more time than it saves

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of the response that opened the websocket."""
        return self._response.raw_headers

    def release(self) -> None:
        """Abort the TCP connection without a close frame, if the connection is open."""
        connection = self._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()
        self._response.close()


class Pool:
    """The connections to a remote server in one event loop.

    Args:
        tls: see ``ssl`` of `aiohttp.TCPConnector`.
        connect_timeout: the most seconds for opening a connection.
        forward: the function that forwards a scope, by the type of the scope.

    Attributes:
        forward: see above.
        users: how many scopes use the connections.
        connector: aiohttp's connector, which opens connections.
        connecting: the timeout of connecting, for requests.
        handshakes: aiohttp's session for the handshakes of websockets. It sets
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
            cookie_jar=aiohttp.DummyCookieJar(),  # cookies are in the client's jar
            auto_decompress=False,
            skip_auto_headers=_NOT_BY_ITSELF,
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[trace],
            middlewares=(_refuse,),
            ws_response_class=WebSocket,
        )

    def origin(self, url: str) -> aiohttp.ClientRequest:
        """Return a request object of aiohttp for a server, with which the connector connects.

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
        """Open a websocket, and offer the extension permessage-deflate, as browsers do.

        Raises:
            Refused: the server answered with another status than 101.
            aiohttp.ClientError, OSError: the connection failed; see `_failures.FAILURES`.
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
    """Read the body of a response that opens no websocket, and raise `Refused`: aiohttp itself
    would drop the body, and follow a redirection.
    """
    response: aiohttp.ClientResponse = await handler(request)
    if response.status == SWITCHING_PROTOCOLS or "Sec-WebSocket-Key" not in request.headers:
        return response
    try:
        body = await response.read()
    finally:
        response.close()
    raise Refused(response, body)
