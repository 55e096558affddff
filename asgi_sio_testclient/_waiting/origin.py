"""The origin of a task, a callback or a timer: what caused it.

A `ContextVar` carries the origin: asyncio copies the context of the code that begins a task, a
callback or a timer, so that all work that a handler begins, directly or not, has the handler's
origin.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

__all__ = [
    "INTERNAL",
    "LIFESPAN",
    "MIDDLEWARE",
    "ORIGIN",
    "SERVICE",
    "WORKER",
    "begun_by",
    "is_from_client",
]

__tracebackhide__ = True

INTERNAL = "the connection"  # a call of the app for Engine.IO
LIFESPAN = "the lifespan"
MIDDLEWARE = "a middleware"  # a task that such a call began for a connection
WORKER: tuple[Any, Any] = ("a worker", None)  # which a client may have woken

# The origin of the running code. None: the test. A tuple of the cause (a handler's run, an HTTP
# request) and of the connection or client to which the cause belongs.
ORIGIN: ContextVar[Any] = ContextVar("asgi_sio_testclient_origin", default=None)

# Whether the running code is an Engine.IO server's service task, which looks for clients that are
# gone. It sends nothing. With thousands of clients it is ready to run in nearly every turn of the
# loop.
SERVICE: ContextVar[bool] = ContextVar("asgi_sio_testclient_service", default=False)


def is_from_client(origin: Any) -> bool:
    """Return whether a client is the cause: by a packet, a request, or a worker that it woke."""
    return origin.__class__ is tuple


def begun_by(origin: Any) -> str:
    """Return the cause as the end of a line of text; "" if no client is the cause."""
    return f", begun by {origin[0]}" if is_from_client(origin) else ""
