"""Startup and shutdown of the app: failing, raising, not ending."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio
from contextlib import asynccontextmanager

import fastapi.testclient
import socketio
from fastapi import FastAPI

from asgi_sio_testclient import SyncTestClient, TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server

faults = Family()


async def used(app, **settings) -> None:
    async with TestClient(app, **settings):
        pass


def lifespan_app(startup, shutdown):
    """Return an app that answers the two lifespan events with the given messages."""

    async def app(scope, receive, send):
        for reply in (startup, shutdown):
            await receive()
            await send(reply)

    return app


@faults.fault(
    "The app's startup fails with a message.",
    first_line="LifespanFailed: lifespan startup failed: no database",
    cause="startup failed",
    within=KNOWN_EARLY,
    remedy="The message is the app's own.",
)
async def startup_fails_with_message():
    await used(
        lifespan_app(
            {"type": "lifespan.startup.failed", "message": "no database"},
            {"type": "lifespan.shutdown.complete"},
        )
    )


@faults.fault(
    "A FastAPI lifespan raises at startup.",
    first_line="LifespanFailed: lifespan startup failed: ConnectionError: no database",
    cause="startup failed",
    within=KNOWN_EARLY,
    remedy="The app's exception is the `__cause__`; the traceback shows the line.",
)
async def startup_raises():
    @asynccontextmanager
    async def lifespan(app):
        raise ConnectionError("no database")
        yield

    await used(FastAPI(lifespan=lifespan))


@faults.fault(
    "`on_startup` raises, and socketio.ASGIApp swallows the exception.",
    first_line="LifespanFailed: lifespan startup failed: ConnectionError: no database",
    cause="startup failed",
    within=KNOWN_EARLY,
    remedy="The app's exception is the `__cause__`; the traceback shows the line.",
)
async def on_startup_raises():
    sio, _ = server()

    async def on_startup():
        raise ConnectionError("no database")

    await used(socketio.ASGIApp(sio, on_startup=on_startup))


@faults.fault(
    "The app's startup does not end.",
    first_line="LifespanFailed: lifespan startup failed: no answer within 0.2 s: lifespan.py:<line> in connect_to_database: await asyncio.Event().wait()",
    cause="no answer",
    within=AT_TIMEOUT,
    remedy="The first line has the place where the app is suspended.",
)
async def startup_hangs():
    async def connect_to_database():
        await asyncio.Event().wait()

    @asynccontextmanager
    async def lifespan(app):
        await connect_to_database()
        yield

    await used(FastAPI(lifespan=lifespan), timeout=SHORT)


@faults.fault(
    "A lifespan raises at shutdown.",
    first_line="LifespanFailed: lifespan shutdown failed: OSError: disk full",
    cause="OSError",
    within=KNOWN_EARLY,
    remedy="The app's exception is the `__cause__`; the traceback shows the line.",
)
async def shutdown_raises():
    @asynccontextmanager
    async def lifespan(app):
        yield
        raise OSError("disk full")

    await used(FastAPI(lifespan=lifespan))


@faults.fault(
    "The app's shutdown does not end.",
    first_line="LifespanFailed: lifespan shutdown failed: no answer within 0.2 s: lifespan.py:<line> in flush: await asyncio.Event().wait()",
    cause="no answe",
    within=AT_TIMEOUT,
    remedy="The first line has the place where the app is suspended.",
)
async def shutdown_hangs():
    async def flush():
        await asyncio.Event().wait()

    @asynccontextmanager
    async def lifespan(app):
        yield
        await flush()

    await used(FastAPI(lifespan=lifespan), timeout=SHORT)


@faults.fault(
    "`lifespan=False` is passed, and the app needs its lifespan.",
    first_line="AttributeError: 'State' object has no attribute 'stock'",
    note="raised by order (event 'order', namespace '/', sid '<sid>')",
    cause="no attribute",
    within=KNOWN_EARLY,
    remedy="Omit `lifespan=False`.",
)
async def lifespan_switched_off():
    sio, _ = server()

    @asynccontextmanager
    async def lifespan(app):
        app.state.stock = {"tea": 3}
        yield

    shop = FastAPI(lifespan=lifespan)

    @sio.event
    async def order(sid, article):
        return shop.state.stock[article]

    async with TestClient(socketio.ASGIApp(sio, shop), lifespan=False) as client:
        await client.connect()
        await client.call("order", "tea")


@faults.fault(
    "`http=` is an entered TestClient of Starlette, which has run the lifespan.",
    first_line="UsageError: the lifespan would run twice: the client given as http= was entered, and has started the app; don't enter it, or pass lifespan=False",
    cause="the lifespan would run twice",
    within=KNOWN_EARLY,
    remedy="Do not enter that client, or pass `lifespan=False`.",
)
async def lifespan_run_by_the_http_client():
    started = []

    @asynccontextmanager
    async def lifespan(app):
        started.append(app)
        yield

    app = FastAPI(lifespan=lifespan)

    def enter():
        with fastapi.testclient.TestClient(app) as http, SyncTestClient(app, http=http):
            """Never entered."""

    await asyncio.to_thread(enter)
