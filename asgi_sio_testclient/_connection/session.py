"""The Engine.IO session under a client: the protocol on one side, a transport on the other. It is
`TestClient.raw`.

The session has no task of its own: everything happens inside the app's own ``send()``, or in a call
of the test. No module of this folder imports anything of Socket.IO's protocol. The layers of a
session are described in `base`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgi_sio_testclient._connection.polling import PollingTransport
from asgi_sio_testclient._connection.raw import RawSession
from asgi_sio_testclient._connection.receiving import ReceivingSession
from asgi_sio_testclient._connection.websocket import WebSocketTransport

if TYPE_CHECKING:
    from asgi_sio_testclient.faults import Schedule

__all__ = ["EngineSession"]

__tracebackhide__ = True


class EngineSession(RawSession, ReceivingSession):
    """One Engine.IO session.

    Public as ``client.raw``, for tests of servers: packets and frames can be sent at any time, in
    any order, well formed or not.

    Attributes:
        sid: the Engine.IO session id.
        answer_pings: whether PING packets are answered; without answers the server's ping times
            out.
        state: see `states`.
        sent: how many messages were sent.
        handled: how many messages the instrumented server has processed.
        receiving: the message that the server is processing.
        unsettled: whether a packet may be pending, in either direction.
    """

    __slots__ = ()

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

    def disturb(self, schedule: Schedule | None) -> None:
        """Disturb messages in both directions from now on, as `schedule` decides.

        `TestClient.settle` waits for messages that are held back.

        Args:
            schedule: see `asgi_sio_testclient.faults`; None ends the disturbance, and messages that
                are held back arrive.
        """
        self._remove_link()
        if schedule is not None:
            from asgi_sio_testclient._connection.link import (  # noqa: PLC0415 (few tests disturb)
                DisturbedLink,
            )

            later = self._running_app.loop.call_later
            self._link = DisturbedLink(schedule, self._send_on, self._take, later)
        self._route()

    def cancel_connect_handlers(self) -> None:
        """Cancel connect handlers that still run with ``always_connect=True``.

        The client disconnects, and the server would not process the DISCONNECT packet until these
        handlers end.
        """
        instrumentation = self.instrumentation
        if instrumentation is None or not instrumentation.clients.always_connect:
            return
        for run in list(instrumentation.runs):
            if run.owner is self and run.event == "connect" and run.task is not None:
                run.task.cancel()
