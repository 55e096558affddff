"""The two ways that Engine.IO packets travel, behind one small interface. Knows ASGI and frames,
and no packet's meaning.
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
        """Hand frames to the app, in order, after all that were handed over before. Never waits."""

    def send_frame(self, frame: EncodedPacket) -> None:
        """The same for one."""

    def leave(self) -> None:
        """End in an orderly way, once what was sent has arrived. Nothing is delivered any more."""

    def vanish(self, code: int | None = None) -> None:
        """End as a lost network does. Nothing is delivered any more."""

    def cancel(self) -> None:
        """Cancel the calls of the app that still run."""

    @property
    def idle(self) -> bool:
        """True when the app has taken all that was sent and waits for more."""

    @property
    def listens(self) -> bool:
        """Whether what the server puts out now is sent at once."""

    @property
    def running(self) -> bool:
        """Whether a call of the app still runs."""

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The calls of the app that still run."""


class TransportListener(Protocol):
    """The session above a transport. Everything is called from inside the app's own ``send()``."""

    def transport_open(self, transport: Transport) -> None:
        """The app accepted the transport: frames may be sent."""

    def transport_frame(self, frame: EncodedPacket, name: str = "websocket") -> None:
        """A frame from the server, over the transport of that name."""

    def transport_refused(self, transport: Transport, url: str, response: Response) -> None:
        """The app answered with something that is no such transport."""

    def transport_lost(self, transport: Transport, url: str, reason: str, detail: str) -> None:
        """The app ended it: `reason` in python-socketio's words, `detail` for people."""

    def app_raised(self, exc: BaseException) -> None:
        """The app's callable raised."""

    def about_to_receive(self) -> None:
        """The app is about to wait for the client."""

    def activity(self) -> None:
        """A call of the app ended, or took what was sent."""
