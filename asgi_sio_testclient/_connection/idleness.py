"""Whether a session is idle: all that was sent is processed, all output has arrived, no call of the
app runs.

A session is a source of idleness for `settle`, see `_waiting.idle`.
"""

from __future__ import annotations

import asyncio

from asgi_sio_testclient._connection.base import BaseSession
from asgi_sio_testclient._connection.refusals import unanswered
from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._protocol.engineio import IS_CLOSED
from asgi_sio_testclient._waiting.idle import BUSY, IDLE, MOVING, IdleState
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient._waiting.suspended import suspended_at

__all__ = ["IdleSession", "RunningConnectHandlers"]

__tracebackhide__ = True

_GREETING_FRAMES = 2  # sent before a connect handler may still refuse: an event, an attachment


class IdleSession(BaseSession):
    """The layer of a session that finds out whether the session is idle, and if not, why."""

    __slots__ = ()

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """The calls of the app that still run for this session."""
        return {task for transport in self._used for task in transport.tasks}

    def quiet(self) -> IdleState:
        """Return whether everything sent was processed, and all output of the server arrived."""
        if self.receiving is not None or self._upgrade is not None:
            return BUSY
        if self._link is not None and self._link.holding:
            return BUSY
        if self.engine.state is IS_CLOSED:
            return BUSY if self._at_work() else IDLE
        if self.transport is None or not self.transport.idle:
            return BUSY
        if self.instrumentation is None:
            return IDLE
        if self.handled < self.sent:
            return self._undelivered()
        if self.instrumentation.sockets.has_output(self.sid):
            return BUSY
        return MOVING if self.instrumentation.sockets.sends(self.sid) else IDLE

    @property
    def settled(self) -> bool:
        """Whether the session is idle, and will be notified before that changes."""
        transport, instrumentation = self.transport, self.instrumentation
        return (
            self.quiet() is IDLE
            and (transport is None or transport.listens or self.engine.state is IS_CLOSED)
            and (instrumentation is None or instrumentation.output_shows)
        )

    def why_busy(self) -> str:
        """Return what keeps the session from being idle and where the app is suspended, or ""."""
        places = [place for place in map(suspended_at, self.tasks) if place]
        at = f", it is at {places[0]}" if places else ""
        if self._upgrade is not None:
            return f"the upgrade has not ended: {self.why_no_handshake()}"
        if self._link is not None and self._link.holding:
            return "a disturbed network holds packets back: see disturb()"
        if self.engine.state is IS_CLOSED:
            return f"the app goes on after the end{at}" if self._at_work() else ""
        transport = self.transport
        if isinstance(transport, WebSocketTransport) and transport.connection.paused:
            return "reading is paused: the app's send() waits for resume_reading()"
        if transport is not None and not transport.idle:
            if transport is self._polling:
                return f"a POST is not answered by the app{at}"
            return f"a packet is not received by the app{at}"
        if self.receiving is not None or self.handled < self.sent:
            return f"a packet is still processed by the server{at}"
        output = self.instrumentation is not None and self.instrumentation.sockets.has_output(
            self.sid
        )
        return f"the server's output has not arrived{at}" if output else ""

    def why_no_handshake(self) -> str:
        """Return why the handshake has not succeeded yet, and where the app is suspended."""
        if self._upgrade is not None:
            return self._upgrade.unanswered()
        return unanswered(self._requests.peer, self.transport, self.tasks)

    def still_connected(self) -> list[str]:
        """Return a line for each namespace in which the server counts this session as connected."""
        if self.instrumentation is None or not self.sid:
            return []
        return [
            f"the server still counts {sid!r} as connected to namespace {namespace!r}"
            for namespace, sid in self.instrumentation.clients.connected_sids(self.sid)
        ]

    def in_threads(self) -> list[str]:
        """Return a line if the server's threads have not taken all that was sent, else none."""
        if (
            self.instrumentation is not None
            and self.instrumentation.threaded
            and self.handled < self.sent
        ):
            return ["the server's threads, before a handler"]
        return []

    def connect_handlers(self) -> RunningConnectHandlers:
        """Return the source of idleness for a CONNECT that was answered before its connect handler
        ended.
        """
        return RunningConnectHandlers(self)

    def _unsettle(self) -> None:
        """Note that the session may be busy from now on."""
        if not self.unsettled:
            self.unsettled = True
            self._running_app.unsettled.add(self)

    def _undelivered(self) -> IdleState:
        """Return the state while packets that the app has received have not reached the server,
        such as in a middleware's queue. After `DEFAULT_GRACE` without progress, a middleware has
        dropped the packet.
        """
        now = self._running_app.loop.time()
        if self._stalled is None or self._stalled[0] != self.handled:
            self._stalled = self.handled, now
        if self.instrumentation.sio is None or now - self._stalled[1] < DEFAULT_GRACE:  # type: ignore[union-attr]
            return MOVING
        self.sent, self._stalled = self.handled, None
        return MOVING

    def _at_work(self) -> bool:
        """Return whether a call of the app, or the timeout of its ping, still runs."""
        if self._timing_out is not None and not self._timing_out.done():
            return True
        for transport in self._used:  # noqa: SIM110 (asked often; a generator costs as much again)
            if transport.running:
                return True
        return False


class RunningConnectHandlers:
    """The connect handlers of a session with ``always_connect=True``, as a source of idleness.

    They are idle once they have ended, or once they have sent more than a greeting since CONNECT:
    then the client is connected while they run.
    """

    def __init__(self, session: IdleSession) -> None:
        self._session = session
        self._before = len(session._notes)

    def quiet(self) -> IdleState:
        """See `SupportsIdle`."""
        state = self._session.quiet()
        runs_on = len(self._session._notes) - self._before > _GREETING_FRAMES
        return IDLE if state is BUSY and runs_on else state
