"""Waits for events, and the assertion that no event arrives."""

import asyncio

import pytest
import socketio
from apps import Recorder

from asgi_sio_testclient import NotConnected, TestClient, UnexpectedEvent

SOON = 10.0


@pytest.mark.slow
async def test_a_time_without_an_event_in_time_travel():
    sio = socketio.AsyncServer(async_mode="asgi")

    async def remind(sid):
        await sio.sleep(3600)
        await sio.emit("reminder", to=sid)

    @sio.event
    async def order(sid):
        sio.start_background_task(remind, sid)

    async with TestClient(socketio.ASGIApp(sio)) as client, client.time_travel():
        await client.connect()
        await client.emit("order")
        await client.assert_not_received(within=3500)
        with pytest.raises(UnexpectedEvent, match="reminder"):
            await client.assert_not_received(within=200)


async def test_an_event_that_comes_within_the_time_stays_unread():
    sio = socketio.AsyncServer(async_mode="asgi")

    async def remind(sid):
        await asyncio.sleep(0.3)
        await sio.emit("reminder", to=sid)

    @sio.event
    async def order(sid):
        sio.start_background_task(remind, sid)

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.assert_not_received(within=0)
        await client.emit("order")
        with pytest.raises(UnexpectedEvent, match="reminder"):
            await client.assert_not_received(within=60)
        assert [event.name for event in client.get_received()] == ["reminder"]


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


async def cancelled(task):
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, SOON)


async def test_an_error_that_comes_in_the_step_of_a_cancellation_is_raised_by_the_next_wait(sio):
    @sio.on("boom")
    async def boom(sid):
        # This runs after the handler has raised, and before the wait that gets the exception goes
        # on.
        asyncio.get_running_loop().call_soon(waiting.cancel)
        raise LookupError("mine")

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        waiting = asyncio.ensure_future(client.await_event("never"))
        await asyncio.sleep(0)
        await client.emit("boom")
        await cancelled(waiting)
        with pytest.raises(LookupError, match="mine"):
            await client.await_event("never")


async def test_an_event_that_comes_in_the_step_of_a_cancellation_is_read_by_the_next_wait(sio):
    app = Recorder(socketio.ASGIApp(sio))
    async with TestClient(app) as client:
        await client.connect()
        waiting = asyncio.ensure_future(client.await_event("e"))
        await asyncio.sleep(0)
        app.after_send = lambda message: waiting.cancel()
        await sio.emit("e", 1)
        await cancelled(waiting)
        assert (await client.await_event("e")).data == 1


async def test_an_end_that_comes_in_the_step_of_a_cancellation_is_told_by_the_next_wait(sio):
    app = Recorder(socketio.ASGIApp(sio))
    async with TestClient(app) as client:
        await client.connect()
        waiting = asyncio.ensure_future(client.await_event("e"))
        await asyncio.sleep(0)
        app.after_send = lambda message: waiting.cancel()
        await sio.disconnect(client.sid)
        await cancelled(waiting)
        assert client.disconnect_reason == "server disconnect"
        with pytest.raises(NotConnected):
            await client.await_event("e")
