"""A client that is used after the end of its block raises a UsageError."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import NotConnected, TestClient, UsageError


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


async def test_a_clone_that_has_left_its_own_block_does_not_connect(sio, transports):
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as owner:
        await owner.connect()
        async with owner.clone() as clone:
            await clone.connect()
        with pytest.raises(UsageError, match="not entered"):
            await clone.connect()
        assert not clone.is_connected()
        assert owner.is_connected()


SENDING = {
    "emit": lambda client: client.emit("x"),
    "call": lambda client: client.call("x"),
    "send": lambda client: client.send("x"),
}


@pytest.mark.parametrize("send", SENDING.values(), ids=SENDING)
async def test_sending_outside_of_the_block_and_without_a_connection_differ(sio, send):
    client = TestClient(socketio.ASGIApp(sio))
    for _ in range(2):
        with pytest.raises(UsageError, match="not entered"):
            await send(client)
        async with client:
            with pytest.raises(NotConnected):
                await send(client)
            await client.connect()
            await client.disconnect()
            with pytest.raises(NotConnected):
                await send(client)
    with pytest.raises(UsageError, match="not entered"):
        await send(client)


@pytest.mark.parametrize("end", ["disconnect", "abort", "kick"])
async def test_events_end_with_the_connection(sio, transports, end):
    @sio.event
    async def leave(sid):
        await sio.emit("last", to=sid)
        await sio.disconnect(sid)

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        read = []

        async def reader():
            async for event in client.events():
                read.append(event.name)

        task = asyncio.create_task(reader())
        if end == "kick":
            await client.emit("leave")
        else:
            await (client.disconnect() if end == "disconnect" else client.abort())
        async with asyncio.timeout(60):
            await task
        assert read == (["last"] if end == "kick" else [])
