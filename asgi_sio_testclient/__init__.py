"""An in-memory Socket.IO test client for ASGI apps.

`TestClient(app)` speaks Engine.IO v4 and Socket.IO v5 straight into the app's callable: no socket,
no port, no server thread.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asgi_sio_testclient._client.client import TestClient
    from asgi_sio_testclient._events import ReceivedEvent
    from asgi_sio_testclient._exceptions import (
        ConnectionRefused,
        ConnectTimeout,
        EventTimeout,
        HandshakeFailed,
        Leak,
        LeakWarning,
        LifespanFailed,
        NotConnected,
        ProtocolError,
        TestClientError,
        UnexpectedEvent,
        UsageError,
    )
    from asgi_sio_testclient._sync.client import SyncTestClient
    from asgi_sio_testclient._version import __version__

__all__ = [
    "ConnectTimeout",
    "ConnectionRefused",
    "EventTimeout",
    "HandshakeFailed",
    "Leak",
    "LeakWarning",
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

_HOMES = {
    "ReceivedEvent": "_events",
    "SyncTestClient": "_sync.client",
    "TestClient": "_client.client",
    "__version__": "_version",
}


def __getattr__(name: str) -> Any:
    # The pytest plugin lives in this package, and so every pytest run of whoever has the library
    # installed imports this module: it must not bring httpx and socketio with it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, '_exceptions')}")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
