"""The hot path's operations: what the profile samples and the guard counts."""

import contextlib
import functools

from asgi_sio_testclient import TestClient
from benchmarks.app import make_app
from benchmarks.floor import PollingFloor, WebSocketFloor
from benchmarks.peers import ours as our_client

OPERATIONS = ("call", "emit_event", "polling_call", "connect")


@contextlib.asynccontextmanager
async def floor(operation: str):
    driver = PollingFloor if operation == "polling_call" else WebSocketFloor
    app = make_app()

    async def cycle():
        client = driver(app)
        await client.connect()
        await client.close()

    if operation == "connect":
        yield cycle
        return
    client = driver(app)
    await client.connect()
    yield client.emit_and_event if operation == "emit_event" else client.call
    await client.close()


@contextlib.asynccontextmanager
async def ours(operation: str):
    app = make_app()

    async def cycle():
        async with TestClient(app) as client:
            await client.connect()

    if operation == "connect":
        yield cycle
        return
    async with our_client.connected(
        "polling" if operation == "polling_call" else "websocket"
    ) as client:
        one = our_client.emit_event if operation == "emit_event" else our_client.call
        yield functools.partial(one, client)
