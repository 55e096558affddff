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

ALL = "*"  # stands for every event, or every namespace
ROOT = "/"  # the default namespace

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
"""The values of the option ``--transport``, with the argument ``transports=`` for each."""

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

EncodedPacket = str | bytes  # one encoded Engine.IO packet, as in a websocket message


def name_of(kind: int, names: Sequence[str]) -> str:
    """Return the name of a packet type; the number if `names` has no name for it."""
    return str(names[kind]) if kind < len(names) else str(kind)
