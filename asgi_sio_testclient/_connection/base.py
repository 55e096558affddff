"""The base of an Engine.IO session: the attributes that its layers share, and its state.

`EngineSession` is made of layers. Each layer is a class in a module of this folder, and uses only
the layers below: `BaseSession`, `IdleSession` (whether anything is under way), `SendingSession`,
`ClosingSession`, `ReceivingSession`. The layers are base classes and not objects: an idle client
would need memory for each object.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from asgi_sio_testclient._connection.states import CONNECTING, UPGRADING, SessionState, next_state
from asgi_sio_testclient._protocol.engineio import EngineIO
from asgi_sio_testclient._protocol.names import EncodedPacket

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.app import RunningApp
    from asgi_sio_testclient._connection.link import DisturbedLink
    from asgi_sio_testclient._connection.polling import PollingTransport
    from asgi_sio_testclient._connection.transcript import Transcript
    from asgi_sio_testclient._connection.transport import Transport
    from asgi_sio_testclient._connection.upgrade import Upgrade
    from asgi_sio_testclient._http.requests import ConnectionRequests
    from asgi_sio_testclient._server.protocol import ServerInstrumentation
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["BaseSession", "SessionListener"]

__tracebackhide__ = True


class SessionListener(Protocol):
    """The client of a session: its methods are called within the app's ``send()``, mostly."""

    def session_ready(self) -> None:
        """Called when the handshake, and the upgrade if there is one, has succeeded."""

    def session_message(self, message: EncodedPacket) -> None:
        """Called with the data of each MESSAGE packet.

        Raises:
            ProtocolError: the data is no Socket.IO packet.
        """

    def session_ended(self, session: Any, reason: str, error: Exception | None) -> None:
        """Called when a session has ended and the client did not close it."""

    def session_over(self, session: Any) -> None:
        """Called when no call of the app runs for a session any more."""

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Called when the app has raised because of this client."""

    def handler_ended(self, run: HandlerRun) -> None:
        """Called when a handler has ended, at least if its event wanted an ack."""

    def frame_delivered(self) -> None:
        """Called after a frame from the server other than a MESSAGE was processed."""


class BaseSession:
    """The attributes of a session; the public ones are described in `EngineSession`."""

    # Not a dictionary: with more than 30 attributes one takes 1.6 kB.
    __slots__ = (
        "_awaited", "_detecting", "_detections", "_link", "_listener", "_note", "_notes",
        "_poll_released", "_polling", "_requests", "_running_app", "_services", "_stalled",
        "_straight", "_timing_out", "_transcript", "_transport_name", "_transports", "_upgrade",
        "_used", "answer_pings", "engine", "handled", "handler_ended", "handler_started",
        "instrumentation", "receiving", "sent", "state", "transport", "unsettled",
    )  # fmt: skip

    def __init__(
        self,
        running_app: RunningApp,
        requests: ConnectionRequests,
        transports: Sequence[str],
        listener: SessionListener,
        transcript: Transcript,
    ) -> None:
        self.answer_pings = True
        self.state: SessionState = CONNECTING
        self.unsettled = False
        self.receiving: object | None = None
        self.sent = 0
        self.handled = 0
        self.engine = EngineIO()
        certain = running_app.known_instrumentation()
        self.instrumentation: ServerInstrumentation | None = (
            certain or running_app.given_instrumentation
        )
        self.transport: Transport | None = None
        self._running_app = running_app
        self._services = running_app.services
        self._requests = requests
        self._transports = transports
        self._listener = listener
        self._transcript = transcript
        self._note = transcript.note
        self._notes = transcript.notes
        # Called in the hot path, by the instrumentation, without a method in between.
        self.handler_started: Callable[[HandlerRun], None] = transcript.note
        self.handler_ended = listener.handler_ended
        self._polling: PollingTransport | None = None
        self._upgrade: Upgrade | None = None
        self._used: list[Transport] = []
        # A tuple, since most sessions never have any: an empty tuple takes no memory.
        self._awaited: Sequence[asyncio.Future[None]] = ()
        self._link: DisturbedLink | None = None
        self._straight: Callable[[EncodedPacket], None] | None = None
        self._transport_name = ""
        self._detecting = certain is None and running_app.elsewhere is None
        self._detections = 0
        self._poll_released = False
        self._timing_out: asyncio.Task[None] | None = None
        self._stalled: tuple[int, float] | None = None

    @property
    def sid(self) -> str:
        """The Engine.IO session id, "" before the handshake."""
        return self.engine.sid

    @property
    def ready(self) -> bool:
        """Whether the handshake, and the upgrade if there is one, has succeeded."""
        return self.state is not CONNECTING and self.state is not UPGRADING

    @property
    def running_app(self) -> RunningApp:
        """The running app to which this session is a connection."""
        return self._running_app

    def _step(self, event: str) -> None:
        self.state = next_state(self.state, event)

    def _route(self) -> None:
        """Set the route of a single message: the transport's own method, unless an upgrade or a
        disturbed link is in between.
        """
        transport = self.transport
        if transport is None:
            return  # the session was closed before it had begun
        between = self._upgrade is not None or self._link is not None
        self._straight = None if between else transport.send_frame
        self._transport_name = transport.name
