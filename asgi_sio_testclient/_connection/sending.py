"""Sends packets of a session through its transport, a disturbed link, or after an upgrade."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from asgi_sio_testclient._connection.idleness import IdleSession
from asgi_sio_testclient._connection.transcript_entry import SENT
from asgi_sio_testclient._protocol.names import EncodedPacket

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.transport import Transport

__all__ = ["SendingSession", "message_frames"]

__tracebackhide__ = True


class SendingSession(IdleSession):
    """The layer of a session that sends."""

    __slots__ = ()

    def send_messages(self, messages: Sequence[EncodedPacket]) -> None:
        """Send Socket.IO's messages, each in a MESSAGE packet."""
        if not self.unsettled:
            self._unsettle()
        straight = self._straight
        if straight is None or len(messages) > 1:
            if self._link is None:
                self.sent += len(messages)
            self.send_frames(message_frames(messages))
            return
        # One message, as nearly always: the same without lists.
        message = messages[0]
        self.sent += 1
        frame = f"4{message}" if message.__class__ is str else message
        self._note((perf_counter(), SENT, self._transport_name, frame))
        straight(frame)

    def send_frames(self, frames: Sequence[EncodedPacket]) -> None:
        """Send encoded packets, in order; during an upgrade, hold them until its end."""
        self._unsettle()
        if self._upgrade is not None:
            self._upgrade.hold(frames)
            return
        transport: Any = self.transport
        name = transport.name
        for frame in frames:
            self._note((perf_counter(), SENT, name, frame))
        if self._link is None:
            transport.send(frames)
            return
        for frame in frames:
            self._link.send(frame)

    def _send_on(self, frame: EncodedPacket) -> None:
        """Send a frame that has passed the disturbed link."""
        from asgi_sio_testclient.faults import is_message  # noqa: PLC0415 (few tests disturb)

        self.sent += is_message(frame)
        cast("Transport", self.transport).send([frame])

    def _remove_link(self) -> None:
        """Remove the disturbed link, if there is one; what it holds arrives at once."""
        if self._link is not None:
            self._link.flush()
            self._link = None


def message_frames(messages: Sequence[EncodedPacket]) -> list[EncodedPacket]:
    """Return what Packet(MESSAGE, message).encode() makes of text and of bytes."""
    return [f"4{message}" if isinstance(message, str) else message for message in messages]
