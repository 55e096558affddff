"""A connector for aiohttp's `ClientSession` whose connections lead to an app in memory.

Bytes that aiohttp writes go to a `Connection`, the server's end. Its answers go back within the
app's ``send()``. Redirects, cookies, forms, timeouts, compression and websocket frames are
aiohttp's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from asgi_sio_testclient._protocol.names import DEFAULT_PORTS
from asgi_sio_testclient.stock._app import App
from asgi_sio_testclient.stock._serving import Connection, Origin

__all__ = ["ASGIConnector"]

__tracebackhide__ = True

SECURE = frozenset({"https", "wss"})


class ASGIConnector(aiohttp.BaseConnector):
    """Connects to an app, for any host.

    Args:
        app: the app, which is started with the first connection.
        client: host and port of the client, for the scopes.
    """

    allowed_protocol_schema_set = frozenset(DEFAULT_PORTS)

    def __init__(self, app: App, client: tuple[str, int] | None) -> None:
        # aiohttp's limit is 100 connections, and one session serves all clients of a test.
        super().__init__(limit=0)
        self._app = app
        self._client = client
        self._transports: set[_Transport] = set()
        self.refuses = False

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: Any, timeout: Any
    ) -> ResponseHandler:
        if not self.refuses:
            await self._app.start()
        if self.refuses:
            raise aiohttp.ServerDisconnectedError
        scheme = req.url.scheme
        origin = Origin(
            req.url.host or "",
            req.url.port or DEFAULT_PORTS[scheme],
            secure=scheme in SECURE,
            client=self._client,
        )
        protocol: ResponseHandler = self._factory()
        transport = _Transport(protocol, self._transports.discard)
        transport.connection = Connection(self._app, transport, origin)
        self._transports.add(transport)
        protocol.connection_made(transport)
        return protocol

    def abort_connections(self) -> None:
        """Abort every connection, and make no new one."""
        self.refuses = True
        for transport in list(self._transports):
            transport.close_by_server()


class _Transport(asyncio.Transport):
    """The client's end of a connection, as an asyncio transport."""

    connection: Connection

    def __init__(self, protocol: ResponseHandler, on_closed: Callable[[_Transport], None]) -> None:
        super().__init__({})
        self._protocol = protocol
        self._on_closed = on_closed
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.connection.received(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Close from the client's end, and disconnect the app's call."""
        if not self._closing:
            self.close_by_server()
            self.connection.client_closed()

    abort = close  # nothing is buffered

    def close_by_server(self) -> None:
        """Close from the server's end; see `_serving.Wire`."""
        if not self._closing:
            self._closing = True
            self._on_closed(self)
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def deliver(self, data: bytes) -> None:
        """See `_serving.Wire`."""
        if data and not self._closing:
            self._protocol.data_received(data)

    def pause_reading(self) -> None:
        """Do nothing: aiohttp's flow control is not needed for data in memory."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""
