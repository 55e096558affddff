"""The function that forwards each type of ASGI scope. Imports aiohttp."""

from __future__ import annotations

import ssl

from asgi_sio_testclient.remote._http import forward_http
from asgi_sio_testclient.remote._pool import Pool
from asgi_sio_testclient.remote._websocket import forward_websocket

__all__ = ["new_pool"]

__tracebackhide__ = True


_FORWARD = {"http": forward_http, "websocket": forward_websocket}


def new_pool(tls: ssl.SSLContext | bool, connect_timeout: float) -> Pool:
    """Return the connections for one event loop; see `Pool` for the arguments."""
    return Pool(tls, connect_timeout, _FORWARD)
