"""Names and types that several folders use. Every module may import this one: it imports nothing of
the package.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "ALL",
    "CLIENT_DISCONNECT",
    "DEFAULT_PORTS",
    "ROOT",
    "SERVER_DISCONNECT",
    "TRANSPORTS",
    "TRANSPORT_CHOICES",
    "TRANSPORT_CLOSE",
    "TRANSPORT_ERROR",
    "EncodedPacket",
    "name_of",
]

__tracebackhide__ = True

ALL = "*"  # every event, or every namespace
ROOT = "/"  # the namespace by default

CLIENT_DISCONNECT = "client disconnect"
SERVER_DISCONNECT = "server disconnect"
TRANSPORT_CLOSE = "transport close"
TRANSPORT_ERROR = "transport error"

TRANSPORTS = ("polling", "websocket")
TRANSPORT_CHOICES: dict[str, tuple[str, ...]] = {
    "websocket": ("websocket",),
    "polling": ("polling",),
    "upgrade": ("polling", "websocket"),
}
"""What options of commands are called, and the value of ``transports=`` for each."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

EncodedPacket = str | bytes  # one Engine.IO packet, as it travels in a websocket message


def name_of(kind: int, names: Sequence[str]) -> str:
    """Return the name of a packet type, or the number where `names` has none for it."""
    return str(names[kind]) if kind < len(names) else str(kind)
