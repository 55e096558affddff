"""An entered `http` client has run the lifespan of the app; the client does not run it again."""

import contextlib

import fastapi
import pytest
import socketio
from fastapi.testclient import TestClient as FastAPITestClient
from starlette.testclient import TestClient as StarletteTestClient

from asgi_sio_testclient import SyncTestClient, TestClient, UsageError

TWICE = "^the lifespan would run twice: .* don't enter it, or pass lifespan=False(\n|$)"


class Started:
    """Apps that count how often their lifespan starts."""

    def __init__(self):
        self.count = 0

    @contextlib.asynccontextmanager
    async def lifespan(self, app):
        self.count += 1
        yield

    async def on_startup(self):
        self.count += 1

    def server(self):
        return socketio.AsyncServer(async_mode="asgi")

    def wrapped(self):
        api = fastapi.FastAPI(lifespan=self.lifespan)
        return api, socketio.ASGIApp(self.server(), api)

    def mounted(self):
        api = fastapi.FastAPI(lifespan=self.lifespan)
        api.mount("/", socketio.ASGIApp(self.server()))
        return api, api

    def by_hooks(self):
        app = socketio.ASGIApp(self.server(), on_startup=self.on_startup)
        return app, app


@pytest.fixture
def started():
    return Started()


@pytest.fixture(params=["wrapped", "mounted", "by_hooks"])
def apps(started, request):
    """The app that receives the HTTP requests, and the app with Socket.IO."""
    return getattr(started, request.param)()


async def test_an_entered_client_is_refused_in_words(started, apps):
    inner, app = apps
    with StarletteTestClient(inner) as http:
        with pytest.raises(UsageError, match=TWICE):
            await TestClient(app, http=http).__aenter__()
        with pytest.raises(UsageError, match=TWICE):
            SyncTestClient(app, http=http).__enter__()
    assert started.count == 1


async def test_what_the_words_say_works(started, apps):
    inner, app = apps
    with FastAPITestClient(inner) as http:
        async with TestClient(app, http=http, lifespan=False) as client:
            await client.connect()
    assert started.count == 1
    async with TestClient(app, http=FastAPITestClient(inner)) as client:
        await client.connect()
    assert started.count == 2


async def test_a_lifespan_that_does_nothing_may_run_twice():
    api = fastapi.FastAPI()
    with FastAPITestClient(api) as http:
        async with TestClient(socketio.ASGIApp(Started().server(), api), http=http) as client:
            await client.connect()


async def test_what_is_not_run_or_is_another_apps_does_not_count(started):
    _, app = started.wrapped()
    bare = socketio.ASGIApp(started.server())
    other = Started()
    with StarletteTestClient(other.wrapped()[0]) as http:
        async with TestClient(app, http=http) as client:
            await client.connect()
    with StarletteTestClient(bare) as http:
        async with TestClient(bare, http=http) as client:
            await client.connect()
    assert (started.count, other.count) == (1, 1)
