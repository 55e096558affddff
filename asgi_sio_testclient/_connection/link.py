"""What a fault schedule does between a session and its transport, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._protocol.names import EncodedPacket
from asgi_sio_testclient.faults import Schedule, Wire

__all__ = ["DisturbedLink"]

__tracebackhide__ = True


class DisturbedLink:
    """A connection on which `schedule` loses, delays, doubles and reorders messages.

    Args:
        schedule: decides what becomes of each message.
        to_transport: takes a frame of the client's that has come through.
        to_session: takes a frame of the server's that has come through.
        call_later: ``loop.call_later``.
    """

    __slots__ = ("_received", "_sent")

    def __init__(
        self,
        schedule: Schedule,
        to_transport: Callable[[EncodedPacket], None],
        to_session: Callable[[EncodedPacket], None],
        call_later: Any,
    ) -> None:
        self._sent = Wire(schedule, "sent", to_transport, call_later)
        self._received = Wire(schedule, "received", to_session, call_later)

    @property
    def holding(self) -> bool:
        """Whether a frame is held back that is still to arrive."""
        return self._sent.holding or self._received.holding

    def send(self, frame: EncodedPacket) -> None:
        """Carry a frame of the client's."""
        self._sent.carry(frame)

    def receive(self, frame: EncodedPacket) -> None:
        """Carry a frame of the server's."""
        self._received.carry(frame)

    def flush(self) -> None:
        """Deliver at once what is held back."""
        self._sent.flush()
        self._received.flush()

    def cut(self) -> None:
        """End the connection: what is held back never arrives."""
        self._sent.cut()
        self._received.cut()
