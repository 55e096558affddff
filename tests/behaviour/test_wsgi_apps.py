"""A WSGI app is passed unchanged, and Flask's own test client as ``http=``."""

import asyncio
import sys
import threading

import flask
import flask_login
import flask_socketio
import pytest
import socketio as python_socketio
import werkzeug.test

from asgi_sio_testclient import (
    ConnectionRefused,
    HandshakeFailed,
    SyncTestClient,
    TestClient,
    UsageError,
)


class Program:
    """The program of the article on unit tests with Flask-SocketIO, with a few more routes."""

    def __init__(self, **options):
        self.app = flask.Flask(__name__)
        self.app.secret_key = "only for these tests"
        self.socketio = flask_socketio.SocketIO(self.app, async_mode="threading", **options)
        login_manager = flask_login.LoginManager(self.app)
        self.users = {}
        login_manager.user_loader(self.users.get)
        self.app.post("/login")(self.log_in)
        self.app.get("/whoami")(self.whoami)
        self.app.get("/cookies")(self.cookies)
        self.socketio.on_event("connect", self.connect)
        self.socketio.on_event("whoami", self.whoami)
        self.socketio.on_event("cookies", self.cookies)
        self.socketio.on_event("headers", lambda: dict(flask.request.headers))

    def whoami(self):
        return getattr(flask_login.current_user, "id", "nobody")

    def cookies(self):
        return dict(flask.request.cookies)

    def log_in(self):
        if flask.request.form["password"] != "is-great!":
            flask.abort(401)
        name = flask.request.form["username"]
        user = self.users[name] = flask_login.UserMixin()
        user.id = name
        flask_login.login_user(user)
        return ""

    def connect(self, auth):
        if flask_login.current_user.is_anonymous and auth != "a guest":
            return False
        if auth != "a guest":
            flask_socketio.emit("welcome", {"username": flask_login.current_user.id})
        return True


CREDENTIALS = {"username": "python", "password": "is-great!"}


@pytest.fixture
def program():
    return Program()


@pytest.fixture
def web(program):
    return program.app.test_client()


def pool_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("WSGI")]


# -- as in the article


def test_the_articles_program(program, web):
    with SyncTestClient(program.app, http=web) as c:
        with pytest.raises(ConnectionRefused):
            c.connect()
        assert not c.is_connected()

        r = web.post("/login", data=CREDENTIALS)
        assert r.status_code == 200

        c.connect()
        r = c.get_received()
        assert len(r) == 1
        assert r[0]["name"] == "welcome"
        assert len(r[0]["args"]) == 1
        assert r[0]["args"][0] == {"username": "python"}


async def test_the_same_in_a_coroutine(program, web, nothing_left):
    async with TestClient(program.app, http=web) as client:
        with pytest.raises(ConnectionRefused):
            await client.connect()
        await asyncio.to_thread(web.post, "/login", data=CREDENTIALS)
        await client.connect()
        assert client.transport == "polling"
        assert client.get_received()[0].data == {"username": "python"}


# -- the bridge


async def test_a_wsgi_app_is_polled_where_no_transport_is_given(program):
    async with TestClient(program.app) as client:
        await client.connect(auth="a guest")
        assert client.transport == "polling"
        other = await client.clone().connect(auth="a guest")
        assert other.transport == "polling"


@pytest.mark.parametrize("transports", ["websocket", ("websocket",), ["websocket"]])
async def test_a_transport_that_is_given_is_tried(program, transports):
    async with TestClient(program.app, transports=transports) as client:
        with pytest.raises(HandshakeFailed, match="a WSGI app takes no websockets"):
            await client.connect(auth="a guest")


async def test_an_upgrade_that_wsgi_does_not_have_stays_on_polling(program):
    async with TestClient(program.app, transports=("polling", "websocket")) as client:
        await client.connect(auth="a guest")
        assert client.transport == "polling"


@pytest.mark.slow
async def test_there_are_as_many_threads_as_the_clients_need(program):
    async with TestClient(program.app) as client:
        users = [client, *(client.clone() for _ in range(19))]
        await asyncio.gather(*(user.connect(auth="a guest") for user in users))
        answers = await asyncio.gather(*(user.call("cookies") for user in users))
    assert answers == [{}] * 20


async def test_its_threads_end_with_the_client_which_may_be_entered_again(program, nothing_left):
    before = set(pool_threads())
    client = TestClient(program.app)
    for _ in range(2):
        async with client:
            await client.connect(auth="a guest")
            threads = set(pool_threads()) - before
            assert threads
        for thread in threads:
            await asyncio.to_thread(thread.join, 60)
        assert not set(pool_threads()) & threads


def as_it_is(app):
    return app


def as_a_function(app):
    def call(environ, start_response):
        return app(environ, start_response)

    return call


@pytest.mark.parametrize("wrap", [as_it_is, as_a_function])
async def test_any_wsgi_app(wrap):
    sio = python_socketio.Server(async_mode="threading")
    sio.on("double", lambda sid, number: 2 * number)
    async with TestClient(wrap(python_socketio.WSGIApp(sio))) as client:
        await client.connect()
        assert await client.call("double", 21) == 42


@pytest.mark.parametrize("client", [TestClient, SyncTestClient])
def test_without_a2wsgi_the_error_says_what_to_install(program, client, monkeypatch):
    monkeypatch.setitem(sys.modules, "a2wsgi", None)
    with pytest.raises(UsageError, match=r"pip install 'asgi-sio-testclient\[flask\]'"):
        client(program.app)


# -- Flask's test client


def test_a_login_of_flasks_client_is_used_and_kept(program, web):
    web.post("/login", data=CREDENTIALS)
    with SyncTestClient(program.app, http=web) as client:
        client.connect()
        assert client.call("whoami") == "python"
    assert web.get("/whoami").text == "python"


def test_a_login_over_the_clients_http_is_one_of_the_test_client_too(program, web):
    with SyncTestClient(program.app, http=web) as client:
        assert client.http.get("/whoami").text == "nobody"
        client.http.post("/login", data=CREDENTIALS)
        client.connect()
        assert client.call("whoami") == "python"
    assert web.get("/whoami").text == "python"


def test_cookies_go_both_ways(web, program):
    program.socketio.server.eio.cookie = "io"
    web.set_cookie("theme", 'da"rk; ü')
    with SyncTestClient(program.app, http=web) as client:
        client.cookies.set("lang", "en")
        client.connect(auth="a guest")
        seen = client.call("cookies")
        assert {**seen, "io": ""} == {"theme": 'da"rk; ü', "lang": "en", "io": ""}
        web.delete_cookie("theme")
        assert client.http.get("/cookies").json() == web.get("/cookies").json
        assert web.get_cookie("lang").value == "en"
        assert web.get_cookie("io").value


def test_its_headers_and_its_address_are_used(program, web):
    program.app.config["SERVER_NAME"] = "shop.test:8080"
    web.environ_base["HTTP_X_TENANT"] = "red"
    with SyncTestClient(program.app, http=web) as client:
        client.connect(auth="a guest", headers={"X-Request": "1"})
        headers = client.call("headers")
    assert headers["Host"] == "shop.test:8080"
    assert headers["X-Tenant"] == "red"
    assert headers["X-Request"] == "1"
    assert headers["User-Agent"].startswith("Werkzeug/")


@pytest.mark.slow
def test_flasks_client_without_cookies_and_werkzeugs_client(program):
    for web in (
        program.app.test_client(use_cookies=False),
        werkzeug.test.Client(program.app),
    ):
        with SyncTestClient(program.app, http=web) as client:
            assert str(client.http.base_url) == "http://localhost"
            client.http.post("/login", data=CREDENTIALS)
            client.connect()
            assert client.call("whoami") == "python"


@pytest.mark.slow
def test_each_clone_has_cookies_of_its_own(program, web):
    other_web = program.app.test_client()
    other_web.post("/login", data={**CREDENTIALS, "username": "flask"})
    web.post("/login", data=CREDENTIALS)
    with SyncTestClient(program.app, http=web) as client:
        client.connect()
        other = client.clone(http=other_web).connect()
        with pytest.raises(ConnectionRefused):
            client.clone().connect()
        assert (client.call("whoami"), other.call("whoami")) == ("python", "flask")


async def test_flasks_client_with_an_asgi_app():
    sio = python_socketio.AsyncServer(async_mode="asgi")
    sio.on("connect", lambda sid, environ: environ["HTTP_COOKIE"] == "user=ada")
    web = flask.Flask(__name__).test_client()
    web.set_cookie("user", "ada")
    async with TestClient(python_socketio.ASGIApp(sio), http=web) as client:
        await client.connect()
        assert client.is_connected()
