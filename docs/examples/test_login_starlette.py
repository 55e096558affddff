"""Starlette: the session cookie of an HTTP login is used for the Socket.IO connection."""

import pytest
import socketio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgi_sio_testclient import ConnectionRefused, TestClient

sio = socketio.AsyncServer(async_mode="asgi")


@sio.event
async def connect(sid, environ, auth):
    session = environ["asgi.scope"]["session"]
    if "user" not in session:
        raise socketio.exceptions.ConnectionRefusedError("log in first")
    await sio.save_session(sid, {"user": session["user"]})


@sio.event
async def whoami(sid):
    return (await sio.get_session(sid))["user"]


async def login(request):
    request.session["user"] = request.path_params["user"]
    return PlainTextResponse("hello")


async def logout(request):
    request.session.clear()
    return PlainTextResponse("bye")


app = Starlette(
    routes=[
        Route("/login/{user}", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Mount("/socket.io", socketio.ASGIApp(sio)),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key="top secret!")],
)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        yield client


async def test_login_and_logout(client):
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect()

    await client.http.post("/login/ada")
    await client.connect()
    assert await client.call("whoami") == "ada"
    await client.disconnect()

    await client.http.post("/logout")
    with pytest.raises(ConnectionRefused):
        await client.connect()


async def test_two_users_have_two_sessions(client):
    async with client.clone() as other:
        await client.http.post("/login/ada")
        await other.http.post("/login/grace")
        await client.connect()
        await other.connect()

        assert await client.call("whoami") == "ada"
        assert await other.call("whoami") == "grace"
