"""The contenders of the floor: the bare driver over websocket and polling, and its variants."""

import contextlib

from benchmarks.app import make_app
from benchmarks.floor import BareFloor, PollingFloor, QueueFloor, WebSocketFloor
from benchmarks.method import Cannot, Contender, on_a_loop, whole_tests
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST


def _within(driver, operation):
    @contextlib.asynccontextmanager
    async def opened():
        client = driver(make_app())
        await client.connect()
        yield getattr(client, operation)
        await client.close()

    return on_a_loop(opened)


def _connect(driver):
    @contextlib.asynccontextmanager
    async def opened():
        app = make_app()

        async def cycle():
            client = driver(app)
            await client.connect()
            await client.close_last()

        yield cycle

    return on_a_loop(opened)


def _test(driver):
    async def one_test():
        client = driver(make_app())
        await client.connect()
        await client.call()
        await client.close_last()

    return whole_tests(one_test)


def contenders():
    return [
        Contender(
            "floor",
            "bare driver, websocket (the floor)",
            {
                CALL: _within(WebSocketFloor, "call"),
                EMIT_EVENT: _within(WebSocketFloor, "emit_and_event"),
                POLLING_CALL: Cannot('see the line "bare driver, polling"'),
                CONNECT: _connect(WebSocketFloor),
                TEST: _test(WebSocketFloor),
                NEGATIVE: Cannot("a bare driver can't detect that no event will arrive"),
            },
        ),
        Contender(
            "floor_bare",
            "bare driver, no DISCONNECT, service task kept",
            {CONNECT: _connect(BareFloor), TEST: _test(BareFloor)},
            variant=True,
        ),
        Contender(
            "floor_queue",
            "bare driver, receive() from an asyncio.Queue",
            {
                CALL: _within(QueueFloor, "call"),
                EMIT_EVENT: _within(QueueFloor, "emit_and_event"),
                CONNECT: _connect(QueueFloor),
            },
            variant=True,
        ),
        Contender(
            "floor_polling",
            "bare driver, polling",
            {
                POLLING_CALL: _within(PollingFloor, "call"),
                CONNECT: _connect(PollingFloor),
                TEST: _test(PollingFloor),
            },
            variant=True,
        ),
    ]
