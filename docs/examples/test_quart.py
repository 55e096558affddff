"""Quart: `socketio.ASGIApp` wraps the app, and the login is in Quart's signed session cookie."""

import pytest
import quart
import socketio
from werkzeug.http import parse_cookie

from asgi_sio_testclient import ConnectionRefused, TestClient

sio = socketio.AsyncServer(async_mode="asgi")
quart_app = quart.Quart(__name__)
quart_app.secret_key = "top secret!"
app = socketio.ASGIApp(sio, quart_app)


@quart_app.post("/login/<user>")
async def login(user):
    quart.session["user"] = user
    return ""


def session_of(environ):
    """Return Quart's session of a connection, read with Quart's own serializer."""
    cookie = parse_cookie(environ.get("HTTP_COOKIE")).get(quart_app.config["SESSION_COOKIE_NAME"])
    serializer = quart_app.session_interface.get_signing_serializer(quart_app)
    return serializer.loads(cookie) if cookie else {}


@sio.event
async def connect(sid, environ, auth):
    user = session_of(environ).get("user")
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
    await client.http.post("/login/ada")
    await client.connect()

    event = await client.await_event("welcome")
    assert event.data == "ada"
