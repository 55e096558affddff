"""This client, by its public API only."""

import contextlib
import functools

from asgi_sio_testclient import SyncTestClient, TestClient
from benchmarks.app import make_app
from benchmarks.method import Contender, in_this_thread, on_a_loop, whole_tests
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST


async def call(client):
    assert await client.call("echo", "hello") == "hello"


async def emit_event(client):
    await client.emit("ask", "hello")
    assert (await client.await_event("answer")).data == "hello"


async def nothing(client):
    await client.emit("quiet", "hello")
    await client.assert_not_received()


@contextlib.asynccontextmanager
async def connected(transport="websocket"):
    async with TestClient(make_app(), transports=(transport,)) as client:
        await client.connect()
        yield client


def _within(operation, transport="websocket"):
    @contextlib.asynccontextmanager
    async def opened():
        async with connected(transport) as client:
            yield functools.partial(operation, client)

    return on_a_loop(opened)


def _connect(transport="websocket"):
    @contextlib.asynccontextmanager
    async def opened():
        app = make_app()

        async def cycle():
            async with TestClient(app, transports=(transport,)) as client:
                await client.connect()

        yield cycle

    return on_a_loop(opened)


def _test(transport="websocket"):
    async def one_test():
        async with connected(transport) as client:
            await call(client)

    return whole_tests(one_test)


@contextlib.contextmanager
def _sync_call():
    with SyncTestClient(make_app()) as client:
        client.connect()
        yield functools.partial(client.call, "echo", "hello")


def contenders():
    return [
        Contender(
            "ours",
            "asgi-sio-testclient",
            {
                CALL: _within(call),
                EMIT_EVENT: _within(emit_event),
                POLLING_CALL: _within(call, "polling"),
                CONNECT: _connect(),
                TEST: _test(),
                NEGATIVE: _within(nothing),
            },
        ),
        Contender(
            "ours_sync",
            "asgi-sio-testclient, SyncTestClient",
            {CALL: in_this_thread(_sync_call)},
            variant=True,
        ),
        Contender(
            "ours_polling",
            "asgi-sio-testclient, polling",
            {CONNECT: _connect("polling"), TEST: _test("polling")},
            variant=True,
        ),
    ]
