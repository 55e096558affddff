"""The use cases of the library, and the docs' examples."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
import socketio
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_sio_testclient import ConnectionRefused, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NAMES = ["login_fastapi", "login_starlette", "foo_bar", "echo_hello", "mounted", "wrapped"]


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_have_it(name):
    assert (EXAMPLES / f"test_{name}.py").is_file()


@pytest.mark.proof
@pytest.mark.timeout(120)  # it takes 7 s, and more on a shared core
def test_the_docs_examples_pass():
    """The examples that pages include; in a new process, because Django's settings are global."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    # pytest-benchmark warns if the inner run appears to have workers of xdist.
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "--no-header", "-rA"]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(EXAMPLES)],
        check=False,
        cwd=EXAMPLES.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for path in EXAMPLES.glob("test_*.py"):
        assert f"PASSED docs/examples/{path.name}::" in done.stdout


def chat_server(who):
    """Return a chat app that gets the user's name from ``who(environ)`` and refuses users without a
    name.
    """
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ):
        user = who(environ)
        if not user:
            raise socketio.exceptions.ConnectionRefusedError("log in first")
        await sio.save_session(sid, {"user": user})
        await sio.emit("welcome", {"user": user}, to=sid)

    @sio.event
    async def say(sid, text):
        async with sio.session(sid) as session:
            await sio.emit("said", {"user": session["user"], "text": text})

    return sio


class TestLogin:
    """Refused before the login and accepted after it: the test of Flask-Login, on ASGI."""

    @staticmethod
    def fastapi_app():
        app = FastAPI()

        @app.post("/login/{user}")
        async def login(user: str, request: Request):
            request.session["user"] = user
            return {"ok": True}

        @app.post("/logout")
        async def logout(request: Request):
            request.session.clear()

        sio = chat_server(lambda environ: environ["asgi.scope"]["session"].get("user"))
        app.mount("/", socketio.ASGIApp(sio))
        app.add_middleware(SessionMiddleware, secret_key="secret")
        return app

    @staticmethod
    def starlette_app():
        users = {}

        async def login(request):
            user = request.path_params["user"]
            users[f"token-{user}"] = user
            response = PlainTextResponse("ok")
            response.set_cookie("token", f"token-{user}")
            return response

        async def logout(request):
            response = PlainTextResponse("bye")
            response.delete_cookie("token")
            return response

        def who(environ):
            cookies = dict(
                pair.split("=", 1) for pair in environ.get("HTTP_COOKIE", "=").split("; ")
            )
            return users.get(cookies.get("token"))

        routes = [
            Route("/login/{user}", login, methods=["POST"]),
            Route("/logout", logout, methods=["POST"]),
        ]
        return socketio.ASGIApp(chat_server(who), Starlette(routes=routes, middleware=[]))

    @pytest.mark.parametrize("framework", ["fastapi_app", "starlette_app"])
    async def test_refused_before_welcomed_after(self, transports, framework):
        async with TestClient(getattr(self, framework)(), transports=transports) as client:
            with pytest.raises(ConnectionRefused, match="log in first"):
                await client.connect()
            assert (await client.http.post("/login/ann")).status_code == 200
            await client.connect()
            assert (await client.await_event("welcome")).data == {"user": "ann"}
            await client.emit("say", "hi")
            assert (await client.await_event("said")).data == {"user": "ann", "text": "hi"}
            await client.disconnect()
            await client.http.post("/logout")
            with pytest.raises(ConnectionRefused):
                await client.connect()

    @pytest.mark.parametrize("framework", ["fastapi_app", "starlette_app"])
    async def test_with_ones_own_httpx_client(self, transports, framework):
        app = getattr(self, framework)()
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://testserver"
        ) as http:
            await http.post("/login/ann")
            async with TestClient(app, http=http, transports=transports) as client:
                await client.connect()
                assert (await client.await_event("welcome")).data == {"user": "ann"}

    @pytest.mark.parametrize("framework", ["fastapi_app", "starlette_app"])
    async def test_two_users(self, transports, framework):
        async with TestClient(getattr(self, framework)(), transports=transports) as ann:
            bob = ann.clone()
            for client, name in ((ann, "ann"), (bob, "bob")):
                await client.http.post(f"/login/{name}")
                await client.connect()
                assert (await client.await_event("welcome")).data == {"user": name}
            await ann.emit("say", "hi bob")
            for client in (ann, bob):
                said = await client.await_event("said")
                assert said.data == {"user": "ann", "text": "hi bob"}


async def test_foo_is_emitted_and_bar_awaited(transports):
    sio = socketio.AsyncServer(async_mode="asgi")
    started = []

    async def on_startup():
        started.append(True)

    @sio.on("FOO")
    async def foo(sid, data):
        assert started
        await sio.emit("BAR", {"got": data}, to=sid)

    async with TestClient(
        socketio.ASGIApp(sio, on_startup=on_startup), transports=transports
    ) as client:
        await client.connect()
        await client.emit("FOO", 1)
        assert (await client.await_event("BAR")).data == {"got": 1}


class TestEchoWithHello:
    @pytest.fixture
    async def client(self, nothing_left, transports):
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def connect(sid, environ):
            await sio.emit("hello", to=sid)

        @sio.event
        async def echo(sid, *args):
            await sio.emit("echoed", args, to=sid)

        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
            await client.connect()
            await client.await_event("hello")
            yield client

    async def test_the_fixture_swallowed_the_hello(self, client):
        assert client.get_received() == []
        await client.emit("echo", "hi")
        assert (await client.await_event()).name == "echoed"

    async def test_several_arguments(self, client):
        await client.emit("echo", "a", {"b": 2})
        assert (await client.await_event("echoed")).args == ("a", {"b": 2})


class TestFastAPIAndSocketIO:
    @staticmethod
    def server(log):
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def connect(sid, environ):
            log.append(parse_qs(environ["QUERY_STRING"])["transport"])

        @sio.event
        async def ping_me(sid):
            return "pong"

        return sio

    async def test_mounted(self, transports):
        log = []
        app = FastAPI()

        @app.get("/health")
        async def health():
            return {"ok": True}

        app.mount("/ws", socketio.ASGIApp(self.server(log), socketio_path="/ws/socket.io"))
        async with TestClient(app, transports=transports, socketio_path="/ws/socket.io") as client:
            assert (await client.http.get("/health")).json() == {"ok": True}
            await client.connect()
            assert await client.call("ping_me") == "pong"
        assert log == [[transports[0]]]

    async def test_wrapped(self, transports):
        log = []
        app = FastAPI(middleware=[Middleware(SessionMiddleware, secret_key="secret")])

        @app.get("/health")
        async def health():
            return {"ok": True}

        wrapped = socketio.ASGIApp(self.server(log), app)
        async with TestClient(wrapped, transports=transports) as client:
            assert (await client.http.get("/health")).json() == {"ok": True}
            await client.connect()
            assert await client.call("ping_me") == "pong"
        assert log == [[transports[0]]]
