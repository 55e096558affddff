"""Engine.IO over HTTP long-polling: one pending GET receives frames, one POST at a time sends them.

Each request is a call of the app in a task of its own: connect handlers run inside a POST, and must
not be cancelled together with the test's wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import httpx

from asgi_sio_testclient._http.bodies import decoded_body, first_line
from asgi_sio_testclient._protocol.engineio import batches, encode_payload, split_payload
from asgi_sio_testclient._protocol.names import TRANSPORT_ERROR, EncodedPacket
from asgi_sio_testclient._test_endings import reaches_test
from asgi_sio_testclient.asgi import HTTPExchange, Response
from asgi_sio_testclient.asgi._elsewhere import RemoteFailure

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope

    from asgi_sio_testclient._connection.transport import TransportListener
    from asgi_sio_testclient._http.requests import ConnectionRequests

__tracebackhide__ = True

OK = 200
_TEXT = (b"content-type", b"text/plain;charset=UTF-8")
OPEN_PACKET = b"0"  # the beginning of a handshake's response
_NO_DATA: tuple[list[str], ...] = (
    [],
    ["6"],
)  # the packets of a payload without data: none, or a NOOP
ROUND_TRIP = 0.05  # seconds; over a network every answer takes at least that long


class PollingTransport:
    """Long-polling to the app.

    Args:
        app: an ASGI callable.
        requests: makes the scopes of the requests.
        listener: the session.

    Attributes:
        sid: the session id, which the session sets after the handshake; later requests have it.
        max_payload: the most bytes of a POST, as the server announced.
        paused: whether no further GET is begun.
    """

    name = "polling"

    def __init__(
        self, app: ASGI3Application, requests: ConnectionRequests, listener: TransportListener
    ) -> None:
        self.sid = ""
        self.max_payload: int | None = None
        self.paused = False
        self._app = app
        self._requests = requests
        self._listener: TransportListener | None = listener
        self._watcher = listener
        self._get: _Request | None = None
        self._post: _Request | None = None
        self._outgoing: list[EncodedPacket] = []
        self._running: set[_Request] = set()
        self._when_idle: Callable[[], None] | None = None
        self._closing = False
        self._empty_answers = 0
        self._later: asyncio.TimerHandle | None = None
        self._flushes_soon = False

    def start(self) -> None:
        """Begin the handshake's GET."""
        self._poll()

    def poll(self) -> None:
        """Begin a GET, unless one is pending or polling is paused."""
        self._cancel_delayed_poll()
        if self._get is None and not self.paused and self._listener is not None:
            self._poll()

    def pause(self, when_idle: Callable[[], None]) -> None:
        """Begin no further GET; call `when_idle` once no request is pending."""
        self._cancel_delayed_poll()
        self.paused = True
        self._when_idle = when_idle
        self._check_idle()

    def resume(self) -> None:
        """Begin GETs again."""
        self.paused = False
        self._when_idle = None
        self.poll()

    def send(self, frames: Sequence[EncodedPacket]) -> None:
        """See `Transport`. One POST at a time: frames sent meanwhile are in the next POST."""
        self._outgoing.extend(frames)
        if self._requests.address:
            self._schedule_flush()
        else:
            self._flush()

    def send_frame(self, frame: EncodedPacket) -> None:
        """See `Transport`."""
        self._outgoing.append(frame)
        if self._requests.address:
            self._schedule_flush()
        else:
            self._flush()

    def close(self) -> None:
        """See `Transport`."""
        self._cancel_delayed_poll()
        self._flush()
        self.paused = True
        self._when_idle = None
        self._closing = True
        # The answer to a pending handshake is waited for: the session that it opens has to be
        # closed.
        if self._post is None and not self._outgoing and self.sid:
            self._listener = None

    def abort(self, code: int | None = None) -> None:
        """See `Transport`; there is no close code."""
        self._cancel_delayed_poll()
        self._flush()
        self.paused = True
        self._when_idle = None
        self._listener = None
        self._outgoing.clear()

    def cancel_get(self) -> None:
        """Cancel the pending GET of a server that is not instrumented, and so can't release it."""
        exchange = cast("_Request", self._get).exchange
        exchange.disconnect()
        exchange.cancel()

    def cancel(self) -> None:
        """See `Transport`."""
        for request in list(self._running):
            request.exchange.cancel()

    @property
    def idle(self) -> bool:
        """See `Transport`. The pending GET does not count: it waits in the server."""
        return self._post is None and not self._outgoing

    @property
    def polls(self) -> bool:
        """Whether a GET is pending."""
        return self._get is not None

    @property
    def listens(self) -> bool:
        """See `Transport`."""
        return self._get is not None

    @property
    def running(self) -> bool:
        """See `Transport`."""
        return bool(self._running)

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """See `Transport`."""
        tasks = (request.exchange.task for request in self._running)
        return {task for task in tasks if task is not None}

    def _poll(self) -> None:
        self._get = self._request("GET", b"", self._got)

    def _poll_on(self) -> None:
        """Begin the next GET; after a delay if the server answers GETs at once, as python-engineio
        does during an upgrade: without a delay no other task would run.
        """
        if self._empty_answers < 2 or self._listener is None:  # noqa: PLR2004
            self.poll()
        else:
            self._later = asyncio.get_running_loop().call_later(ROUND_TRIP, self.poll)

    def _cancel_delayed_poll(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _schedule_flush(self) -> None:
        """Begin a POST in the loop's next turn: over a network, what several tasks send in one turn
        is in one POST.
        """
        if not self._flushes_soon and self._post is None:
            self._flushes_soon = True
            asyncio.get_running_loop().call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flushes_soon = False
        self._flush()

    def _flush(self) -> None:
        if self._post is not None or not self._outgoing:
            return
        batch: Sequence[EncodedPacket] = self._outgoing
        if len(batch) > 1:
            batch = next(batches(self._outgoing, self.max_payload))
        body = encode_payload(batch)
        del self._outgoing[: len(batch)]
        self._post = self._request("POST", body, self._posted)

    def _request(
        self, method: str, body: bytes, then: Callable[[_Request, Response], None]
    ) -> _Request:
        """Begin a request; `then` is called with its response."""
        headers: tuple[tuple[bytes, bytes], ...] = ()
        if method == "POST":
            headers = (_TEXT, (b"content-length", b"%d" % len(body)))
        scope = self._requests.http_scope(method, self.sid, headers)
        request = _Request(self, scope, then)
        request.exchange = HTTPExchange(
            self._app, scope, body, listener=request, on_receive=self._watcher.about_to_receive
        )
        self._running.add(request)
        request.exchange.start(self._requests.context())
        return request

    def _got(self, request: _Request, response: Response) -> None:
        """Process the response to a GET: its packets, or a refusal."""
        self._get = None
        if self._listener is None:
            return
        try:
            body = decoded_body(response)
        except httpx.DecodingError as exc:
            self._fail(request, f"a body that can't be decoded: {exc}")
            return
        if not self.sid and (response.status != OK or not body.startswith(OPEN_PACKET)):
            self._refused(request, Response(response.status, response.headers, body))
        elif response.status != OK:
            self._fail(request, self._response_line(response))
        else:
            frames = split_payload(body)
            self._empty_answers = self._empty_answers + 1 if frames in _NO_DATA else 0
            for frame in frames:
                if self._listener is not None:
                    self._listener.transport_frame(frame, self.name)
            self._poll_on()
        self._check_idle()

    def _posted(self, request: _Request, response: Response) -> None:
        """Process the response to a POST."""
        self._post = None
        if response.status == OK:
            self._flush()
        elif self._listener is not None:
            self._fail(request, self._response_line(response))
        if self._closing and self._post is None:
            self._listener = None
        self._watcher.activity()
        self._check_idle()

    def _refused(self, request: _Request, response: Response) -> None:
        listener, self._listener = cast("TransportListener", self._listener), None
        listener.transport_refused(self, request.url, response)

    def _fail(self, request: _Request, detail: str) -> None:
        listener, self._listener = self._listener, None
        self._outgoing.clear()
        if listener is not None:
            listener.transport_closed(self, request.url, TRANSPORT_ERROR, detail)

    def _ended(self, request: _Request, exc: BaseException | None) -> None:
        self._running.discard(request)
        if exc is not None and reaches_test(exc) and not isinstance(exc, RemoteFailure):
            self._watcher.app_raised(exc)
        if not request.exchange.complete:
            self._get = None if request is self._get else self._get
            self._post = None if request is self._post else self._post
            how = "returned without a response" if exc is None else f"raised {type(exc).__name__}"
            self._fail(request, str(exc) if isinstance(exc, RemoteFailure) else f"the app {how}")
        self._watcher.activity()

    def _response_line(self, response: Response) -> str:
        """Return a refusal as one line."""
        try:
            body = decoded_body(response).decode(errors="replace")
        except httpx.DecodingError as exc:
            body = f"and a body that can't be decoded: {exc}"
        address = self._requests.address
        status = f"{response.status} from {address}:" if address else str(response.status)
        return f"{status} {first_line(body)}".rstrip(" :")

    def _check_idle(self) -> None:
        if self._when_idle is not None and self._get is None and self.idle:
            when_idle, self._when_idle = self._when_idle, None
            when_idle()


class _Request:
    """One request and the callback for its response."""

    exchange: HTTPExchange

    def __init__(
        self,
        transport: PollingTransport,
        scope: HTTPScope,
        then: Callable[[_Request, Response], None],
    ) -> None:
        self._transport = transport
        self._scope = scope
        self._then = then

    @property
    def url(self) -> str:
        """The URL of the request, for error texts."""
        return self._transport._requests.request_url(self._scope)

    def responded(self, response: Response) -> None:
        self._transport._requests.store_cookies(response.headers)
        self._then(self, response)

    def exchange_ended(self, exc: BaseException | None) -> None:
        self._transport._ended(self, exc)
