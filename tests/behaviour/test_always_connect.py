"""`always_connect=True`: the client is connected while its connect handler still runs."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import ConnectionRefused, SyncTestClient, TestClient


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi", always_connect=True)


@pytest.fixture
def reasons(sio):
    reasons = []
    sio.on("disconnect", lambda sid, reason: reasons.append(reason))
    return reasons


def add_ticker(sio, seconds):
    """Register a connect handler with an endless loop, as in Flask-SocketIO's issue 1484."""

    @sio.event
    async def connect(sid, environ):
        number = 0
        while True:
            await sio.emit("tick", number, to=sid)
            number += 1
            await asyncio.sleep(seconds)


@pytest.mark.parametrize("leave", ["abort", "disconnect", "exit"])
async def test_a_handler_that_runs_on(transports, sio, reasons, leave, nothing_left):
    add_ticker(sio, 0.01)
    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=60) as client:
        await client.connect()
        assert client.is_connected()
        assert client.sid
        ticks = await client.await_events(5, "tick")
        assert [tick.data for tick in ticks] == [0, 1, 2, 3, 4]
        if leave != "exit":
            await getattr(client, leave)()
        client.get_received()
    assert len(reasons) == 1


async def test_one_that_is_silent_leaves_the_client_connected_at_the_timeout(
    transports, sio, reasons, nothing_left
):
    @sio.event
    async def connect(sid, environ):
        await asyncio.Event().wait()

    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=60) as client:
        await client.connect(timeout=0.1)
        assert client.is_connected()
    assert reasons == ["client disconnect"]


@pytest.mark.parametrize("before", [0, 1, 2])
async def test_a_refusal_is_awaited(transports, sio, before):
    @sio.event
    async def connect(sid, environ):
        for _ in range(before):
            await sio.emit("welcome", to=sid)
        await asyncio.sleep(0.05)
        raise socketio.exceptions.ConnectionRefusedError("no")

    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=60) as client:
        with pytest.raises(ConnectionRefused, match="no"):
            await client.connect()


async def test_a_refusal_after_that_ends_the_connection(transports, sio):
    gate = asyncio.Event()

    @sio.event
    async def connect(sid, environ):
        await gate.wait()
        return False

    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=60) as client:
        await client.connect(timeout=0.1)
        gate.set()
        with pytest.raises(socketio.exceptions.DisconnectedError):
            await client.await_event("never")
        assert client.disconnect_reason == "server disconnect"


def test_in_the_sync_client(sio, reasons):
    add_ticker(sio, 0.01)
    with SyncTestClient(socketio.ASGIApp(sio), timeout=60) as client:
        client.connect()
        client.await_events(2, "tick")
        client.abort()
    assert reasons == ["transport close"]
