"""`isolate_context`: the context variables that the app's calls can read."""

import asyncio
import contextlib
import contextvars

import fastapi
import flask
import flask_socketio
import pytest
import socketio

from asgi_sio_testclient import SyncTestClient, TestClient

TENANT = contextvars.ContextVar("tenant", default="none")


class App:
    """An app that returns the tenant that each kind of call reads."""

    def __init__(self):
        self.lifespan = []
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.sio.on("connect", self.connect)
        self.sio.on("whose", self.whose)
        self.sio.on("in a thread", self.in_a_thread)
        api = fastapi.FastAPI(lifespan=self.run)
        api.get("/whose")(self.route)
        self.asgi = socketio.ASGIApp(self.sio, api)

    @contextlib.asynccontextmanager
    async def run(self, app):
        self.lifespan.append(TENANT.get())
        TENANT.set("the lifespan's")
        yield
        self.lifespan.append(TENANT.get())

    async def connect(self, sid, environ):
        await self.sio.emit("connected", TENANT.get(), to=sid)

    async def whose(self, sid):
        await asyncio.sleep(0)
        return TENANT.get()

    async def in_a_thread(self, sid):
        return await asyncio.to_thread(TENANT.get)

    async def route(self):
        return TENANT.get()


@pytest.fixture
def app():
    return App()


ISOLATED = pytest.mark.parametrize(
    ("isolate", "seen"), [(True, "none"), (False, "red")], ids=["isolated", "copied"]
)


@pytest.fixture(autouse=True)
def tenant():
    token = TENANT.set("red")
    yield
    TENANT.reset(token)


@ISOLATED
async def test_every_call_of_the_app(app, transports, isolate, seen):
    TENANT.set("red")
    client = TestClient(app.asgi, transports=transports, isolate_context=isolate)
    async with client:
        await client.connect()
        assert (await client.await_event("connected")).data == seen
        assert await client.call("whose") == seen
        assert await client.call("in a thread") == seen
        assert (await client.http.get("/whose")).json() == seen
    assert app.lifespan == [seen, "the lifespan's"]
    assert TENANT.get() == "red"


@ISOLATED
def test_the_same_without_await(app, transports, isolate, seen):
    TENANT.set("red")
    with SyncTestClient(app.asgi, transports=transports, isolate_context=isolate) as client:
        client.connect()
        assert client.await_event("connected").data == seen
        assert client.call("whose") == seen
        assert client.http.get("/whose").json() == seen
    assert app.lifespan[0] == seen


@ISOLATED
async def test_a_websocket_by_hand(app, isolate, seen):
    TENANT.set("red")
    client = TestClient(app.asgi, isolate_context=isolate)
    async with client:
        await client.connect()
        websocket = await client.raw.websocket(sid="")
        websocket.send("40")
        while "connected" not in (text := await websocket.receive()):
            """The handshake comes first."""
        assert seen in text
        websocket.close()


@ISOLATED
async def test_a_wsgi_app(isolate, seen):
    TENANT.set("red")
    app = flask.Flask(__name__)
    sio = flask_socketio.SocketIO(app, async_mode="threading")
    sio.on_event("connect", lambda: flask_socketio.emit("connected", TENANT.get()))
    async with TestClient(app, isolate_context=isolate) as client:
        await client.connect()
        assert client.get_received()[0].data == seen


async def test_a_clone_may_differ(app):
    TENANT.set("red")
    async with TestClient(app.asgi) as client:
        other = client.clone(isolate_context=True)
        await other.connect()
        assert await other.call("whose") == "none"
        assert await client.clone().connect()
