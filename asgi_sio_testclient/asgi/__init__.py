"""One ASGI scope each, driven by hand: `HTTPExchange`, `WebSocketConnection` and `Lifespan`.

What the app sends is handed over inside its own ``await send(...)``: to a listener where one is
given, else to a mailbox that the by-hand methods read. So there is no reader task, and when
``send()`` returns the message can be seen.

This package uses neither Engine.IO nor Socket.IO. The app runs in plain asyncio tasks;
nothing here holds a cancel scope or a task group open. Source of the rules: the ASGI specification
3.0 and its www and lifespan pages; where it leaves room, uvicorn 0.54.
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
