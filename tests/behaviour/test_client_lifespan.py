"""Startup and shutdown of the app, and the errors of a failed startup or shutdown."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import socketio
from apps import WAIT, lab
from fastapi import FastAPI
from starlette.applications import Starlette

from asgi_sio_testclient import LifespanFailed, TestClient, TestClientError

pytestmark = pytest.mark.usefixtures("nothing_left")


async def test_startup_at_the_door_shutdown_on_the_way_out():
    steps = []
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.on("disconnect")
    async def disconnect(sid, reason):
        await asyncio.sleep(0)
        steps.append("disconnect")

    async def on_startup():
        steps.append("startup")

    app = socketio.ASGIApp(sio, on_startup=on_startup, on_shutdown=lambda: steps.append("shutdown"))
    client = TestClient(app)
    assert steps == []
    async with client:
        assert steps == ["startup"]
        await client.connect()
    assert steps == ["startup", "disconnect", "shutdown"]


async def test_each_block_has_its_own():
    steps = []
    app = socketio.ASGIApp(
        socketio.AsyncServer(async_mode="asgi"),
        on_startup=lambda: steps.append("startup"),
        on_shutdown=lambda: steps.append("shutdown"),
    )
    for _ in range(2):
        async with TestClient(app):
            pass
    assert steps == ["startup", "shutdown"] * 2


async def test_shutdown_comes_also_after_an_error():
    steps = []
    app = socketio.ASGIApp(
        socketio.AsyncServer(async_mode="asgi"),
        on_startup=lambda: steps.append("startup"),
        on_shutdown=lambda: steps.append("shutdown"),
    )
    with pytest.raises(ZeroDivisionError):
        async with TestClient(app):
            raise ZeroDivisionError
    assert steps == ["startup", "shutdown"]


class OwnLifespan(socketio.ASGIApp):
    steps = None

    async def lifespan(self, scope, receive, send):
        for step in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{step}"
            self.steps.append(step)
            await send({"type": f"lifespan.{step}.complete"})


def in_a_subclass(sio, steps):
    app = OwnLifespan(sio)
    app.steps = steps
    return app


def on_the_instance(sio, steps):
    app, other = socketio.ASGIApp(sio), in_a_subclass(sio, steps)
    app.lifespan = other.lifespan
    return app


def as_a_startup_hook(sio, steps):
    return socketio.ASGIApp(sio, on_startup=lambda: steps.append("startup"))


def as_a_shutdown_hook(sio, steps):
    return socketio.ASGIApp(sio, on_shutdown=lambda: steps.append("shutdown"))


def of_the_other_app(sio, steps):
    return socketio.ASGIApp(sio, in_a_subclass(socketio.AsyncServer(async_mode="asgi"), steps))


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (in_a_subclass, ["startup", "shutdown"]),
        (on_the_instance, ["startup", "shutdown"]),
        (as_a_startup_hook, ["startup"]),
        (as_a_shutdown_hook, ["shutdown"]),
        (of_the_other_app, ["startup", "shutdown"]),
    ],
)
async def test_lifespans_of_an_asgiapp(made, expected):
    """A lifespan runs in every ASGIApp, except in one without hooks and without another app."""
    steps = []
    async with TestClient(made(socketio.AsyncServer(async_mode="asgi"), steps)) as client:
        await client.connect()
    assert steps == expected


async def test_the_lifespan_can_be_omitted():
    app = lab()
    async with TestClient(app.app, lifespan=False) as client:
        await client.connect()
        assert await client.call("echo", 1) == 1
    assert app.app.of("lifespan") == []


async def test_the_lifespan_runs_once_for_all_clients():
    app = lab()
    async with TestClient(app.app) as ann, ann.clone() as bob:
        await ann.connect()
        await bob.connect()
    assert len(app.app.of("lifespan")) == 1


async def test_frameworks(transports):
    steps = []

    @asynccontextmanager
    async def lifespan(app):
        steps.append("startup")
        yield {"from": "lifespan"}
        steps.append("shutdown")

    for kind in (FastAPI, Starlette):
        steps.clear()
        inner = lab(socketio_path="/ws/socket.io")
        app = kind(lifespan=lifespan)
        app.mount("/ws", inner.app)
        async with TestClient(app, transports=transports, socketio_path="/ws/socket.io") as client:
            assert steps == ["startup"]
            await client.connect()
            assert await client.call("echo", 1) == 1
        assert steps == ["startup", "shutdown"]
        assert inner.app.handshake.scope["state"]["from"] == "lifespan"


class TestUnsupported:
    async def connects(self, app):
        async with TestClient(app) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1

    async def test_an_app_that_asserts_its_scope(self):
        inner = lab()

        async def app(scope, receive, send):
            assert scope["type"] in ("http", "websocket")
            await inner.app(scope, receive, send)

        await self.connects(app)

    async def test_an_app_that_returns(self):
        inner = lab()

        async def app(scope, receive, send):
            if scope["type"] != "lifespan":
                await inner.app(scope, receive, send)

        await self.connects(app)

    async def test_an_app_that_raises_on_the_scope(self):
        inner = lab()

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                raise NotImplementedError("no lifespan here")
            await inner.app(scope, receive, send)

        await self.connects(app)

    async def test_an_app_that_ends_after_startup(self):
        inner = lab()

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                return
            await inner.app(scope, receive, send)

        await self.connects(app)


class TestFailingStartup:
    async def fails(self, app, **options):
        options.setdefault("timeout", 30)
        async with asyncio.timeout(WAIT):
            with pytest.raises(LifespanFailed) as caught:
                async with TestClient(app, **options):
                    raise AssertionError("the block must not run")
        assert isinstance(caught.value, TestClientError)
        assert caught.value.phase == "startup"
        assert "startup" in str(caught.value)
        return caught.value

    async def test_sent_with_a_message(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})

        error = await self.fails(app)
        assert error.message == "no database"
        assert "no database" in str(error)

    async def test_sent_without_one(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed"})

        await self.fails(app)

    async def test_sent_and_then_nothing_more_ever(self):
        """The app does not return after startup.failed; the error is raised without that."""
        forever = asyncio.Event()

        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database"})
            await forever.wait()

        assert (await self.fails(app)).message == "no database"

    async def test_raised(self):
        async def app(scope, receive, send):
            await receive()
            raise LookupError("no database")

        error = await self.fails(app)
        assert "no database" in error.message
        assert isinstance(error.__cause__, LookupError)

    @pytest.mark.parametrize("kind", [FastAPI, Starlette])
    async def test_in_a_framework(self, kind):
        @asynccontextmanager
        async def lifespan(app):
            raise LookupError("no database")
            yield

        error = await self.fails(kind(lifespan=lifespan))
        assert "no database" in error.message
        assert isinstance(error.__cause__, LookupError)

    async def test_in_socketios_own(self):
        async def on_startup():
            raise LookupError("no database")

        sio = socketio.AsyncServer(async_mode="asgi")
        await self.fails(socketio.ASGIApp(sio, on_startup=on_startup))

    async def test_a_startup_that_hangs_is_bounded(self):
        forever = asyncio.Event()

        async def app(scope, receive, send):
            await receive()
            await forever.wait()

        await self.fails(app, timeout=0.05)

    async def test_the_next_one_on_the_same_app_starts(self):
        attempts = []
        sio = socketio.AsyncServer(async_mode="asgi")
        sio.on("echo", lambda sid, value: value)

        def on_startup():
            attempts.append(1)
            if len(attempts) == 1:
                raise LookupError("not yet")

        app = socketio.ASGIApp(sio, on_startup=on_startup)
        await self.fails(app)
        async with TestClient(app) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1


class TestFailingShutdown:
    async def test_sent(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.failed", "message": "still busy"})

        with pytest.raises(LifespanFailed) as caught:
            async with TestClient(app):
                pass
        assert caught.value.phase == "shutdown"
        assert caught.value.message == "still busy"

    async def test_raised(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            raise LookupError("still busy")

        with pytest.raises(LifespanFailed) as caught:
            async with TestClient(app):
                pass
        assert caught.value.phase == "shutdown"
        assert "still busy" in caught.value.message
        assert isinstance(caught.value.__cause__, LookupError)

    async def test_the_tests_own_error_wins(self):
        async def app(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.failed", "message": "still busy"})

        with pytest.raises(ZeroDivisionError):
            async with TestClient(app):
                raise ZeroDivisionError


async def test_the_exit_of_one_client_does_not_end_handlers_of_another(transports):
    """Two clients are entered separately, on one server and in one loop."""
    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio)
    begun, go_on = asyncio.Event(), asyncio.Event()

    @sio.event
    async def slow(sid):
        begun.set()
        await go_on.wait()
        return "done"

    async with TestClient(app, transports=transports) as stays:
        await stays.connect()
        async with TestClient(app, transports=transports, timeout=WAIT) as leaves:
            await leaves.connect()
            answer = asyncio.ensure_future(stays.call("slow"))
            await begun.wait()
        assert not answer.done()
        go_on.set()
        assert await answer == "done"
