"""Litestar: Socket.IO is mounted behind Litestar's own session middleware."""

import pytest
import socketio
from litestar import Litestar, Request, asgi, post
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.params import FromPath
from litestar.types import Receive, Scope, Send

from asgi_sio_testclient import ConnectionRefused, TestClient

sio = socketio.AsyncServer(async_mode="asgi")
socketio_app = socketio.ASGIApp(sio, socketio_path=None)


@asgi("/socket.io", is_mount=True, copy_scope=True)
async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
    await socketio_app(scope, receive, send)


@post("/login/{user:str}")
async def login(request: Request, user: FromPath[str]) -> None:
    request.set_session({"user": user})


app = Litestar([login, mounted], middleware=[ServerSideSessionConfig().middleware])


@sio.event
async def connect(sid, environ, auth):
    session = environ["asgi.scope"]["session"]
    if "user" not in session:
        raise socketio.exceptions.ConnectionRefusedError("log in first")
    await sio.emit("welcome", session["user"], to=sid)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        yield client


async def test_refused_before_the_login(client):
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect()


async def test_welcomed_after_it(client):
    await client.http.post("/login/ada")
    await client.connect()

    event = await client.await_event("welcome")
    assert event.data == "ada"
