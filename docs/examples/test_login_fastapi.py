"""FastAPI: the client is refused before the login over HTTP, and accepted after it."""

import pytest
import socketio
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from asgi_sio_testclient import ConnectionRefused, TestClient

sio = socketio.AsyncServer(async_mode="asgi")
app = FastAPI()
app.add_middleware(SessionMiddleware, secret_key="top secret!")
# Socket.IO is mounted, so that the session middleware also runs for its requests.
app.mount("/socket.io", socketio.ASGIApp(sio))


class Credentials(BaseModel):
    username: str
    password: str


@app.post("/login")
async def login(request: Request, credentials: Credentials):
    if credentials.password != "is-great!":
        raise HTTPException(401)
    request.session["user"] = credentials.username


@sio.event
async def connect(sid, environ, auth):
    user = environ["asgi.scope"]["session"].get("user")
    if user is None:
        raise socketio.exceptions.ConnectionRefusedError("log in first")
    await sio.emit("welcome", user, to=sid)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        yield client


async def test_refused_before_the_login(client):
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect()


async def test_welcomed_after_it(client):
    answer = await client.http.post("/login", json={"username": "python", "password": "is-great!"})
    assert answer.status_code == 200

    await client.connect()

    welcome = await client.await_event("welcome")
    assert welcome.data == "python"


async def test_a_wrong_password_changes_nothing(client):
    answer = await client.http.post("/login", json={"username": "python", "password": "?"})
    assert answer.status_code == 401

    with pytest.raises(ConnectionRefused):
        await client.connect()
