"""Classes that call an app with one ASGI scope each: `HTTPExchange`, `WebSocketConnection` and
`Lifespan`.

Messages of the app are processed within its ``await send(...)``: passed to a listener, or without a
listener stored for the methods that read messages. So no reader task is needed, and a message is
available as soon as ``send()`` returns.

This package uses neither Engine.IO nor Socket.IO. The app runs in plain asyncio tasks; no cancel
scope or task group stays open. The rules are those of the ASGI specification 3.0, with its www and
lifespan pages, and of uvicorn 0.54 for all that the specification leaves open.
"""

from __future__ import annotations

from asgi_sio_testclient.asgi._http import HTTPExchange, Response
from asgi_sio_testclient.asgi._lifespan import Lifespan
from asgi_sio_testclient.asgi._scopes import http_scope, single_callable, websocket_scope
from asgi_sio_testclient.asgi._websocket import (
    ClientDisconnected,
    WebSocketClosed,
    WebSocketConnection,
)

__all__ = [
    "ClientDisconnected",
    "HTTPExchange",
    "Lifespan",
    "Response",
    "WebSocketClosed",
    "WebSocketConnection",
    "http_scope",
    "single_callable",
    "websocket_scope",
]
