"""The running app behind an `ASGIClientSession`: its lifespan, its calls, and the end of its tasks.

python-socketio's server is instrumented through the same `RunningApp` that `TestClient` uses, so
that the server's tasks and timers end with the session. This module does not use aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx

from asgi_sio_testclient._connection.app import RunningApp
from asgi_sio_testclient._connection.app_exit import finish_work
from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._http.bodies import decoded_body
from asgi_sio_testclient._protocol.engineio import EngineIO
from asgi_sio_testclient._server.find import find_server
from asgi_sio_testclient._server.protocol import ServerInstrumentation
from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient.asgi import ClientDisconnected, HTTPExchange, Response, WebSocketConnection

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope, WebSocketScope

    from asgi_sio_testclient.asgi._websocket import WebSocketListener

__all__ = ["INTERNAL_SERVER_ERROR", "App", "Call"]

__tracebackhide__ = True

OPEN_PACKET = "0"
CLOSE_PACKET = b"1"
SEPARATOR = b"\x1e"  # between the packets of one payload
OK = 200
INTERNAL_SERVER_ERROR = Response(
    500, ((b"content-type", b"text/plain; charset=utf-8"),), b"Internal Server Error"
)


class App:
    """One running app.

    Args:
        app: an ASGI callable.
        server: the `socketio.AsyncServer`; None if it has to be detected.
        lifespan: whether to run the app's lifespan.
        timeout: seconds for the app's startup, for its shutdown, and for handlers to end.

    Attributes:
        exceptions: the exceptions that the app has raised.
        running_app: the lifespan and the instrumented servers.
    """

    def __init__(
        self, app: ASGI3Application, server: Any, *, lifespan: bool, timeout: float
    ) -> None:
        self.exceptions: list[BaseException] = []
        # The instrumentation sets these on each connection; here all connections share one object.
        self.receiving: object | None = None
        self.handled = 0
        self._timeout = timeout
        self.running_app = RunningApp(app, server, lifespan=lifespan)
        self._starting = asyncio.Lock()
        self._calls: set[Call | WebSocketConnection] = set()
        self._engines: dict[str, tuple[ServerInstrumentation, bool]] = {}

    async def start(self) -> None:
        """Start the lifespan, unless it is started.

        Raises:
            LifespanFailed: the startup failed.
        """
        async with self._starting:
            if not self.running_app.running:
                await self.running_app.start(self._timeout)

    @property
    def running(self) -> bool:
        """Whether the lifespan has started and not ended."""
        return self.running_app.running

    @property
    def state(self) -> dict[str, Any] | None:
        """The lifespan's state."""
        return self.running_app.state

    # -- calls

    def request(
        self, scope: HTTPScope, body: bytes, answered: Callable[[Call, Response | None], None]
    ) -> Call:
        """Begin one HTTP request; `answered` takes the response, see `Call`."""
        call = Call(self, scope, body, answered)
        self._begin(call)
        return call

    def websocket(self, scope: WebSocketScope, listener: WebSocketListener) -> WebSocketConnection:
        """Begin one websocket. The listener reports an accept, each message and the end to
        `websocket_accepted`, `websocket_message` and `ended`.
        """
        connection = WebSocketConnection(
            self.running_app.app, scope, listener=listener, on_receive=self._detect_server
        )
        self._begin(connection)
        return connection

    def ended(self, call: Call | WebSocketConnection, exc: BaseException | None) -> None:
        """Remove a call of the app that has ended."""
        self._calls.discard(call)
        # A disconnect of this client raises ClientDisconnected in the app: no error of the app.
        if isinstance(exc, Exception) and not isinstance(exc, ClientDisconnected):
            self.app_raised(exc)

    def responded(self, call: Call, response: Response) -> None:
        """Note the first and the last Engine.IO packets of a session over long-polling. Called
        even if the client has closed the connection before the response.
        """
        scope = call.exchange.scope
        query = _query(scope)
        if query.get("transport") != "polling" or response.status != OK:
            return
        sid = query.get("sid", "")
        if scope["method"] == "GET" and not sid:
            with contextlib.suppress(httpx.DecodingError):
                frame = decoded_body(response).partition(SEPARATOR)[0]
                self.engine_opened(frame.decode(errors="replace"), polling=True)
        elif call.body.rpartition(SEPARATOR)[2] == CLOSE_PACKET and sid in self._engines:
            # The server would hold the pending GET for 45 s.
            self._engines[sid][0].sockets.expire_poll(sid)

    def engine_opened(self, frame: str, *, polling: bool) -> None:
        """Note an Engine.IO session, if `frame` opens one."""
        engine = EngineIO()
        if not frame.startswith(OPEN_PACKET):
            return
        try:
            engine.receive(frame)
        except ProtocolError:
            return
        for instrumentation in self.running_app.instrumentations:
            if instrumentation.sockets.has_connection(engine.sid):
                instrumentation.sessions[engine.sid] = self
                self._engines[engine.sid] = instrumentation, polling

    def websocket_accepted(self, connection: WebSocketConnection) -> None:
        """Note an upgrade: a session that goes on over a websocket ends with the websocket."""
        sid = _query(connection.scope).get("sid", "")
        if sid in self._engines:
            self._engines[sid] = self._engines[sid][0], False

    def websocket_message(self, connection: WebSocketConnection, data: str | bytes) -> None:
        """Note an Engine.IO session that a message of a websocket opens."""
        if isinstance(data, str) and "sid" not in _query(connection.scope):
            self.engine_opened(data, polling=False)

    def _begin(self, call: Call | WebSocketConnection) -> None:
        self._calls.add(call)
        call.start()

    def _detect_server(self) -> None:
        eio = find_server()
        if eio is not None:
            self.running_app.instrument(eio)

    # -- what the instrumentation reports, see `InstrumentedConnection`

    def handler_started(self, run: HandlerRun) -> None:
        """See `InstrumentedConnection`."""

    def handler_ended(self, run: HandlerRun) -> None:
        """See `InstrumentedConnection`."""

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Note an exception of the app."""
        self.exceptions.append(exc)

    # -- the end

    async def stop(self) -> list[str]:
        """Abort every connection, wait for handlers, shut the lifespan down, and cancel the rest.

        Returns:
            a line for each handler that had to be cancelled.

        Raises:
            LifespanFailed: the shutdown failed.
        """
        running_app = self.running_app
        if not running_app.running:
            return []
        try:
            self._abort_connections()
            self._time_out(sid for sid, (_, polling) in self._engines.items() if polling)
            running_app.stop_services()
            for task in self._tasks(self._calls):
                running_app.track(task)
            deadline = running_app.loop.time() + self._timeout
            late = await finish_work(running_app, deadline, self._timeout, DEFAULT_GRACE)
            # Sessions that are open in the server although their websockets have ended.
            self._time_out(self._engines)
            late += await finish_work(running_app, deadline, self._timeout, DEFAULT_GRACE)
            await running_app.shutdown(self._timeout)
        finally:
            tasks = set(self._tasks(self._calls))
            for sid, (instrumentation, _) in self._engines.items():
                tasks |= set(instrumentation.release_connection(sid))
            self._engines.clear()
            await running_app.wait_closed(tasks | running_app.release(), self._timeout)
        return late

    def _abort_connections(self) -> None:
        for call in list(self._calls):
            if isinstance(call, WebSocketConnection):
                call.lose()
                continue
            call.abort()
            if not self.running_app.instrumentations and call.task is not None:
                # Without an instrumentation, a pending GET can't be released.
                call.task.cancel()

    def _time_out(self, sids: Iterable[str]) -> None:
        for sid in sids:
            instrumentation = self._engines[sid][0]
            if instrumentation.sockets.is_open(sid):
                self.running_app.time_out(instrumentation, sid)

    @staticmethod
    def _tasks(calls: Iterable[Call | WebSocketConnection]) -> list[asyncio.Task[None]]:
        return [call.task for call in calls if call.task is not None]


class Call:
    """One HTTP request to the app.

    Args:
        app: the app.
        scope: see `asgi.http_scope`.
        body: the whole body of the request.
        answered: called once, with the response; or with None if the app ended before its response
            was complete. Not called after `abort`.

    Attributes:
        body: as given.
    """

    def __init__(
        self,
        app: App,
        scope: HTTPScope,
        body: bytes,
        answered: Callable[[Call, Response | None], None],
    ) -> None:
        self.body = body
        self._app = app
        self._on_answer = answered
        self._answered = False
        self.exchange = HTTPExchange(
            app.running_app.app, scope, body, listener=self, on_receive=app._detect_server
        )

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The task in which the app runs."""
        return self.exchange.task

    @property
    def begun(self) -> Response:
        """The part of an incomplete response that the app has sent."""
        exchange = self.exchange
        assert exchange._status is not None
        return Response(exchange._status, exchange._headers, b"".join(exchange._parts))

    def start(self) -> None:
        """Call the app."""
        self.exchange.start()

    def abort(self) -> None:
        """Abort the connection."""
        self._answered = True
        self.exchange.disconnect()

    def responded(self, response: Response) -> None:
        """See `asgi.ExchangeListener`."""
        self._app.responded(self, response)
        self._answer(response)

    def exchange_ended(self, exc: BaseException | None) -> None:
        """See `asgi.ExchangeListener`."""
        # A server sends status 500 if the app raised or returned before its response began.
        self._answer(INTERNAL_SERVER_ERROR if self.exchange._status is None else None)
        self._app.ended(self, exc)

    def _answer(self, answer: Response | None) -> None:
        if not self._answered:
            self._answered = True
            self._on_answer(self, answer)


def _query(scope: Any) -> dict[str, str]:
    return dict(parse_qsl(scope["query_string"].decode()))
