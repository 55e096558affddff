"""The error of a failed connect names the cause: the server's mode, the path, or the line that
refused.
"""

import asyncio
import functools
import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import engineio
import pytest
import socketio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route, WebSocketRoute

from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    SyncTestClient,
    TestClient,
    UsageError,
)

TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]


@pytest.fixture(params=TRANSPORTS, ids="-".join)
def transports(request):
    return request.param


def server(**options):
    return socketio.AsyncServer(async_mode="asgi", **options)


# -- the server's mode


@pytest.mark.parametrize("mount", [False, True])
@pytest.mark.parametrize("mode", ["aiohttp", "tornado", "sanic"])
async def test_a_server_in_the_mode_of_another_framework(transports, mode, mount):
    if mode != "aiohttp":
        pytest.importorskip(mode)
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode=mode))
    if mount:
        app = Starlette(routes=[Mount("/", app)])
    async with TestClient(app, transports=transports) as client:
        with pytest.raises(UsageError) as caught:
            await client.connect()
    assert str(caught.value).startswith(f"async_mode is {mode!r}; an ASGI app needs 'asgi'")
    assert isinstance(caught.value.__cause__, TypeError)


async def test_a_server_of_another_mode_without_an_asgiapp(transports):
    sio = socketio.AsyncServer(async_mode="aiohttp")

    async def app(scope, receive, send):
        assert scope["type"] in {"http", "websocket"}, "no lifespan"
        await sio.handle_request(scope, receive, send)

    async with TestClient(app, transports=transports) as client:
        with pytest.raises(UsageError, match=r"^async_mode is 'aiohttp'; an ASGI app needs 'asgi'"):
            await client.connect()


async def test_no_mode_given_where_aiohttp_is_installed(transports):
    pytest.importorskip("aiohttp")
    async with TestClient(
        socketio.ASGIApp(socketio.AsyncServer()), transports=transports
    ) as client:
        with pytest.raises(UsageError, match=r"async_mode is 'aiohttp'; an ASGI app needs 'asgi'"):
            await client.connect()


def test_a_sync_server_in_an_asgi_app(transports):
    app = socketio.ASGIApp(socketio.Server(async_mode="threading"))
    with SyncTestClient(app, transports=transports) as client, pytest.raises(UsageError) as caught:
        client.connect()
    assert str(caught.value) == (
        "async_mode is 'threading'; an ASGI app needs 'asgi': "
        "make the server a socketio.AsyncServer(async_mode='asgi')"
    )


@pytest.mark.parametrize("mode", ["aiohttp", "threading"])
async def test_the_mode_in_a_request_of_http(mode):
    kind = socketio.Server if mode == "threading" else socketio.AsyncServer
    if mode == "aiohttp":
        pytest.importorskip("aiohttp")
    app = socketio.ASGIApp(kind(async_mode=mode))
    async with TestClient(app, raise_app_exceptions=False) as client:
        with pytest.raises(UsageError, match=f"^async_mode is '{mode}'; an ASGI app needs 'asgi'"):
            await client.http.get("/socket.io/?EIO=4&transport=polling")


class NotASGI:
    """An app of another framework."""

    def __call__(self, environ, start_response):
        """A WSGI callable."""


def wsgi_app(environ, start_response):
    """A WSGI callable."""


def other_app(kind):
    if kind == "aiohttp":
        return pytest.importorskip(
            "aiohttp.web"
        ).Application(), "of type aiohttp.web_app.Application"
    if kind == "function":
        return wsgi_app, "wsgi_app"
    return NotASGI(), "of type test_causes_of_connect.NotASGI"


@pytest.mark.parametrize("kind", ["aiohttp", "WSGI", "function"])
async def test_another_app_that_is_no_asgi_app(transports, kind):
    other, name = other_app(kind)
    app = socketio.ASGIApp(server(), other)
    line = f"no ASGI app in socketio.ASGIApp: its other_asgi_app is {name}"
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        with pytest.raises(UsageError) as caught:
            await client.http.get("/start")
        assert str(caught.value) == line
        assert isinstance(caught.value.__cause__, TypeError)
    async with TestClient(app, transports=transports, socketio_path="elsewhere") as client:
        with pytest.raises(UsageError) as caught:
            await client.connect()
        assert str(caught.value) == line


def test_the_same_over_the_sync_client():
    other, name = other_app("WSGI")
    with (
        SyncTestClient(socketio.ASGIApp(server(), other)) as client,
        pytest.raises(UsageError, match=f"its other_asgi_app is {name}"),
    ):
        client.http.get("/start")


async def test_a_type_error_behind_the_other_app_is_its_own(transports):
    async def other(scope, receive, send):
        if scope["type"] == "http":
            len(5)

    async with TestClient(socketio.ASGIApp(server(), other), transports=transports) as client:
        with pytest.raises(TypeError, match="has no len"):
            await client.http.get("/start")


def test_an_aiohttp_app_is_no_asgi_app():
    web = pytest.importorskip("aiohttp.web")
    with pytest.raises(TypeError, match=r"^app is an aiohttp app; expected an ASGI app"):
        TestClient(web.Application())


async def test_an_apps_own_type_error_stays_its_own(transports):
    async def app(scope, receive, send):
        await receive()
        raise TypeError("the app's own")

    async with TestClient(app, transports=transports, lifespan=False) as client:
        with pytest.raises(TypeError, match="the app's own"):
            await client.connect()


# -- the path


def starlette(*routes, **options):
    return Starlette(routes=list(routes), **options)


async def passed_on(request, call_next):
    return await call_next(request)


def closure():
    inner = starlette(Mount("/rt", socketio.ASGIApp(server(), socketio_path="")))

    async def app(scope, receive, send):
        await inner(scope, receive, send)

    return app


def everything(path):
    app = socketio.ASGIApp(server(), socketio_path=None)
    return Route(path, app, methods=["GET", "POST"]), WebSocketRoute(path, app)


def read_early():
    """Return an app that reads a websocket's first message before it calls the inner app."""
    inner = starlette(Mount("/live", socketio.ASGIApp(server(), socketio_path="")))

    async def app(scope, receive, send):
        first = [await receive()] if scope["type"] == "websocket" else []

        async def receive_again():
            return first.pop() if first else await receive()

        await inner(scope, receive_again, send)

    return app


SERVED = {
    "alone": lambda: socketio.ASGIApp(server()),
    "another path": lambda: socketio.ASGIApp(server(), socketio_path="api/sio"),
    "at the root": lambda: socketio.ASGIApp(server(), socketio_path=""),
    "mounted with an empty path": lambda: starlette(
        Mount("/ws/socket.io", socketio.ASGIApp(server(), socketio_path=""))
    ),
    "mounted with the whole path": lambda: starlette(
        Mount("/ws", socketio.ASGIApp(server(), socketio_path="/ws/socket.io"))
    ),
    "mounted twice": lambda: starlette(
        Mount("/v1", starlette(Mount("/live", socketio.ASGIApp(server(), socketio_path=""))))
    ),
    "mounted at the root": lambda: starlette(Mount("/", socketio.ASGIApp(server()))),
    "routed": lambda: starlette(*everything("/sock/")),
    "in a closure": closure,
    "behind what reads early": read_early,
    "behind middleware": lambda: starlette(
        Mount("/live", socketio.ASGIApp(server(), socketio_path="")),
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=passed_on)],
    ),
}


@pytest.mark.parametrize("make", SERVED.values(), ids=SERVED)
async def test_following_the_hint_works(transports, make):
    app = make()
    async with TestClient(app, transports=transports, socketio_path="nowhere") as client:
        if make is SERVED["at the root"]:
            await client.connect()  # this ASGIApp serves every path
            return
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect()
    text = str(caught.value)
    assert re.match(r"40[34]: no Socket.IO server answers there; the app has one at ", text)
    path = re.search(r"socketio_path='([^']*)'", text).group(1)
    async with TestClient(app, transports=transports, socketio_path=path) as client:
        await client.connect()


async def test_a_mount_that_no_path_leads_through(transports):
    sio = server()
    app = starlette(Mount("/ws", socketio.ASGIApp(sio)))
    async with TestClient(app, transports=transports) as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect()
    assert (
        "the app's ASGIApp is given the whole path '/ws/socket.io/' and serves 'socket.io': "
        "make it ASGIApp(sio, socketio_path='ws/socket.io') and pass socketio_path='/ws/socket.io'"
    ) in str(caught.value)
    mended = starlette(Mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io")))
    async with TestClient(mended, transports=transports, socketio_path="/ws/socket.io") as client:
        await client.connect()


INNER = starlette()
WRAPPED = socketio.ASGIApp(server(), INNER)


@pytest.mark.slow
async def test_the_inner_app_where_the_wrapper_was_meant(transports):
    async with TestClient(INNER, transports=transports) as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect()
    assert (
        f"it is in the socketio.ASGIApp around this app, {__name__}.WRAPPED: pass that one"
    ) in str(caught.value)
    async with TestClient(WRAPPED, transports=transports) as client:
        await client.connect()


@pytest.mark.slow
def test_the_inner_app_of_a_wrapper_at_another_path(transports):
    inner = starlette()
    wrapped = socketio.ASGIApp(server(), inner, socketio_path="live")
    failed = pytest.raises(HandshakeFailed)
    with SyncTestClient(inner, transports=transports) as client, failed as caught:
        client.connect()
    assert (
        "it is in the socketio.ASGIApp around this app: pass that one, with socketio_path='/live'"
    ) in str(caught.value)
    with SyncTestClient(wrapped, transports=transports, socketio_path="/live") as client:
        client.connect()


class Closed(socketio.ASGIApp):
    """An ASGIApp that answers every request with 503."""

    async def __call__(self, scope, receive, send):
        await Response(status_code=503)(scope, receive, send)


@pytest.mark.slow
async def test_the_inner_app_of_a_wrapper_that_leads_to_no_server():
    inner = starlette()
    wrapped = Closed(server(), inner)
    async with TestClient(inner, transports=("polling",)) as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect()
    assert "ASGIApp around this app" not in str(caught.value)
    assert wrapped.other_asgi_app is inner


@pytest.mark.slow
async def test_an_app_without_any_server(transports):
    async with TestClient(starlette(), transports=transports) as client:
        with pytest.raises(HandshakeFailed) as caught:
            await client.connect()
    assert "is socketio_path='socket.io' right?" in str(caught.value)


async def test_an_app_that_hangs_elsewhere_is_not_waited_for_long(transports):
    entered = []

    async def hangs(scope, receive, send):
        entered.append(scope["path"])
        await asyncio.Event().wait()

    app = starlette(Mount("/hangs/socket.io", hangs), Mount("/", socketio.ASGIApp(server())))
    app.routes[0].app.engineio_path = None
    async with TestClient(app, transports=transports, socketio_path="nowhere") as client:
        with pytest.raises(HandshakeFailed, match=r"at socketio_path='/socket\.io'"):
            await client.connect()
    assert entered == []


async def test_looking_for_the_server_opens_nothing():
    sio = server()
    connected = []
    sio.eio.on("connect", lambda sid, environ: connected.append(sid))
    app = starlette(Mount("/live", socketio.ASGIApp(sio, socketio_path="")))
    async with TestClient(app) as client:
        with pytest.raises(HandshakeFailed, match="/live"):
            await client.connect()
    assert connected == []
    assert sio.eio.sockets == {}


# -- the line that refused


def demand(token):
    if token is None:
        raise socketio.exceptions.ConnectionRefusedError("no token")


async def by_a_function_it_calls(sid, environ, auth):
    demand(auth)


async def by_a_builtin_error(sid, environ, auth):
    raise ConnectionRefusedError("closed")


async def by_returning_false(sid, environ):
    if environ:
        return False
    return None


def by_a_value(sid, environ):
    return bool(not environ)


def logged_in(function):
    @functools.wraps(function)
    async def checked(sid, environ, auth):
        if not auth:
            return False
        return await function(sid, environ, auth)

    return checked


@logged_in
async def by_a_decorator(sid, environ, auth):
    return True


class InAClass(socketio.AsyncNamespace):
    def on_connect(self, sid, environ, auth):
        return False


@logged_in
async def by_a_decorator_or_itself(sid, environ, auth):
    if auth == "banned":
        return False
    return None


async def test_a_handler_and_its_decorator_may_both_have_returned_false():
    sio = server()
    sio.on("connect", by_a_decorator_or_itself)
    async with TestClient(socketio.ASGIApp(sio), auth="banned") as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect()
    file = "test_causes_of_connect.py"
    decorator, handler = line_of("if not auth:") + 1, line_of('if auth == "banned":') + 1
    assert caught.value.places["/"] == (
        f"{file}:{decorator} in logged_in.<locals>.checked or "
        f"{file}:{handler} in by_a_decorator_or_itself, which returned False"
    )


def line_of(words):
    for number, line in enumerate(Path(__file__).read_text().splitlines(), 1):
        if words in line:
            return number
    raise AssertionError(words)


@pytest.mark.parametrize("always_connect", [False, True])
@pytest.mark.parametrize(
    ("handler", "line", "where"),
    [
        (by_a_function_it_calls, 'RefusedError("no token")', "in demand: raise socketio."),
        (by_a_builtin_error, 'ConnectionRefusedError("closed")', "in by_a_builtin_error: raise"),
        (by_returning_false, "if environ:", "in by_returning_false, which returned False"),
        (by_a_value, "return bool(not", "in by_a_value, which returned False"),
        (by_a_decorator, "if not auth:", "in logged_in.<locals>.checked, which returned False"),
        (InAClass, "def on_connect", "in InAClass.on_connect, which returned False"),
    ],
)
async def test_the_line_that_refused(transports, handler, line, where, always_connect):
    sio = server(always_connect=always_connect)
    if handler is InAClass:
        sio.register_namespace(InAClass("/"))
    else:
        sio.on("connect", handler)
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect()
        assert "_trigger_event" not in vars(sio)
    first, second = str(caught.value).splitlines()
    assert first.startswith("namespace '/' refused: ")
    number = line_of(line) + (0 if "raise" in where or "bool" in line else 1)
    assert second.startswith(f"  '/' refused at test_causes_of_connect.py:{number} {where}")
    assert caught.value.places == {"/": second.partition(" refused at ")[2]}


def test_the_line_that_refused_in_a_threaded_server():
    a2wsgi = pytest.importorskip("a2wsgi")
    sio = socketio.Server(async_mode="threading")
    for name, handler in (("/a", by_a_value), ("/b", lambda sid, environ, auth: demand(auth))):
        sio.on("connect", handler, namespace=name)
    app = a2wsgi.WSGIMiddleware(socketio.WSGIApp(sio), workers=10)
    with SyncTestClient(app, transports=("polling",)) as client:
        with pytest.raises(ConnectionRefused, match=r"in by_a_value, which returned False"):
            client.connect("/a")
        with pytest.raises(ConnectionRefused, match=r"in demand: raise socketio"):
            client.connect("/b")
    assert "_trigger_event" not in vars(sio)


async def test_refusals_of_clients_that_connect_at_once(transports):
    sio = server()
    gate = asyncio.Event()

    @sio.event
    async def connect(sid, environ, auth):
        if auth["wait"]:
            await gate.wait()
            demand(None)
        gate.set()
        return False

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        both = [client.connect(auth={"wait": True}), client.clone().connect(auth={"wait": False})]
        errors = await asyncio.gather(*both, return_exceptions=True)
    assert "in demand: raise" in str(errors[0])
    assert "which returned False" in str(errors[1])
    assert "_trigger_event" not in vars(sio)


async def test_an_event_handler_returns_false_while_a_connect_handler_runs():
    sio = server()
    started, gate = asyncio.Event(), asyncio.Event()

    @sio.event
    async def connect(sid, environ, auth):
        if not auth:
            return True
        started.set()
        await gate.wait()
        return False

    @sio.event
    async def ask(sid):
        return False

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        connecting = asyncio.create_task(client.clone().connect(auth="other"))
        await asyncio.wait_for(started.wait(), 60)
        assert await client.call("ask") is False
        gate.set()
        with pytest.raises(ConnectionRefused, match="in test_an_event_handler_returns_false"):
            await connecting


async def test_a_refusal_of_an_object_has_no_line():
    class Refuses:
        def __call__(self, *args):
            return False

    sio = server()
    sio.on("connect", Refuses())
    async with TestClient(socketio.ASGIApp(sio)) as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect()
    assert caught.value.places == {}


async def test_a_namespace_that_nobody_serves_has_no_line(transports):
    async with TestClient(socketio.ASGIApp(server()), transports=transports) as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect("/nobody")
    assert caught.value.places == {}
    assert "\n" not in str(caught.value)


async def test_a_hook_of_the_apps_on_the_dispatch_stays():
    sio = server()
    plain, seen = sio._trigger_event, []

    async def trigger(event, namespace, *args):
        seen.append(event)
        return await plain(event, namespace, *args)

    sio._trigger_event = trigger

    @sio.event
    async def connect(sid, environ):
        return False

    async with TestClient(socketio.ASGIApp(sio)) as client:
        with pytest.raises(ConnectionRefused, match="returned False"):
            await client.connect()
    assert sio._trigger_event is trigger
    assert seen


async def test_a_hook_that_comes_while_a_connect_handler_runs_stays():
    sio = server()

    async def trigger(event, namespace, *args):
        return None

    @sio.event
    async def connect(sid, environ):
        sio._trigger_event = trigger

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
    assert sio._trigger_event is trigger


@pytest.mark.parametrize("handler", [functools.partial(by_a_value), print])
async def test_a_refusal_of_what_has_no_code_of_its_own(handler):
    def refuses(*args):
        return False

    sio = server()
    target = functools.partial(refuses) if handler is not print else bool
    sio.on("connect", target if handler is not print else lambda *args: False)
    async with TestClient(socketio.ASGIApp(sio)) as client:
        with pytest.raises(ConnectionRefused, match="returned False"):
            await client.connect()


# -- messages that python-engineio logs


@pytest.mark.parametrize("level", [logging.ERROR, logging.CRITICAL])
async def test_what_the_engine_logs_and_answers_200_is_quoted(monkeypatch, level, caplog):
    caplog.set_level(level, "engineio.server")
    sio = server()

    class Socket(engineio.async_socket.AsyncSocket):
        async def handle_post_request(self, environ):
            raise RecursionError("too deep")

    monkeypatch.setattr(engineio.async_server.async_socket, "AsyncSocket", Socket)
    logger = sio.eio.logger
    async with TestClient(socketio.ASGIApp(sio), transports=("polling",)) as client:
        assert sio.eio.logger.name == logger.name
        with pytest.raises(ConnectTimeout) as caught:
            await client.connect(timeout=0.2)
    assert str(caught.value).startswith(
        "the server logged 'post request handler error': RecursionError('too deep')"
    )
    assert sio.eio.logger is logger
    assert ("too deep" in caplog.text) is (level == logging.ERROR)


async def test_what_the_engine_logged_before_an_event_came_is_no_cause(monkeypatch):
    sio = server()

    @sio.event
    async def say(sid):
        await sio.emit("said", to=sid)

    class Socket(engineio.async_socket.AsyncSocket):
        async def handle_post_request(self, environ):
            await super().handle_post_request(environ)
            raise RecursionError("too deep")

    monkeypatch.setattr(engineio.async_server.async_socket, "AsyncSocket", Socket)
    async with TestClient(socketio.ASGIApp(sio), transports=("polling",)) as client:
        await client.connect()
        await client.emit("say")
        await client.await_event("said")
        with pytest.raises(EventTimeout, match=r"^nothing arrived; .*say ran") as caught:
            await client.await_event("other", timeout=0.05)
    assert "too deep" not in str(caught.value)


INSTRUMENT_TWICE = """
import asyncio, logging, socketio
from asgi_sio_testclient import TestClient
logging.getLogger("engineio.server").setLevel(logging.CRITICAL)

def create_app():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.instrument(auth=False)
    return socketio.ASGIApp(sio)

async def test():
    async with TestClient(create_app(), transports=("polling",), timeout=1) as client:
        await client.connect()
        return "connected"

for _ in range(2):
    try:
        print(asyncio.run(test()))
    except Exception as exc:
        print(type(exc).__name__, exc)
"""


@pytest.mark.slow
def test_an_app_that_is_instrumented_twice():
    """Runs in a new process, because the instrumentation changes a class of python-engineio
    permanently.
    """
    done = subprocess.run(
        [sys.executable, "-c", INSTRUMENT_TWICE], capture_output=True, text=True, check=False
    )
    first, second = done.stdout.splitlines()[:2]
    assert first == "connected"
    # The recursion limit is reached in the engine or in the app's call, depending on the Python
    # version.
    logged = "ConnectTimeout the server logged 'post request handler error': RecursionError("
    assert second.startswith((logged, "RecursionError "))


class OddLogger:
    __slots__ = ()

    def __getattr__(self, name):
        return lambda *args, **options: None


async def test_a_logger_that_can_not_be_derived_from(transports):
    odd = OddLogger()
    sio = server()
    sio.eio.logger = odd
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        assert sio.eio.logger is odd
    assert sio.eio.logger is odd


# -- the upgrade

OPEN = (
    b"0"
    + json.dumps(
        {
            "sid": "s",
            "upgrades": ["websocket"],
            "pingInterval": 25000,
            "pingTimeout": 20000,
            "maxPayload": 1000000,
        }
    ).encode()
)


def by_hand(answer_probe):
    async def app(scope, receive, send):
        if scope["type"] == "http":
            if b"sid=" not in scope["query_string"]:
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": OPEN})
            else:
                await asyncio.Event().wait()
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if answer_probe and message.get("text") == "2probe":
                await send({"type": "websocket.send", "text": "3probe"})

    return app


@pytest.mark.parametrize(
    ("answer_probe", "cause"),
    [
        (True, "no NOOP came: the server answered the upgrade's probe and left the pending GET"),
        (False, "the upgrade's probe was not answered"),
    ],
)
async def test_an_upgrade_that_stops_half_way(answer_probe, cause):
    app = by_hand(answer_probe)
    async with TestClient(app, transports=("polling", "websocket"), lifespan=False) as client:
        with pytest.raises(ConnectTimeout) as caught:
            await client.connect(timeout=0.2)
    assert str(caught.value).startswith(cause)
