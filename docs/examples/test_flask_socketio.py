"""A Flask-SocketIO program without changes: Flask-Login decides which users may connect."""

import flask
import flask_login
import flask_socketio
import pytest

from asgi_sio_testclient import ConnectionRefused, TestClient

PASSWORDS = {"foo": "bar", "python": "is-great!"}

flask_app = flask.Flask(__name__)
flask_app.secret_key = "top secret!"
login_manager = flask_login.LoginManager(flask_app)
socketio = flask_socketio.SocketIO(flask_app, async_mode="threading")


class User(flask_login.UserMixin):
    def __init__(self, name):
        self.id = name


@login_manager.user_loader
def load_user(name):
    return User(name)


@flask_app.post("/login")
def login():
    name = flask.request.form["username"]
    if PASSWORDS.get(name) != flask.request.form["password"]:
        flask.abort(401)
    flask_login.login_user(User(name))
    return ""


@socketio.on("connect")
def connect(auth):
    if flask_login.current_user.is_anonymous:
        return False
    flask_socketio.emit("welcome", {"username": flask_login.current_user.id})
    return True


@socketio.on("join")
def join(room):
    flask_socketio.join_room(room)
    flask_socketio.emit("joined", flask_login.current_user.id, to=room)
    return len(flask_socketio.rooms()) - 1


@socketio.on("divide")
def divide(a, b):
    return a / b


@pytest.fixture
async def client():
    async with TestClient(flask_app) as client:
        yield client


async def log_in(client, username="python", password="is-great!"):
    return await client.http.post("/login", data={"username": username, "password": password})


async def test_refused_before_the_login(client):
    with pytest.raises(ConnectionRefused):
        await client.connect()

    assert (await log_in(client, password="is-bad")).status_code == 401
    with pytest.raises(ConnectionRefused):
        await client.connect()


async def test_welcome_after_it(client):
    assert (await log_in(client)).status_code == 200
    await client.connect()

    received = client.get_received()
    assert len(received) == 1
    assert received[0]["name"] == "welcome"
    assert received[0]["args"][0] == {"username": "python"}


async def test_rooms_and_acks(client):
    other = client.clone()
    await log_in(client)
    await log_in(other, "foo", "bar")
    await client.connect()
    await other.connect()

    assert await client.call("join", "lobby") == 1
    await other.emit("join", "lobby")

    joined = await client.await_events(2, "joined")
    assert [event.data for event in joined] == ["python", "foo"]
    assert client.rooms() == {"lobby", client.sid}


async def test_what_a_handler_raises_is_raised_here(client):
    await log_in(client)
    await client.connect()

    with pytest.raises(ZeroDivisionError):
        await client.call("divide", 1, 0)


async def test_emitted_by_the_program_itself(client):
    await log_in(client)
    await client.connect()

    socketio.emit("news", "from outside of any handler")
    await client.settle()
    assert client.get_received()[-1].data == "from outside of any handler"


async def test_a_session_without_a_login(client):
    async with client.session_transaction() as session:
        session["_user_id"] = "python"  # as login_user() does
    await client.connect()
    assert client.get_received()[0].data == {"username": "python"}
