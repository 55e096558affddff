"""Middleware between the client and the server that passes packets on in its own tasks, or drops
packets.
"""

import asyncio
import contextlib

import pytest
import socketio

from asgi_sio_testclient import ConnectionRefused, EventTimeout, TestClient, UnexpectedEvent

A_MINUTE = 60
every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


def new_server():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def say(sid, text):
        await sio.emit("said", text, to=sid)
        return text

    return sio, socketio.ASGIApp(sio)


async def pump(get, put, seconds):
    """Pass messages on, each after some seconds; end when the client has closed."""
    with contextlib.suppress(OSError):
        while True:
            message = await get()
            if seconds is not None:
                await asyncio.sleep(seconds)
            await put(message)


def queued(app, *, seconds=None, receive_too=False):
    """Pass sent messages, and with `receive_too` received ones, through a queue and a task."""

    async def middleware(scope, receive, send):
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        incoming, outgoing = asyncio.Queue(), asyncio.Queue()
        tasks = [asyncio.create_task(pump(outgoing.get, send, seconds))]
        if receive_too:
            tasks.append(asyncio.create_task(pump(receive, incoming.put, seconds)))
            receive = incoming.get
        try:
            await app(scope, receive, outgoing.put)
            while not outgoing.empty() and not tasks[0].done():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0 if seconds is None else 2 * seconds)
        finally:
            for task in tasks:
                task.cancel()

    return middleware


@every_transport
@pytest.mark.parametrize("seconds", [None, 0, 0.02])
@pytest.mark.parametrize("receive_too", [False, True])
async def test_a_queue_and_a_task_of_its_own(transports, seconds, receive_too):
    sio, app = new_server()
    wrapped = queued(app, seconds=seconds, receive_too=receive_too)
    async with TestClient(wrapped, transports=transports, server=sio, timeout=A_MINUTE) as client:
        await client.connect()
        for _ in range(3):
            await client.emit("say", "hello")
            with pytest.raises(UnexpectedEvent):
                await client.assert_not_received("said")
            client.get_received()
            await client.settle()
            assert client.get_received() == []


def polled(app):
    """Pass messages to a websocket on, by a loop of short sleeps."""

    async def flush(box, send):
        while True:
            await asyncio.sleep(0.04)
            while box:
                await send(box.pop(0))

    async def middleware(scope, receive, send):
        if scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        box = []

        async def put(message):
            box.append(message)

        task = asyncio.create_task(flush(box, send))
        try:
            await app(scope, receive, put)
        finally:
            task.cancel()

    return middleware


def relayed(app):
    """Run the app in a task, and send its messages in the middleware's own call."""

    async def middleware(scope, receive, send):
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        outgoing = asyncio.Queue()
        call = asyncio.create_task(app(scope, receive, outgoing.put))
        while True:
            message = asyncio.create_task(outgoing.get())
            await asyncio.wait({call, message}, return_when=asyncio.FIRST_COMPLETED)
            if not message.done():
                message.cancel()
                await call
                return
            await send(message.result())

    return middleware


MIDDLEWARES = {
    "queue": queued,
    "two queues": lambda app: queued(queued(app)),
    "slow queue": lambda app: queued(app, seconds=0.02),
    "loop": polled,
    "call": relayed,
}


@every_transport
@pytest.mark.parametrize("middleware", MIDDLEWARES)
async def test_an_ack_behind_an_event(transports, middleware):
    app = MIDDLEWARES[middleware](new_server()[1])
    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
        await client.connect()
        for _ in range(3):
            assert await client.call("say", "hello") == "hello"
        assert len(await client.await_events(3, "said")) == 3
        with pytest.raises(EventTimeout, match="the server has no handler for 'cry'"):
            await client.call("cry")


@every_transport
@pytest.mark.parametrize("middleware", MIDDLEWARES)
async def test_a_refusal_after_the_fact(transports, middleware):
    sio = socketio.AsyncServer(async_mode="asgi", always_connect=True)

    @sio.event
    async def connect(sid, environ):
        raise socketio.exceptions.ConnectionRefusedError("no")

    app = MIDDLEWARES[middleware](socketio.ASGIApp(sio))
    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
        with pytest.raises(ConnectionRefused):
            await client.connect()


def dropping(app, word):
    """Drop the client's packets that contain a word."""

    async def middleware(scope, receive, send):
        first = await receive() if scope["type"] == "http" else None
        if first is not None and word in first["body"].decode():
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"OK"})
            return

        async def filtered():
            nonlocal first
            message, first = first or await receive(), None
            while word in str(message.get("text") or ""):
                message = await receive()
            return message

        await app(scope, filtered, send)

    return middleware


@every_transport
async def test_a_packet_that_is_dropped(transports):
    sio, app = new_server()
    wrapped = dropping(app, "secret")
    async with TestClient(wrapped, transports=transports, server=sio, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("say", "secret")
        await client.assert_not_received("said")
        await client.emit("say", "hello")
        await client.settle()
        assert [event.data for event in client.get_received()] == ["hello"]
