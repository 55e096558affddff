"""Engine.IO over a websocket: one packet per message, one call of the app per session."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from asgi_sio_testclient._protocol.names import TRANSPORT_CLOSE, EncodedPacket
from asgi_sio_testclient._test_endings import reaches_test
from asgi_sio_testclient.asgi import (
    ClientDisconnected,
    Response,
    WebSocketClosed,
    WebSocketConnection,
)
from asgi_sio_testclient.asgi._call import Headers
from asgi_sio_testclient.asgi._elsewhere import RemoteFailure
from asgi_sio_testclient.asgi._websocket import NO_STATUS_RECEIVED

if TYPE_CHECKING:
    import asyncio

    from asgiref.typing import ASGI3Application

    from asgi_sio_testclient._connection.transport import TransportListener
    from asgi_sio_testclient._http.requests import ConnectionRequests

__tracebackhide__ = True


class WebSocketTransport:
    """A websocket to the app.

    Args:
        app: an ASGI callable.
        requests: makes the scope.
        listener: the session.
        sid: the id of the session that is upgraded; "" for a new session.
    """

    name = "websocket"

    def __init__(
        self,
        app: ASGI3Application,
        requests: ConnectionRequests,
        listener: TransportListener,
        sid: str = "",
    ) -> None:
        scope = requests.websocket_scope(sid)
        self._requests = requests
        self._listener = listener
        self._detached = False
        # In the hot path: the connection calls the session without a function of this class in
        # between.
        self.websocket_message: Callable[[EncodedPacket], None] = listener.transport_frame
        self.connection = WebSocketConnection(
            app, scope, listener=self, on_receive=listener.about_to_receive
        )

        self.send_frame = self.connection.send

    @property
    def url(self) -> str:
        """The URL of the request, for error texts."""
        return self._requests.request_url(self.connection.scope)

    def start(self) -> None:
        """Call the app."""
        self.connection.start(self._requests.context())

    def send(self, frames: Sequence[EncodedPacket]) -> None:
        """See `Transport`."""
        for frame in frames:
            self.connection.send(frame)

    def close(self) -> None:
        """See `Transport`."""
        self._detach()
        self.connection.close()

    def abort(self, code: int | None = None) -> None:
        """See `Transport`; the app gets `code` as close code."""
        self._detach()
        self.connection.lose(NO_STATUS_RECEIVED if code is None else code)

    def cancel(self) -> None:
        """See `Transport`."""
        self.connection.cancel()

    @property
    def idle(self) -> bool:
        """See `Transport`."""
        return self.connection.idle

    @property
    def listens(self) -> bool:
        """See `Transport`."""
        return not self.connection.paused

    @property
    def running(self) -> bool:
        """See `Transport`."""
        return self.connection.task is not None and not self.connection.ended

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """See `Transport`."""
        task = self.connection.task
        return {task} if task is not None and self.running else set()

    def _detach(self) -> None:
        self._detached = True
        self.connection.deliver = _discard

    # -- callbacks of the connection, see asgi.WebSocketListener

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        self._requests.store_cookies(headers)
        self._listener.transport_open(self)

    def websocket_refused(self, response: Response) -> None:
        self._requests.store_cookies(response.headers)
        self._detach()
        self._listener.transport_refused(self, self.url, response)

    def websocket_closed(self, closed: WebSocketClosed) -> None:
        self._detach()
        detail = f"{self._requests.peer} closed the websocket with code {closed.code}"
        if closed.reason:
            detail += f": {closed.reason}"
        if self._requests.address:
            detail += f" ({self._requests.address})"
        self._listener.transport_closed(self, self.url, TRANSPORT_CLOSE, detail)

    def websocket_ended(self, exc: BaseException | None) -> None:
        # An app that sends to a disconnected client may raise, which is no error of the app.
        its_own = not isinstance(exc, ClientDisconnected | RemoteFailure)
        if exc is not None and its_own and reaches_test(exc):
            self._listener.app_raised(exc)
        if not self._detached:
            self._detach()
            how = "returned" if exc is None else f"raised {type(exc).__name__}"
            without = (
                "without accepting" if self.connection.state == "connecting" else "and left open"
            )
            detail = f"the app {how} {without} the websocket"
            if isinstance(exc, RemoteFailure):
                detail = str(exc)
            self._listener.transport_closed(self, self.url, TRANSPORT_CLOSE, detail)
        self._listener.activity()


def _discard(data: EncodedPacket) -> None:
    """Discard a message of the app to a client that has disconnected."""
