"""An in-memory Socket.IO test client for ASGI apps.

`TestClient(app)` speaks Engine.IO v4 and Socket.IO v5 straight into the app's callable: no socket,
no port, no server thread.
"""

from asgi_sio_testclient._client import TestClient
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    Leak,
    LifespanFailed,
    NotConnected,
    ProtocolError,
    TestClientError,
    UnexpectedEvent,
    UsageError,
)
from asgi_sio_testclient._sync import SyncTestClient
from asgi_sio_testclient._version import __version__

__all__ = [
    "ConnectTimeout",
    "ConnectionRefused",
    "EventTimeout",
    "HandshakeFailed",
    "Leak",
    "LifespanFailed",
    "NotConnected",
    "ProtocolError",
    "ReceivedEvent",
    "SyncTestClient",
    "TestClient",
    "TestClientError",
    "UnexpectedEvent",
    "UsageError",
    "__version__",
]
