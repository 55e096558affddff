"""The upgrade from polling to websocket: send a probe, hold frames meanwhile, then switch to the
websocket, or stay on polling.

The order of steps is that of the Engine.IO v4 specification, "Upgrade": the probe's PING and PONG
over the websocket, the end of the pending GET, then UPGRADE over the websocket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asgi_sio_testclient._connection.polling import PollingTransport
from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._protocol.names import EncodedPacket

__all__ = ["Upgrade"]

__tracebackhide__ = True


class Upgrade:
    """One attempt to upgrade.

    Args:
        polling: the transport in use.
        websocket: the transport that is tried.

    Attributes:
        polling: as given.
        websocket: as given.
    """

    __slots__ = ("_held", "polling", "websocket")

    def __init__(self, polling: PollingTransport, websocket: WebSocketTransport) -> None:
        self.polling = polling
        self.websocket = websocket
        self._held: list[EncodedPacket] = []

    def hold(self, frames: Sequence[EncodedPacket]) -> None:
        """Keep frames that are sent during the upgrade, for the transport in use after it."""
        self._held += frames

    def unanswered(self) -> str:
        """Return why the upgrade has not succeeded yet."""
        if not self.polling.paused:
            return "the upgrade's probe was not answered"
        if self.polling.polls:
            return (
                "no NOOP came: the server answered the upgrade's probe and left the pending GET "
                "open, which a NOOP has to end"
            )
        return "a POST that was under way before the upgrade was not answered"

    def switch(self, switched: Callable[[Sequence[EncodedPacket]], None]) -> None:
        """End polling once no request is pending; the probe was answered.

        Args:
            switched: called then, with the frames that were held.
        """

        def paused() -> None:
            self.polling.abort()
            switched(self._held)

        self.polling.pause(paused)

    def stay(self) -> Sequence[EncodedPacket]:
        """Go on polling, and return the frames that were held."""
        self.polling.resume()
        return self._held
