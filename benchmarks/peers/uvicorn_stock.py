"""uvicorn and python-socketio's own client, in one process and one event loop.

This is the cheapest form of such a fixture; a server in another thread or process costs more.
"""

import asyncio
import contextlib
import functools

import socketio
import uvicorn

from benchmarks.app import make_app
from benchmarks.method import Cannot, Contender, on_a_loop, whole_tests
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST

SILENCE_S = 0.1
LINGERS = Cannot(
    "a disconnect over polling waits up to 45 s until the server answers the pending GET"
)


@contextlib.asynccontextmanager
async def serve(app):
    config = uvicorn.Config(app, port=0, log_level="error", loop="asyncio", lifespan="on")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.001)
    (listener,) = server.servers[0].sockets
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


class _Client(socketio.AsyncClient):
    """The stock client with a queue of received events, as test suites with this client add it."""

    def __init__(self) -> None:
        super().__init__(reconnection=False)
        self.received = asyncio.Queue()
        self.on("answer", self.received.put_nowait)


@contextlib.asynccontextmanager
async def _client(url, transport, server=None):
    """A connected client. If `server` is given, the server ends the session, off the clock."""
    client = _Client()
    await client.connect(url, transports=[transport])
    try:
        yield client
    finally:
        if server is not None:
            await server.eio.disconnect()
        await client.disconnect()


async def _call(client):
    assert await client.call("echo", "hello") == "hello"


async def _emit_event(client):
    await client.emit("ask", "hello")
    assert await client.received.get() == "hello"


async def _nothing(client):
    await client.emit("quiet", "hello")
    await asyncio.sleep(SILENCE_S)
    assert client.received.empty()


def _within(operation, transport):
    @contextlib.asynccontextmanager
    async def opened():
        app = make_app()
        lingering = app.engineio_server if transport == "polling" else None
        async with serve(app) as url, _client(url, transport, lingering) as client:
            yield functools.partial(operation, client)

    return on_a_loop(opened)


def _connect(transport):
    @contextlib.asynccontextmanager
    async def opened():
        async with serve(make_app()) as url:

            async def cycle():
                async with _client(url, transport):
                    pass

            yield cycle

    return on_a_loop(opened)


def _test(transport):
    async def one_test():
        async with serve(make_app()) as url, _client(url, transport) as client:
            await _call(client)

    return whole_tests(one_test)


def _contender(transport, call_key, other_key):
    return Contender(
        f"uvicorn_{transport}",
        f"uvicorn + stock AsyncClient, {transport}",
        {
            call_key: _within(_call, transport),
            other_key: Cannot("see the other line of uvicorn"),
            EMIT_EVENT: _within(_emit_event, transport),
            CONNECT: _connect(transport) if transport == "websocket" else LINGERS,
            TEST: _test(transport) if transport == "websocket" else LINGERS,
            NEGATIVE: _within(_nothing, transport),
        },
    )


def contenders():
    return [
        _contender("websocket", CALL, POLLING_CALL),
        _contender("polling", POLLING_CALL, CALL),
    ]
