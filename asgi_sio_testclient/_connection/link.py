"""A fault schedule between a session and its transport, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._protocol.names import EncodedPacket
from asgi_sio_testclient.faults import Schedule, Wire

__all__ = ["DisturbedLink"]

__tracebackhide__ = True


class DisturbedLink:
    """A connection on which messages are lost, delayed, duplicated and reordered, as `schedule`
    decides.

    Args:
        schedule: decides what happens to each message.
        to_transport: called with a frame of the client that has passed the link.
        to_session: called with a frame of the server that has passed the link.
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
        """Whether a frame is held back that will still arrive."""
        return self._sent.holding or self._received.holding

    def send(self, frame: EncodedPacket) -> None:
        """Carry a frame of the client."""
        self._sent.carry(frame)

    def receive(self, frame: EncodedPacket) -> None:
        """Carry a frame of the server."""
        self._received.carry(frame)

    def flush(self) -> None:
        """Deliver all frames that are held back."""
        self._sent.flush()
        self._received.flush()

    def abort(self) -> None:
        """End the connection; frames that are held back never arrive."""
        self._sent.cut()
        self._received.cut()
