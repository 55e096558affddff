"""The Engine.IO session under a client: the protocol on one side, a transport on the other. It is
`TestClient.raw`.

Everything here happens inside the app's own ``send()`` or in the test's call; there is no task of
the session's own. Knows no Socket.IO.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, cast

from asgi_sio_testclient._connection.link import DisturbedLink
from asgi_sio_testclient._connection.polling import PollingTransport
from asgi_sio_testclient._connection.raw import RawSession
from asgi_sio_testclient._connection.refusals import (
    SessionLost,
    handshake_failed,
    too_large,
    unanswered,
)
from asgi_sio_testclient._connection.states import SessionState, next_state
from asgi_sio_testclient._connection.transcript import RECEIVED, SENT, Transcript
from asgi_sio_testclient._connection.upgrade import Upgrade
from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._exceptions import HandshakeFailed, ProtocolError, UsageError
from asgi_sio_testclient._protocol.engineio import (
    CLOSE,
    MESSAGE,
    NOOP,
    PING,
    PONG,
    PROBE,
    UPGRADE,
    EngineIO,
    State,
    encode,
)
from asgi_sio_testclient._protocol.names import (
    SERVER_DISCONNECT,
    TRANSPORT_CLOSE,
    TRANSPORT_ERROR,
    EncodedPacket,
)
from asgi_sio_testclient._server.find import app_problem, find_server
from asgi_sio_testclient._server.protocol import ServerInstrumentation
from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._waiting.deadlines import finish
from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient.asgi import Response
from asgi_sio_testclient.faults import Schedule, is_message

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.app import RunningApp
    from asgi_sio_testclient._connection.transport import Transport
    from asgi_sio_testclient._http.requests import ConnectionRequests

__tracebackhide__ = True


RECENT = 20  # packets among which the one that was too large is looked for


class SessionListener(Protocol):
    """The client above a session."""

    def session_ready(self) -> None:
        """The handshake, and the upgrade if there is one, is through."""

    def session_message(self, message: EncodedPacket) -> None:
        """The data of a MESSAGE packet. Raises ProtocolError where it is no Socket.IO packet."""

    def session_ended(self, session: EngineSession, reason: str, error: Exception | None) -> None:
        """It is over, and not by the client's own doing."""

    def session_over(self, session: EngineSession) -> None:
        """Nothing of the app runs for it any more."""

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """The app raised because of this client."""

    def handler_ended(self, run: HandlerRun) -> None:
        """It ended. Told at least where its event wanted an ack."""

    def frame_delivered(self) -> None:
        """A frame from the server other than a MESSAGE has been dealt with."""


class EngineSession(RawSession):
    """One Engine.IO session.

    Public, for those who test servers rather than apps, as ``client.raw``: packets and frames can
    be sent at any moment, in any order, well formed or not.

    Attributes:
        sid: the Engine.IO session id.
        answer_pings: set it to False and the client falls silent: the server's ping timeout comes.
        state: where the session stands, see `states`.
        sent: messages that were sent.
        handled: messages that the instrumented server has dealt with.
        receiving: the one that it is dealing with now.
        unsettled: something may be under way, in either direction.
    """

    # Not a dictionary: with more than 30 attributes one takes 1.6 kB.
    __slots__ = (
        "_awaited",
        "_detecting",
        "_detections",
        "_link",
        "_listener",
        "_note",
        "_notes",
        "_poll_released",
        "_polling",
        "_requests",
        "_running_app",
        "_services",
        "_stalled",
        "_straight",
        "_timing_out",
        "_transcript",
        "_transport_name",
        "_transports",
        "_upgrade",
        "_used",
        "answer_pings",
        "engine",
        "handled",
        "handler_ended",
        "handler_started",
        "instrumentation",
        "receiving",
        "sent",
        "state",
        "transport",
        "unsettled",
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
        self.state = SessionState.CONNECTING
        self.unsettled = False
        self.receiving: object | None = None
        self.sent = 0
        self.handled = 0
        self.engine = EngineIO()
        certain = running_app.certain_instrumentation()
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
        # Called in the hot path, by the instrumentation: straight to who wants to know.
        self.handler_started: Callable[[HandlerRun], None] = transcript.note
        self.handler_ended = listener.handler_ended
        self._polling: PollingTransport | None = None
        self._upgrade: Upgrade | None = None
        self._used: list[Transport] = []
        # An empty tuple where most sessions never have anything: it takes no memory.
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
    def ready(self) -> bool:
        """Whether the handshake, and the upgrade if there is one, is through."""
        return self.state not in {SessionState.CONNECTING, SessionState.UPGRADING}

    # -- for tests, beside what `RawSession` has

    def disturb(self, schedule: Schedule | None) -> None:
        """From now on, do to messages what `schedule` says, in both directions.

        What is held back counts as under way: `TestClient.settle` waits for it.

        Args:
            schedule: see `asgi_sio_testclient.faults`; None ends it, and what is held back arrives.
        """
        if self._link is not None:
            self._link.flush()
            self._link = None
        if schedule is not None:
            later = self._running_app.loop.call_later
            self._link = DisturbedLink(schedule, self._send_on, self._take, later)
        self._route()

    def drop(self, code: int | None = None) -> None:
        """Lose the connection without a goodbye.

        Args:
            code: what the app is told over a websocket; 1005 by default, as by real servers.
        """
        if self.engine.state is State.CLOSED:
            return
        polling, opened = self._polling, self.engine.state is State.OPEN
        times_out = polling is not None and self.instrumentation is not None and opened
        # The pending GET goes when the app's disconnect handler has ended: `time_out` releases it.
        self._poll_released |= times_out
        lost = opened or code is not None
        self._end(lambda transport: transport.vanish(code) if lost else transport.leave())
        if times_out:
            self._time_out()
        self._listener.session_ended(self, TRANSPORT_CLOSE, SessionLost("the client dropped it"))

    # -- for the client

    def start(self) -> None:
        """Begin the handshake."""
        self._unsettle()
        app = self._running_app.app
        if self._transports[0] == "websocket":
            websocket = WebSocketTransport(app, self._requests, self)
            self.transport = websocket
            self._used.append(websocket)
            self._route()
            websocket.start()
        else:
            threaded = self._running_app.threaded_instrumentation()
            if threaded is not None:
                self.instrumentation, app = threaded, threaded.shielded_app(app, self)
            self._polling = PollingTransport(app, self._requests, self)
            self.transport = self._polling
            self._used.append(self._polling)
            self._route()
            self._polling.start()

    def send_messages(self, messages: Sequence[EncodedPacket]) -> None:
        """Send Socket.IO's messages, each in a MESSAGE packet."""
        if not self.unsettled:
            self._unsettle()
        straight = self._straight
        if straight is None or len(messages) > 1:
            if self._link is None:
                self.sent += len(messages)
            self.send_frames(_message_frames(messages))
            return
        # One message, as nearly always: the same without lists.
        message = messages[0]
        self.sent += 1
        frame = f"4{message}" if message.__class__ is str else message
        self._note((perf_counter(), SENT, self._transport_name, frame))
        straight(frame)

    def send_frames(self, frames: Sequence[EncodedPacket]) -> None:
        """Send encoded packets, in order; during an upgrade they wait for its end."""
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

    def leave(self, goodbye: Sequence[EncodedPacket] = ()) -> None:
        """End in an orderly way, with `goodbye` as the last messages."""
        if self.engine.state is State.CLOSED:
            return
        self.disturb(None)
        frames = _message_frames(goodbye) if self._upgrade is None else []
        self.sent += len(frames)
        if self._polling is not None and self.engine.state is State.OPEN:
            frames.append(encode(CLOSE))
        if frames:
            self.send_frames(frames)
        self._end(lambda transport: transport.leave())

    def cancel_handshake(self) -> None:
        """The app did not answer the handshake in time: end what it is doing."""
        if not self.sid:
            for transport in self._used:
                transport.cancel()

    async def wait_closed(self, timeout: float) -> None:
        """Return once nothing of the app runs for it any more, or after `timeout` seconds."""
        if self.state is not SessionState.OVER:
            future: asyncio.Future[None] = self._running_app.loop.create_future()
            self._awaited = (*self._awaited, future)
            await self._services.deadlines.wait(future, timeout)

    def handshake_stands(self) -> str:
        """Why the handshake is not through, and where the app is."""
        if self._upgrade is not None:
            return self._upgrade.unanswered()
        return unanswered(self._requests.peer, self.transport, self.tasks)

    def still_connected(self) -> list[str]:
        """Lines for the namespaces in which the server still counts this session as connected."""
        if self.instrumentation is None or not self.sid:
            return []
        return [
            f"the server still counts {sid!r} as connected to namespace {namespace!r}"
            for namespace, sid in self.instrumentation.clients.connected_sids(self.sid)
        ]

    @property
    def running_app(self) -> RunningApp:
        """The running app that it is a connection to."""
        return self._running_app

    def connect_handlers(self) -> ConnectHandlers:
        """What a client waits for whose CONNECT was answered before the connect handler ended."""
        return ConnectHandlers(self)

    def cancel_connect_handlers(self) -> None:
        """Cancel connect handlers that run on under ``always_connect``: the client leaves, and
        until they end the server takes no packet that says so.
        """
        instrumentation = self.instrumentation
        if instrumentation is None or not instrumentation.clients.always_connect:
            return
        for run in list(instrumentation.runs):
            if run.owner is self and run.event == "connect" and run.task is not None:
                run.task.cancel()

    def in_threads(self) -> list[str]:
        """A line, where the server's threads have still to take what was sent."""
        if (
            self.instrumentation is not None
            and self.instrumentation.threaded
            and self.handled < self.sent
        ):
            return ["the server's threads, on their way to a handler"]
        return []

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The calls of the app that still run for this session."""
        return {task for transport in self._used for task in transport.tasks}

    def quiet(self) -> IdleState:
        """Whether everything that was sent has been dealt with, and all that the server put out has
        arrived.
        """
        if self.receiving is not None or self._upgrade is not None:
            return IdleState.BUSY
        if self._link is not None and self._link.holding:
            return IdleState.BUSY
        if self.engine.state is State.CLOSED:
            return IdleState.BUSY if self._at_work() else IdleState.IDLE
        if self.transport is None or not self.transport.idle:
            return IdleState.BUSY
        if self.instrumentation is None:
            return IdleState.IDLE
        if self.handled < self.sent:
            return self._undelivered()
        if self.instrumentation.sockets.has_output(self.sid):
            return IdleState.BUSY
        return IdleState.MOVING if self.instrumentation.sockets.sends(self.sid) else IdleState.IDLE

    def why_busy(self) -> str:
        """What keeps the connection from being idle, and where the app is; "" where it is."""
        places = [place for place in map(suspended_at, self.tasks) if place]
        at = f", it is at {places[0]}" if places else ""
        if self._upgrade is not None:
            return f"the upgrade is not through: {self.handshake_stands()}"
        if self._link is not None and self._link.holding:
            return "a disturbed network holds packets back: see disturb()"
        if self.engine.state is State.CLOSED:
            return f"the app goes on after the end{at}" if self._at_work() else ""
        transport = self.transport
        if isinstance(transport, WebSocketTransport) and transport.connection.paused:
            return "reading is paused: the app's send() waits for resume_reading()"
        if transport is not None and not transport.idle:
            if transport is self._polling:
                return f"a POST is not answered by the app{at}"
            return f"a packet is not received by the app{at}"
        if self.receiving is not None or self.handled < self.sent:
            return f"a packet is still with the server{at}"
        output = self.instrumentation is not None and self.instrumentation.sockets.has_output(
            self.sid
        )
        return f"the server's output has not arrived{at}" if output else ""

    def _undelivered(self) -> IdleState:
        """Whether packets that the app has received are on their way to the server, as through a
        queue of a middleware's. What has not arrived after a while was dropped on the way.
        """
        now = self._running_app.loop.time()
        if self._stalled is None or self._stalled[0] != self.handled:
            self._stalled = self.handled, now
        if self.instrumentation.sio is None or now - self._stalled[1] < DEFAULT_GRACE:  # type: ignore[union-attr]
            return IdleState.MOVING
        self.sent, self._stalled = self.handled, None
        return IdleState.MOVING

    @property
    def settled(self) -> bool:
        """Whether nothing is under way, and nothing can be without being noticed here first."""
        transport, instrumentation = self.transport, self.instrumentation
        return (
            self.quiet() is IdleState.IDLE
            and (transport is None or transport.listens or self.engine.state is State.CLOSED)
            and (instrumentation is None or instrumentation.output_shows)
        )

    def _unsettle(self) -> None:
        """Something is about to be under way."""
        if not self.unsettled:
            self.unsettled = True
            self._running_app.unsettled.add(self)

    # -- what the transports tell

    def transport_open(self, transport: Transport) -> None:
        """The app accepted a websocket."""
        if self._detecting:
            self._detect_server()
        if self._upgrades(transport):
            probe = self.engine.probe()
            self._note((perf_counter(), SENT, transport.name, probe))
            transport.send([probe])

    def transport_frame(
        self, frame: EncodedPacket, name: str = "websocket", *, arrived: bool = False
    ) -> None:
        """A frame from the server: dealt with here and now, inside the app's send().

        `arrived` means that it has come through the bad network, if there is one.
        """
        if not self.unsettled:
            self._unsettle()
        if self._link is not None and not arrived:
            self._link.receive(frame)
            self._services.idle.notify()
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
            self._fail(exc)
        if self._services.idle.watchers:
            self._services.idle.notify()

    def _other_frame(self, frame: EncodedPacket) -> None:
        """What is no ordinary MESSAGE."""
        if self.engine.state is State.CLOSED:
            self._arrived_too_late(frame)
            return
        if self._detecting:
            self._detect_server()
        kind, data = self.engine.receive(frame)
        if kind == MESSAGE:
            self._listener.session_message(data)
        else:
            self._control(kind, data)
            self._listener.frame_delivered()

    def transport_refused(self, transport: Transport, url: str, response: Response) -> None:
        """The app refused a transport. A refused upgrade leaves the session where it is."""
        if self._upgrades(transport):
            self._stay_on_polling()
        elif self.engine.state is State.OPENING:
            self._fail(self._handshake_failed(url, response))

    def _handshake_failed(self, url: str, response: Response) -> HandshakeFailed:
        if (
            self.transport is not self._polling
            and self._running_app.threaded_instrumentation() is not None
        ):
            hint = 'a WSGI app takes no websockets: transports=("polling",)'
            return HandshakeFailed(url, response.status, "", "", hint=hint)
        return handshake_failed(url, response, self._requests.socketio_path)

    def transport_lost(self, transport: Transport, url: str, reason: str, detail: str) -> None:
        """The app ended a transport."""
        if self._upgrades(transport):
            self._stay_on_polling()
        elif self.engine.state is State.OPENING:
            self._fail(HandshakeFailed(url, None, "", detail))
        elif self.engine.state is State.OPEN:
            self._end(lambda transport: transport.vanish())
            lost = SessionLost(self._too_large() or detail)
            self._listener.session_ended(self, reason, lost)

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """The app's callable, or a handler, raised."""
        problem = "" if run is not None else app_problem(exc)
        if problem:
            cause, exc = exc, UsageError(problem)
            exc.__cause__ = cause
        self._listener.app_raised(exc, run)

    def about_to_receive(self) -> None:
        """The app is about to wait for the client: now the server stands in the call stack."""
        if self._detecting:
            self._detect_server()
        if self._services.idle.watchers:
            self._services.idle.notify()

    def activity(self) -> None:
        """A call of the app ended, or something it did."""
        if self.engine.state is State.CLOSED:
            self._release_poll()
            if self._at_work():
                pass
            elif self._unnoticed():
                self._time_out()
            else:
                self._finish()
        if self._services.idle.watchers:
            self._services.idle.notify()

    # -- inside

    def _step(self, event: str) -> None:
        self.state = next_state(self.state, event)

    def _route(self) -> None:
        """The way of a single message: straight to the transport, unless something is between."""
        transport = self.transport
        if transport is None:
            return  # it was left before it had begun
        between = self._upgrade is not None or self._link is not None
        self._straight = None if between else transport.send_frame
        self._transport_name = transport.name

    def _at_work(self) -> bool:
        if self._timing_out is not None and not self._timing_out.done():
            return True
        for transport in self._used:  # noqa: SIM110 (asked often; a generator costs as much again)
            if transport.running:
                return True
        return False

    def _unnoticed(self) -> bool:
        """Whether the app is through with a session that the server takes for open: something
        raised on the way.
        """
        return (
            self._timing_out is None
            and self._running_app.running
            and self.instrumentation is not None
            and self.instrumentation.sockets.is_open(self.sid)
        )

    def _time_out(self) -> None:
        self._timing_out = self._running_app.time_out(
            cast("ServerInstrumentation", self.instrumentation), self.sid
        )
        self._timing_out.add_done_callback(lambda _: self.activity())

    def _detect_server(self) -> None:
        """Look for the server where it must stand in the call stack."""
        self._detections += 1
        eio = find_server()
        if eio is not None:
            self._detecting = False
            try:
                self.instrumentation = self._running_app.instrument(eio)
            except UsageError as exc:
                # Told here: what is raised in its call an app may make a response of.
                self._listener.app_raised(exc)
                raise
            if self._detections > 1:
                # Somebody received the first message in its place, and it has begun tasks since.
                self.instrumentation.track_started_tasks()

    def _too_large(self) -> str:
        """Whether a packet was sent lately that the server doesn't take."""
        return too_large(self._transcript.sizes_sent(RECENT), self.engine.max_payload)

    def _arrived_too_late(self, frame: EncodedPacket) -> None:
        """The session was given up before the handshake's answer came: the server is told now."""
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

    def _control(self, kind: int, data: Any) -> None:
        if kind == CLOSE:
            self._end(lambda transport: transport.leave())
            too_large = self._too_large()
            error = SessionLost(too_large) if too_large else None
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

    def _opened(self) -> None:
        if self.instrumentation is not None:
            self.instrumentation.sessions[self.sid] = self
        if self._polling is None:
            self._be_ready()
            return
        self._polling.sid = self.sid
        self._polling.max_payload = self.engine.max_payload
        if "websocket" in self._transports and "websocket" in self.engine.upgrades:
            self._step("upgrade")
            websocket = WebSocketTransport(self._running_app.app, self._requests, self, self.sid)
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
        """Whether `transport` is the one that is tried in an upgrade."""
        return self._upgrade is not None and transport is self._upgrade.websocket

    def _switch(self) -> None:
        """The probe was answered: once no request is under way, everything goes over the
        websocket.
        """
        upgrade = cast("Upgrade", self._upgrade)

        def switched(held: Sequence[EncodedPacket]) -> None:
            self._upgrade = self._polling = None
            self.transport = upgrade.websocket
            self._route()
            self.send_frames([encode(UPGRADE), *held])
            self._be_ready()

        upgrade.switch(switched)

    def _stay_on_polling(self) -> None:
        """The upgrade was refused, or its websocket was lost."""
        upgrade, self._upgrade = cast("Upgrade", self._upgrade), None
        self._route()
        held = upgrade.stay()
        if held:
            self.send_frames(held)
        self._be_ready()

    def _fail(self, exc: Exception) -> None:
        self._end(lambda transport: transport.vanish())
        self._listener.session_ended(self, TRANSPORT_ERROR, exc)

    def _send_on(self, frame: EncodedPacket) -> None:
        """A frame that has come through the bad network."""
        self.sent += is_message(frame)
        cast("Transport", self.transport).send([frame])

    def _take(self, frame: EncodedPacket) -> None:
        """A frame that has come through the bad network, for `transport_frame`."""
        self.transport_frame(frame, cast("Transport", self.transport).name, arrived=True)

    def _end(self, how: Callable[[Transport], None]) -> None:
        self._unsettle()
        if self._link is not None:
            self._link.cut()
            self._link = None
        self.engine.close()
        self._step("close")
        if self.transport is not None:
            how(self.transport)
        if self._upgrade is not None:
            how(self._upgrade.websocket)
            self._upgrade = None
        self.activity()

    def _release_poll(self) -> None:
        """The goodbye has been taken: the pending GET has nothing to wait for any more."""
        polling = self._polling
        if polling is None or self._poll_released or not polling.idle or not polling.polls:
            return
        if self.instrumentation is None:
            polling.hang_up()
        elif self.sid:
            self._poll_released = True
            self.instrumentation.sockets.release_poll(self.sid)

    def _finish(self) -> None:
        if self.state is SessionState.OVER:
            return
        self._step("finish")
        self._running_app.session_over(self)
        self._listener.session_over(self)
        for future in self._awaited:
            finish(future)


class ConnectHandlers:
    """The connect handlers of a session under ``always_connect``. Quiet when they have ended, or
    when they run on: they have sent more than once since CONNECT.
    """

    def __init__(self, session: EngineSession) -> None:
        self._session = session
        self._before = len(session._notes)

    def quiet(self) -> IdleState:
        """See `SupportsIdle`."""
        state = self._session.quiet()
        runs_on = len(self._session._notes) - self._before > _ONCE
        return IdleState.IDLE if state is IdleState.BUSY and runs_on else state


_ONCE = 2  # frames that a connect handler may send and still refuse: a greeting and its attachment


def _message_frames(messages: Sequence[EncodedPacket]) -> list[EncodedPacket]:
    """What Packet(MESSAGE, message).encode() makes of text and of bytes."""
    return [f"4{message}" if isinstance(message, str) else message for message in messages]
