"""The interface of the two transports, websocket and polling: they carry encoded Engine.IO packets
as ASGI messages, without decoding them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio

    from asgi_sio_testclient.asgi import Response
from asgi_sio_testclient._protocol.names import EncodedPacket

__tracebackhide__ = True


class Transport(Protocol):
    """Carries the frames of one session.

    Attributes:
        name: "websocket" or "polling".
    """

    name: str

    def send(self, frames: Sequence[EncodedPacket]) -> None:
        """Send frames in order, after all frames sent before. Never waits."""

    def send_frame(self, frame: EncodedPacket) -> None:
        """Send one frame, as `send` does."""

    def close(self) -> None:
        """Close in an orderly way once all sent frames have arrived; deliver no further frame."""

    def abort(self, code: int | None = None) -> None:
        """Close at once, like a lost network; deliver no further frame."""

    def cancel(self) -> None:
        """Cancel the calls of the app that still run."""

    @property
    def idle(self) -> bool:
        """Whether the app has received all that was sent and waits for more."""

    @property
    def listens(self) -> bool:
        """Whether output of the server is delivered without a delay."""

    @property
    def running(self) -> bool:
        """Whether a call of the app still runs."""

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The calls of the app that still run."""


class TransportListener(Protocol):
    """The session that uses a transport. Its methods are called inside the app's own ``send()``."""

    def transport_open(self, transport: Transport) -> None:
        """Called when the app has accepted the transport, so that frames may be sent."""

    def transport_frame(self, frame: EncodedPacket, name: str = "websocket") -> None:
        """Called with each frame from the server, over the transport of that name."""

    def transport_refused(self, transport: Transport, url: str, response: Response) -> None:
        """Called when the app has answered with a response that opens no transport."""

    def transport_closed(self, transport: Transport, url: str, reason: str, detail: str) -> None:
        """Called when the app has closed the transport.

        Args:
            transport: the transport.
            url: the URL of the request, for error texts.
            reason: one of python-socketio's reasons.
            detail: what happened, for error texts.
        """

    def app_raised(self, exc: BaseException) -> None:
        """Called when the app's callable has raised."""

    def about_to_receive(self) -> None:
        """Called when the app is about to wait for the next message of the client."""

    def activity(self) -> None:
        """Called when a call of the app has ended, or has received all that was sent."""
