"""One app for each framework: a user who has logged in over HTTP may connect.

`converse` is the test for all of them, over each transport; `converse_sync` is made from its
source, without the ``await``.
"""

import inspect
import textwrap

import fastapi
import flask
import flask_socketio
import litestar
import pytest
import quart
import socketio
import werkzeug.http
from a2wsgi import WSGIMiddleware
from asgiref.wsgi import WsgiToAsgi
from django.conf import settings
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.core.asgi import get_asgi_application
from django.http import HttpResponse
from django.urls import path
from litestar.middleware.session.server_side import ServerSideSessionConfig
from litestar.params import FromQuery
from litestar.types import Receive, Scope, Send
from shared_app import TRANSPORTS
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route

from asgi_sio_testclient import ConnectionRefused

SECRET = "only for these tests"


def server(user_of):
    """Return a server that gets a connection's user by `user_of`, from the environ."""
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ, auth):
        user = user_of(environ)
        user = await user if inspect.isawaitable(user) else user
        if user is None:
            raise socketio.exceptions.ConnectionRefusedError("log in first")
        await sio.save_session(sid, {"user": user})
        await sio.emit("joined", user, room="everybody")
        await sio.enter_room(sid, "everybody")
        await sio.emit("welcome", user, to=sid)

    @sio.event
    async def echo(sid, *args):
        return args

    @sio.event
    async def say(sid, text):
        session = await sio.get_session(sid)
        await sio.emit("said", (session["user"], text), room="everybody", skip_sid=sid)

    return sio


def user_in_scope(environ):
    return environ["asgi.scope"]["session"].get("user")


def cookies_of(environ):
    return werkzeug.http.parse_cookie(environ.get("HTTP_COOKIE", ""))


def starlette_app():
    async def login(request):
        request.session["user"] = request.query_params["user"]
        return Response()

    mounted = Mount("/socket.io", socketio.ASGIApp(server(user_in_scope)))
    app = Starlette(routes=[Route("/login", login, methods=["POST"]), mounted])
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    return app


def fastapi_app():
    app = fastapi.FastAPI()
    app.add_middleware(SessionMiddleware, secret_key=SECRET)
    app.mount("/socket.io", socketio.ASGIApp(server(user_in_scope)))

    @app.post("/login")
    async def login(request: fastapi.Request, user: str):
        request.session["user"] = user

    return app


def fastapi_app_inside():
    app = fastapi.FastAPI()

    @app.post("/login")
    async def login(response: fastapi.Response, user: str):
        response.set_cookie("user", user)

    return socketio.ASGIApp(server(lambda environ: cookies_of(environ).get("user")), app)


def litestar_app():
    mounted_app = socketio.ASGIApp(server(user_in_scope), socketio_path=None)

    @litestar.asgi("/socket.io", is_mount=True, copy_scope=True)
    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await mounted_app(scope, receive, send)

    @litestar.post("/login")
    async def login(request: litestar.Request, user: FromQuery[str]) -> None:
        request.set_session({"user": user})

    sessions = ServerSideSessionConfig().middleware
    # Litestar's logging would change that of the whole process.
    return litestar.Litestar([login, mounted], middleware=[sessions], logging_config=None)


def quart_app():
    app = quart.Quart(__name__)
    app.secret_key = SECRET

    @app.post("/login")
    async def login():
        quart.session["user"] = quart.request.args["user"]
        return ""

    def user_of(environ):
        serializer = app.session_interface.get_signing_serializer(app)
        cookie = cookies_of(environ).get("session")
        return serializer.loads(cookie)["user"] if cookie else None

    return socketio.ASGIApp(server(user_of), app)


async def django_login(request):
    await request.session.aset("user", request.GET["user"])
    return HttpResponse()


urlpatterns = [path("login", django_login)]


def django_app():
    settings.configure(
        ALLOWED_HOSTS=["testserver"],
        DATABASES={},
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY=SECRET,
        SESSION_ENGINE=SessionStore.__module__,
    )

    def user_of(environ):
        return SessionStore(cookies_of(environ).get("sessionid")).aget("user")

    return socketio.ASGIApp(server(user_of), get_asgi_application())


def flask_with_login():
    app = flask.Flask(__name__)
    app.secret_key = SECRET

    @app.post("/login")
    def login():
        flask.session["user"] = flask.request.args["user"]
        return ""

    return app


def flask_app_beside():
    app = flask_with_login()

    def user_of(environ):
        request = app.request_class(environ)
        return app.session_interface.open_session(app, request).get("user")

    return socketio.ASGIApp(server(user_of), WsgiToAsgi(app))


def flask_socketio_program():
    app = flask_with_login()
    program = flask_socketio.SocketIO(app, async_mode="threading")

    @program.on("connect")
    def connect(auth):
        user = flask.session.get("user")
        if user is None:
            raise flask_socketio.ConnectionRefusedError("log in first")
        program.server.save_session(flask.request.sid, {"user": user})
        flask_socketio.emit("joined", user, to="everybody")
        flask_socketio.join_room("everybody")
        flask_socketio.emit("welcome", user)

    @program.on("echo")
    def echo(*args):
        return args

    @program.on("say")
    def say(text):
        user = flask.session["user"]
        flask_socketio.emit("said", (user, text), to="everybody", include_self=False)

    return WSGIMiddleware(app)


FRAMEWORKS = {
    "FastAPI, mounted": fastapi_app(),
    "FastAPI, wrapped": fastapi_app_inside(),
    "Starlette": starlette_app(),
    "Litestar": litestar_app(),
    "Quart": quart_app(),
    "Django": django_app(),
    "Flask beside": flask_app_beside(),
    "Flask-SocketIO": flask_socketio_program(),
}


def pairwise(runner):
    """Yield each framework with one of the transports, a different one for the next runner: each
    runner runs each framework and each transport, and each framework runs over each transport.
    """
    for number, name in enumerate(FRAMEWORKS):
        transports = TRANSPORTS[(number + runner) % len(TRANSPORTS)]
        if name == "Flask-SocketIO" and "polling" not in transports:
            transports = ("polling",)  # WSGI has no websockets
        yield name, transports


def parametrize(names, runner, **options):
    combinations = list(pairwise(runner))
    ids = [f"{name}-{'+'.join(transports)}" for name, transports in combinations]
    return pytest.mark.parametrize(names, combinations, ids=ids, **options)


async def converse(client):
    """The test for all frameworks."""
    with pytest.raises(ConnectionRefused, match="log in first"):
        await client.connect()

    assert (await client.http.post("/login?user=ada")).is_success
    await client.connect()
    assert (await client.await_event("welcome")).data == "ada"
    assert await client.call("echo", 1, b"2") == (1, b"2")

    other = client.clone(cookies=client.cookies)
    await other.connect()
    assert [event.name for event in other.get_received()] == ["welcome"]
    assert (await client.await_event("joined")).data == "ada"

    await client.emit("say", "hello")
    assert (await other.await_event("said")).args == ("ada", "hello")
    await client.assert_not_received(namespace="*")
    assert client.rooms() == {client.sid, "everybody"}
    async with other.session() as session:
        assert session == {"user": "ada"}

    await other.disconnect()
    assert other.disconnect_reason == "client disconnect"
    await client.abort()
    assert not client.is_connected()


SYNC_SOURCE = (
    textwrap.dedent(inspect.getsource(converse))
    .replace("await ", "")
    .replace("async ", "")
    .replace("def converse", "def converse_sync")
)
exec(SYNC_SOURCE)
