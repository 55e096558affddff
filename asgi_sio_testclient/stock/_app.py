"""The running app behind a session: its lifespan, the calls of it that are under way, and the end
of all that it began.

It watches python-socketio's server through the same `Runtime` that `TestClient` uses; so nothing of
the server's is left behind either. Knows nothing of aiohttp.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx

from asgi_sio_testclient._connection.app import Runtime
from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._http.requests import decoded_body
from asgi_sio_testclient._protocol.engineio import EngineIO
from asgi_sio_testclient._server.find import find_server
from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._server.watch import ServerWatch
from asgi_sio_testclient.asgi import ClientDisconnected, HTTPExchange, Response, WebSocketConnection

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope, WebSocketScope

    from asgi_sio_testclient.asgi._websocket import WebSocketListener

__all__ = ["App", "Call"]

OPEN_PACKET = "0"
CLOSE_PACKET = b"1"
SEPARATOR = b"\x1e"  # between the packets of one payload
OK = 200
INTERNAL_SERVER_ERROR = 500


class App:
    """One running app.

    Args:
        app: an ASGI callable.
        server: the `socketio.AsyncServer`, or None to have it found.
        lifespan: whether the app's lifespan is run.
        timeout: seconds for its startup, its shutdown, and for handlers to end.

    Attributes:
        exceptions: what the app raised.
    """

    def __init__(
        self, app: ASGI3Application, server: Any, *, lifespan: bool, timeout: float
    ) -> None:
        self.exceptions: list[BaseException] = []
        # Asked for by the watch, of each connection; here they all are one.
        self.receiving: object | None = None
        self.handled = 0
        self._timeout = timeout
        self._runtime = Runtime(app, server, lifespan=lifespan)
        self._starting = asyncio.Lock()
        self._calls: set[Call | WebSocketConnection] = set()
        self._engines: dict[str, tuple[ServerWatch, bool]] = {}

    async def start(self) -> None:
        """Start the lifespan, unless that is done.

        Raises:
            LifespanFailed: it failed.
        """
        async with self._starting:
            if not self._runtime.running:
                await self._runtime.start(self._timeout)

    @property
    def state(self) -> dict[str, Any] | None:
        """The lifespan's state."""
        return self._runtime.state

    # -- calls

    def request(self, scope: HTTPScope, body: bytes) -> Call:
        """Begin one HTTP request."""
        call = Call(self, scope, body)
        self._begin(call)
        return call

    def websocket(self, scope: WebSocketScope, listener: WebSocketListener) -> WebSocketConnection:
        """Begin one websocket; `ended` has to be told of its end."""
        connection = WebSocketConnection(
            self._runtime.app, scope, listener=listener, on_receive=self._look
        )
        self._begin(connection)
        return connection

    def ended(self, call: Call | WebSocketConnection, exc: BaseException | None) -> None:
        """A call of the app is over."""
        self._calls.discard(call)
        # What this side made the app raise, by being gone, is no error of the app's.
        if isinstance(exc, Exception) and not isinstance(exc, ClientDisconnected):
            self.app_raised(exc)

    def responded(self, call: Call, response: Response) -> None:
        """Take note of Engine.IO's first and last words over long-polling; also where nobody waits
        for the response any more.
        """
        scope = call.exchange.scope
        query = dict(parse_qsl(scope["query_string"].decode()))
        if query.get("transport") != "polling" or response.status != OK:
            return
        sid = query.get("sid", "")
        if scope["method"] == "GET" and not sid:
            with contextlib.suppress(httpx.DecodingError):
                frame = decoded_body(response).partition(SEPARATOR)[0]
                self.engine_opened(frame.decode(errors="replace"), polling=True)
        elif call.body.rpartition(SEPARATOR)[2] == CLOSE_PACKET and sid in self._engines:
            # The server would hold the pending GET for 45 s.
            self._engines[sid][0].expire_poll(sid)

    def engine_opened(self, frame: str, *, polling: bool) -> None:
        """Take note of an Engine.IO session, if `frame` opens one."""
        engine = EngineIO()
        if not frame.startswith(OPEN_PACKET):
            return
        try:
            engine.receive(frame)
        except ProtocolError:
            return
        for watch in self._runtime.watches:
            if engine.sid in watch.eio.sockets:
                watch.sessions[engine.sid] = self
                self._engines[engine.sid] = watch, polling

    def engine_upgrades(self, sid: str) -> None:
        """A session goes on over a websocket, whose end tells the server of its own."""
        if sid in self._engines:
            self._engines[sid] = self._engines[sid][0], False

    def _begin(self, call: Call | WebSocketConnection) -> None:
        self._calls.add(call)
        call.start()

    def _look(self) -> None:
        eio = find_server()
        if eio is not None:
            self._runtime.watch(eio)

    # -- what the watch tells, see _server.Watched

    def handler_started(self, run: HandlerRun) -> None:
        """See `_server.Watched`."""

    def handler_ended(self, run: HandlerRun) -> None:
        """See `_server.Watched`."""

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """The app raised."""
        self.exceptions.append(exc)

    # -- the end

    async def stop(self) -> list[str]:
        """End all that goes on, as a program does that ends: every connection is lost. Then wait
        for handlers, shut the lifespan down, and end the rest.

        Returns:
            a line for each handler that had to be cancelled.

        Raises:
            LifespanFailed: the shutdown failed.
        """
        runtime = self._runtime
        if not runtime.running:
            return []
        try:
            self._drop_connections()
            self._time_out(sid for sid, (_, polling) in self._engines.items() if polling)
            runtime.stop_services()
            for task in self._tasks(self._calls):
                runtime.keep(task)
            deadline = runtime.loop.time() + self._timeout
            late = await runtime.finish_handlers(deadline, self._timeout)
            # A websocket that ended without the server's noticing: something raised on the way.
            self._time_out(self._engines)
            late += await runtime.finish_handlers(deadline, self._timeout)
            await runtime.shutdown(self._timeout)
        finally:
            tasks = set(self._tasks(self._calls))
            for sid, (watch, _) in self._engines.items():
                tasks |= set(watch.forget(sid))
            self._engines.clear()
            await runtime.over(tasks | runtime.release(), self._timeout)
        return late

    def _drop_connections(self) -> None:
        for call in list(self._calls):
            call.lose()
            if isinstance(call, Call) and not self._runtime.watches and call.task is not None:
                # Nobody is known who could be told to let it go.
                call.task.cancel()

    def _time_out(self, sids: Iterable[str]) -> None:
        for sid in sids:
            watch = self._engines[sid][0]
            if watch.is_open(sid):
                self._runtime.time_out(watch, sid)

    @staticmethod
    def _tasks(calls: Iterable[Call | WebSocketConnection]) -> list[asyncio.Task[None]]:
        return [call.task for call in calls if call.task is not None]


class Call:
    """One HTTP request to the app.

    Args:
        app: the app.
        scope: see `asgi.http_scope`.
        body: whole.

    Attributes:
        answer: the response; None where the app broke off after it had begun one.
        lost: whether the connection was dropped from this side.
        body: what was sent.
    """

    def __init__(self, app: App, scope: HTTPScope, body: bytes) -> None:
        self.lost = False
        self.body = body
        self._app = app
        self.answer: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self.exchange = HTTPExchange(
            app._runtime.app, scope, body, listener=self, on_receive=app._look
        )

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What the app runs in."""
        return self.exchange.task

    def start(self) -> None:
        """Call the app."""
        self.exchange.start()

    def lose(self) -> None:
        """Drop the connection; who waits for the answer is told so."""
        self.lost = not self.answer.done()
        self.exchange.disconnect()
        self._answer(None)

    def responded(self, response: Response) -> None:
        """See `asgi.ExchangeListener`."""
        self._app.responded(self, response)
        self._answer(response)

    def exchange_ended(self, exc: BaseException | None) -> None:
        """See `asgi.ExchangeListener`."""
        if self.exchange._status is None:
            # What a server answers in the place of an app that raised, or forgot.
            headers = ((b"content-type", b"text/plain; charset=utf-8"),)
            self._answer(Response(INTERNAL_SERVER_ERROR, headers, b"Internal Server Error"))
        else:
            self._answer(None)
        self._app.ended(self, exc)

    def _answer(self, answer: Response | None) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
