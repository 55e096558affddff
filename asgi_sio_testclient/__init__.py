"""An in-memory Socket.IO test client for ASGI apps.

`TestClient(app)` calls the app directly, with real packets of Engine.IO v4 and Socket.IO v5: no
socket, no port, no server thread.
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
    # The pytest plugin is a module of this package, so every pytest run imports this module
    # wherever the library is installed. So httpx and socketio are not imported at the top.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES.get(name, '_exceptions')}")
    value = globals()[name] = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
