"""What keeps a session from being idle, and its names in errors."""

import asyncio

import socketio
from scripted import client_of, soon


async def test_a_packet_that_has_not_come_to_the_server_is_named():
    held, go_on = asyncio.Event(), asyncio.Event()
    server = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))

    async def queueing(scope, receive, send):
        queue = asyncio.Queue()

        async def fill():
            while True:
                queue.put_nowait(await receive())

        async def slow_receive():
            message = await queue.get()
            if message.get("text", "").startswith("42"):
                held.set()
                await go_on.wait()
            return message

        filling = asyncio.create_task(fill())
        try:
            await server(scope, slow_receive, send)
        finally:
            filling.cancel()

    async with client_of(queueing) as client:
        await client.connect()
        await client.emit("e")
        await soon(held.wait())
        assert client.raw.why_busy().startswith("a packet is still processed by the server")
        go_on.set()
        await client.settle()
        assert client.raw.why_busy() == ""
