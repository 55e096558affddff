"""The operations of the hot path, for the profile, the guard and the counts of valgrind.

The floor and this client perform each operation on the same app. This client's goals are ratios of
the two.
"""

import contextlib
import functools
from collections.abc import Awaitable, Callable

from asgi_sio_testclient import TestClient
from benchmarks import users
from benchmarks.app import make_app
from benchmarks.floor import PollingFloor, WebSocketFloor
from benchmarks.peers import ours as our_client

GOALS = {
    "call": 1.15,
    "emit_event": 1.14,
    "polling_call": 1.25,
    "connect": 1.25,
    "test": 1.2,
    "broadcast": 1.2,
}
"""The most instructions as a multiple of the floor's; for polling, of the bare polling driver's."""

OPERATIONS = ("call", "emit_event", "polling_call", "connect", "broadcast")
RECIPIENTS = 50


@contextlib.asynccontextmanager
async def floor(operation: str):
    if operation == "broadcast":
        async with _users("floor") as broadcast:
            yield broadcast
        return
    driver = PollingFloor if operation == "polling_call" else WebSocketFloor
    app = make_app()

    async def cycle():
        client = driver(app)
        await client.connect()
        await client.close_last()

    if operation == "connect":
        yield cycle
        return
    client = driver(app)
    await client.connect()
    yield client.emit_and_event if operation == "emit_event" else client.call
    await client.close_last()


@contextlib.asynccontextmanager
async def ours(operation: str):
    if operation == "broadcast":
        async with _users("ours") as broadcast:
            yield broadcast
        return
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


@contextlib.asynccontextmanager
async def _users(who: str):
    async with users.users(who) as clients:
        await clients.grow_to(RECIPIENTS)
        yield clients.broadcast
        await clients.close()


def whole_test(side: str) -> Callable[[], Awaitable[None]]:
    """Return a coroutine function: create an app, connect, call once and disconnect."""

    async def by_the_floor():
        client = WebSocketFloor(make_app())
        await client.connect()
        await client.call()
        await client.close_last()

    async def by_this_client():
        async with our_client.connected() as client:
            await our_client.call(client)

    return by_the_floor if side == "floor" else by_this_client
