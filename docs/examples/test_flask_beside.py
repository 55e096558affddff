"""A Flask app and an AsyncServer, which both read Flask's signed session cookie."""

import flask
import pytest
import socketio
from asgiref.wsgi import WsgiToAsgi

from asgi_sio_testclient import ConnectionRefused, TestClient

sio = socketio.AsyncServer(async_mode="asgi")
flask_app = flask.Flask(__name__)
flask_app.secret_key = "top secret!"
app = socketio.ASGIApp(sio, WsgiToAsgi(flask_app))


@flask_app.post("/login")
def login():
    flask.session["user"] = flask.request.form["user"]
    return "", 204


def session_of(environ):
    """Return Flask's session of a connection; python-socketio's environ has the cookies
    as in WSGI.
    """
    request = flask_app.request_class(environ)
    return flask_app.session_interface.open_session(flask_app, request)


@sio.event
async def connect(sid, environ, auth):
    session = session_of(environ)
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
    await client.http.post("/login", data={"user": "ada"})
    await client.connect()

    event = await client.await_event("welcome")
    assert event.data == "ada"


async def test_a_forged_cookie_is_refused(client):
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect(headers={"Cookie": "session=eyJ1c2VyIjoiYWRhIn0.forged.signature"})
