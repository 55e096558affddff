"""Receives the frames and the reports of a session's transports.

The methods are called inside the app's own ``send()``, or at the end of a call of the app.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from asgi_sio_testclient._connection.closing import ClosingSession
from asgi_sio_testclient._connection.refusals import SessionClosed, handshake_failed, too_large
from asgi_sio_testclient._connection.transcript_entry import RECEIVED, SENT
from asgi_sio_testclient._connection.upgrade import Upgrade
from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._exceptions import HandshakeFailed, ProtocolError, UsageError
from asgi_sio_testclient._protocol.engineio import (
    CLOSE,
    IS_CLOSED,
    IS_OPEN,
    IS_OPENING,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE,
    UPGRADE,
    EngineIO,
    encode,
)
from asgi_sio_testclient._protocol.names import SERVER_DISCONNECT, EncodedPacket
from asgi_sio_testclient._server.app_exceptions import app_problem
from asgi_sio_testclient._server.find import find_server
from asgi_sio_testclient.asgi import Response

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.link import DisturbedLink
    from asgi_sio_testclient._connection.transport import Transport
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["ReceivingSession"]

__tracebackhide__ = True

_RECENT = 20  # packets in which one that was too large is searched for


class ReceivingSession(ClosingSession):
    """The layer of a session that receives; it is the `TransportListener` of its transports."""

    __slots__ = ()

    def transport_open(self, transport: Transport) -> None:
        """See `TransportListener`."""
        if self._detecting:
            self._detect_server()
        if self._upgrades(transport):
            probe = self.engine.probe()
            self._note((perf_counter(), SENT, transport.name, probe))
            transport.send([probe])

    def transport_frame(
        self, frame: EncodedPacket, name: str = "websocket", *, arrived: bool = False
    ) -> None:
        """Process a frame from the server, inside the app's own ``send()``.

        Args:
            frame: an encoded packet.
            name: the name of the transport.
            arrived: whether the frame has passed the disturbed link, if there is one.
        """
        if not self.unsettled:
            self._unsettle()
        if self._link is not None and not arrived:
            self._receive_disturbed(self._link, frame)
            return
        self._note((perf_counter(), RECEIVED, name, frame))
        if len(self._notes) > self._transcript.trim_at:
            self._transcript.trim()
        try:
            message = self.engine.message(frame)
            if message is None:
                self._other_frame(frame)
            else:
                self._listener.session_message(message)
        except ProtocolError as exc:
            if self._requests.address:
                exc.problem += f" from {self._requests.address}"
            self._fail(exc)
        if self._services.idle.watchers:
            self._services.idle.notify()

    def transport_refused(self, transport: Transport, url: str, response: Response) -> None:
        """See `TransportListener`. After a refused upgrade the session goes on polling."""
        if self._upgrades(transport):
            self._stay_on_polling()
        elif self.engine.state is IS_OPENING:
            self._fail(self._handshake_failed(url, response))

    def transport_closed(self, transport: Transport, url: str, reason: str, detail: str) -> None:
        """See `TransportListener`."""
        if self._upgrades(transport):
            self._stay_on_polling()
        elif self.engine.state is IS_OPENING:
            self._fail(HandshakeFailed(url, None, "", detail))
        elif self.engine.state is IS_OPEN:
            self._end(lambda transport: transport.abort())
            closed = SessionClosed(self._too_large() or detail)
            self._listener.session_ended(self, reason, closed)

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Called when the app's callable, or its handler `run`, has raised."""
        problem = "" if run is not None else app_problem(exc)
        if problem:
            cause, exc = exc, UsageError(problem)
            exc.__cause__ = cause
        self._listener.app_raised(exc, run)

    def about_to_receive(self) -> None:
        """See `TransportListener`. The server is in the call stack now."""
        if self._detecting:
            self._detect_server()
        if self._services.idle.watchers:
            self._services.idle.notify()

    # -- frames

    def _other_frame(self, frame: EncodedPacket) -> None:
        """Process a frame that is no ordinary MESSAGE."""
        if self.engine.state is IS_CLOSED:
            self._arrived_too_late(frame)
            return
        if self._detecting:
            self._detect_server()
        kind, data = self.engine.receive(frame)
        if kind == MESSAGE:
            self._listener.session_message(data)
        else:
            self._control_packet(kind, data)
            self._listener.frame_delivered()

    def _control_packet(self, kind: int, data: Any) -> None:
        """Process a packet that is no MESSAGE."""
        if kind == CLOSE:
            self._end(lambda transport: transport.close())
            too_large = self._too_large()
            error = SessionClosed(too_large) if too_large else None
            self._listener.session_ended(self, SERVER_DISCONNECT, error)
        elif kind == PING and self.answer_pings:
            self.send_frames([encode(PONG, data or None)])
        elif kind == PONG and data == PROBE and self._upgrade is not None:
            self._switch()
        elif kind == NOOP:
            if self.instrumentation is not None:
                self.instrumentation.sockets.noop_arrived(self.sid, data)
        elif kind not in {PING, PONG}:
            self._opened()

    def _arrived_too_late(self, frame: EncodedPacket) -> None:
        """Close the session that the answer to a handshake opens after the client has closed."""
        polling = self._polling
        if self.sid or polling is None:
            return
        engine = EngineIO()
        try:
            engine.receive(frame)
        except ProtocolError:
            return
        engine.close()
        self.engine, polling.sid = engine, engine.sid
        if self.instrumentation is not None:
            self.instrumentation.sessions[self.sid] = self
        polling.send([encode(CLOSE)])

    def _receive_disturbed(self, link: DisturbedLink, frame: EncodedPacket) -> None:
        """Pass a frame to the disturbed link, which delivers, holds back or loses the frame."""
        link.receive(frame)
        self._services.idle.notify()

    def _take(self, frame: EncodedPacket) -> None:
        """Process a frame that has passed the disturbed link."""
        self.transport_frame(frame, cast("Transport", self.transport).name, arrived=True)

    # -- the handshake and the upgrade

    def _opened(self) -> None:
        """Begin the upgrade, or be ready: the handshake has succeeded."""
        if self.instrumentation is not None:
            self.instrumentation.sessions[self.sid] = self
        if self._polling is None:
            self._be_ready()
            return
        self._polling.sid = self.sid
        self._polling.max_payload = self.engine.max_payload
        if "websocket" in self._transports and "websocket" in self.engine.upgrades:
            self._step("upgrade")
            app = self._running_app.app
            websocket = WebSocketTransport(app, self._requests, self, self.sid)
            self._upgrade = Upgrade(self._polling, websocket)
            self._used.append(websocket)
            self._route()
            websocket.start()
        else:
            self._be_ready()

    def _be_ready(self) -> None:
        self._step("open")
        if isinstance(self.transport, WebSocketTransport) and not self._detecting:
            self.transport.connection.on_receive = self._services.idle.bound_notify
        self._listener.session_ready()

    def _upgrades(self, transport: Transport) -> bool:
        """Return whether `transport` is the websocket of an upgrade under way."""
        return self._upgrade is not None and transport is self._upgrade.websocket

    def _switch(self) -> None:
        """Switch to the websocket once no request is under way: the probe was answered."""
        upgrade = cast("Upgrade", self._upgrade)

        def switched(held: Sequence[EncodedPacket]) -> None:
            self._upgrade = self._polling = None
            self.transport = upgrade.websocket
            self._route()
            self.send_frames([encode(UPGRADE), *held])
            self._be_ready()

        upgrade.switch(switched)

    def _stay_on_polling(self) -> None:
        """Go on polling after an upgrade that was refused, or whose websocket was closed."""
        upgrade, self._upgrade = cast("Upgrade", self._upgrade), None
        self._route()
        held = upgrade.stay()
        if held:
            self.send_frames(held)
        self._be_ready()

    def _handshake_failed(self, url: str, response: Response) -> HandshakeFailed:
        if (
            self.transport is not self._polling
            and self._running_app.threaded_instrumentation() is not None
        ):
            hint = 'a WSGI app takes no websockets: transports=("polling",)'
            return HandshakeFailed(url, response.status, "", "", hint=hint)
        behind_server = bool(self._requests.address) and self.transport is not self._polling
        return handshake_failed(
            url, response, self._requests.socketio_path, behind_server=behind_server
        )

    def _too_large(self) -> str:
        """Return the sentence about a recent packet that exceeds the server's limit, or ""."""
        return too_large(self._transcript.sizes_sent(_RECENT), self.engine.max_payload)

    def _detect_server(self) -> None:
        """Find the server in the call stack, and instrument the server."""
        self._detections += 1
        eio = find_server()
        if eio is not None:
            self._detecting = False
            try:
                self.instrumentation = self._running_app.instrument(eio)
            except UsageError as exc:
                # Reported here, too: an app may convert an exception in its call to a response.
                self._listener.app_raised(exc)
                raise
            if self._detections > 1:
                # Another receiver got the first message, and the server has begun tasks since.
                self.instrumentation.track_started_tasks()
