"""`session_transaction`: the HTTP session, read and changed before the first request."""

import functools
import subprocess
import sys
from pathlib import Path

import fastapi
import flask
import flask_socketio
import pytest
import quart
import socketio
from asgiref.wsgi import WsgiToAsgi
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgi_sio_testclient import ConnectionRefused, SyncTestClient, TestClient, UsageError

SECRET = "only for these tests"
CASES = Path(__file__).parents[1] / "runners" / "django_sessions.py"


def server(session_of):
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ):
        session = session_of(environ)
        session = await session if hasattr(session, "__await__") else session
        await sio.save_session(sid, dict(session))
        return "user" in session

    @sio.event
    async def whole(sid):
        return await sio.get_session(sid)

    return sio


def scope_session(environ):
    return environ["asgi.scope"]["session"]


async def show(request):
    return JSONResponse(dict(request.session))


async def log_out(request):
    request.session.clear()
    return JSONResponse({})


ROUTES = [Route("/show", show), Route("/log-out", log_out)]


def starlette(**options):
    app = Starlette(routes=ROUTES)
    app.mount("/", socketio.ASGIApp(server(scope_session)))
    app.add_middleware(SessionMiddleware, secret_key=SECRET, **options)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    return app


def middleware_around():
    app = Starlette(routes=ROUTES)
    return SessionMiddleware(socketio.ASGIApp(server(scope_session), app), secret_key=SECRET)


def mounted():
    inner = Starlette(routes=ROUTES, middleware=[Middleware(SessionMiddleware, secret_key=SECRET)])
    inner.mount("/", socketio.ASGIApp(server(scope_session)))
    app = fastapi.FastAPI()
    app.mount("/", inner)

    async def wrapped(scope, receive, send):
        await app(scope, receive, send)

    return functools.partial(wrapped)


def fastapi_app():
    class OwnMiddleware(SessionMiddleware):
        def __init__(self, app):
            super().__init__(app, secret_key=SECRET, session_cookie="own", max_age=None)

    app = fastapi.FastAPI(routes=ROUTES)
    app.mount("/", socketio.ASGIApp(server(scope_session)))
    app.add_middleware(OwnMiddleware)
    return app


def quart_app():
    app = quart.Quart(__name__)
    app.secret_key = SECRET

    @app.get("/show")
    async def show():
        return dict(quart.session)

    @app.get("/log-out")
    async def log_out():
        quart.session.clear()
        return {}

    async def session_of(environ):
        headers = {"cookie": environ.get("HTTP_COOKIE", "")}
        async with app.test_request_context("/", headers=headers):
            return dict(quart.session)

    return socketio.ASGIApp(server(session_of), app)


def flask_routes(app):
    app.secret_key = SECRET
    app.get("/show")(lambda: dict(flask.session))

    @app.get("/log-out")
    def log_out():
        flask.session.clear()
        return {}


def flask_beside():
    app = flask.Flask(__name__)
    flask_routes(app)

    def session_of(environ):
        return app.session_interface.open_session(app, app.request_class(environ))

    return socketio.ASGIApp(server(session_of), WsgiToAsgi(app))


def by_a_global():
    return call_inner


async def call_inner(scope, receive, send):
    await INNER(scope, receive, send)


INNER = starlette()
APPS = [by_a_global, starlette, middleware_around, mounted, fastapi_app, quart_app, flask_beside]


@pytest.fixture(params=APPS, ids=lambda make: make.__name__)
def app(request):
    return request.param()


# -- read and changed


async def test_a_session_is_set_before_the_first_request(app, transports, nothing_left):
    async with TestClient(app, transports=transports) as client:
        async with client.session_transaction() as session:
            assert dict(session) == {}
            session["user"] = "ada"
        await client.connect()
        assert await client.call("whole") == {"user": "ada"}
        assert (await client.http.get("/show")).json() == {"user": "ada"}


def test_a_session_is_set_by_the_sync_client(app):
    with SyncTestClient(app) as client:
        with client.session_transaction() as session:
            session["user"] = "ada"
        client.connect()
        assert client.call("whole") == {"user": "ada"}


async def test_what_the_app_has_set_is_read_and_changed_in_depth(app):
    async with TestClient(app) as client:
        async with client.session_transaction() as session:
            session["cart"] = ["tea"]
        async with client.session_transaction() as session:
            assert session["cart"] == ["tea"]
            session["cart"].append("milk")
        assert (await client.http.get("/show")).json() == {"cart": ["tea", "milk"]}
        await client.http.get("/log-out")
        async with client.session_transaction() as session:
            assert dict(session) == {}


async def test_a_session_that_is_emptied_is_gone(app):
    async with TestClient(app) as client:
        async with client.session_transaction() as session:
            session["user"] = "ada"
        async with client.session_transaction() as session:
            session.clear()
        assert (await client.http.get("/show")).json() == {}
        assert len(client.cookies) == 0


async def test_what_is_only_read_is_not_written_again(app):
    async with TestClient(app) as client:
        async with client.session_transaction() as session:
            session["user"] = "ada"
        before = {cookie.name: cookie.value for cookie in client.cookies.jar}
        async with client.session_transaction() as session:
            assert session["user"] == "ada"
        assert {cookie.name: cookie.value for cookie in client.cookies.jar} == before


async def test_nothing_is_saved_where_the_block_raises(app):
    async with TestClient(app) as client:
        with pytest.raises(ZeroDivisionError):
            async with client.session_transaction() as session:
                session["user"] = 1 / 0
        assert len(client.cookies) == 0


def test_nothing_is_saved_where_the_block_raises_without_await(app):
    with SyncTestClient(app) as client:
        with pytest.raises(ZeroDivisionError), client.session_transaction() as session:
            session["user"] = 1 / 0
        with pytest.raises(ConnectionRefused):
            client.connect()


async def test_each_clone_has_a_session_of_its_own():
    async with TestClient(starlette()) as client:
        other = client.clone()
        for user, name in ((client, "ada"), (other, "grace")):
            async with user.session_transaction() as session:
                session["user"] = name
            await user.connect()
        assert await client.call("whole") == {"user": "ada"}
        assert await other.call("whole") == {"user": "grace"}


# -- Flask and its test client


def test_a_flask_program_and_its_test_client():
    app = flask.Flask(__name__)
    flask_routes(app)
    sio = flask_socketio.SocketIO(app, async_mode="threading")
    sio.on_event("whole", lambda: dict(flask.session))
    web = app.test_client()
    with SyncTestClient(app, http=web) as client:
        with client.session_transaction() as session:
            session["user"] = "ada"
            session.permanent = True
        with web.session_transaction() as session:
            assert session["user"] == "ada"
            session["cart"] = ["tea"]
        client.connect()
        assert client.call("whole") == {"user": "ada", "cart": ["tea"], "_permanent": True}


# -- the cookie as the app sets it


async def test_the_cookies_path_and_name_are_the_apps():
    async with TestClient(starlette(path="/socket.io", session_cookie="sid")) as client:
        async with client.session_transaction() as session:
            session["user"] = "ada"
        (cookie,) = client.cookies.jar
        assert (cookie.name, cookie.path) == ("sid", "/socket.io")
        await client.connect()
        async with client.session_transaction() as session:
            assert session == {"user": "ada"}


async def test_a_cookie_that_is_never_sent_is_no_silent_failure():
    for options in ({"https_only": True}, {"domain": "shop.example"}):
        async with TestClient(starlette(**options)) as client:
            with pytest.raises(
                UsageError, match=r"^the session's cookie 'session' is never sent to"
            ):
                async with client.session_transaction() as session:
                    session["user"] = "ada"
    secure = TestClient(starlette(https_only=True), base_url="https://testserver")
    async with secure as client:
        async with client.session_transaction() as session:
            session["user"] = "ada"
        await client.connect()


# -- apps without sessions


async def plain(scope, receive, send):
    """An app without a framework."""


@pytest.mark.parametrize("app", [plain, fastapi.FastAPI(), socketio.ASGIApp(server(dict))])
async def test_an_app_without_sessions_is_told_which_are_known(app):
    known = "the SessionMiddleware of Starlette and FastAPI, Flask, Quart and Django"
    async with TestClient(app) as client:
        with pytest.raises(
            UsageError, match=f"^no HTTP session found in the app; supported are {known}$"
        ):
            client.session_transaction()


@pytest.mark.parametrize("make", [flask.Flask, quart.Quart])
async def test_an_app_without_a_secret_key_has_none(make):
    async with TestClient(make(__name__)) as client:
        with pytest.raises(UsageError, match="the app has no secret_key"):
            async with client.session_transaction():
                """Not reached."""


# -- Django, whose settings are global in a process


@pytest.mark.slow
def test_djangos_engines():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(CASES)],
        capture_output=True, text=True, timeout=50, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK" in done.stderr


def test_what_can_not_be_saved_is_the_frameworks_own_error():
    def put_a_set(client):
        with client.session_transaction() as session:
            session["cart"] = {"tea"}

    with SyncTestClient(starlette()) as client, pytest.raises(TypeError, match="serializable"):
        put_a_set(client)
