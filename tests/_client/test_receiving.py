"""The assertion that no event arrives, for a time."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient, UnexpectedEvent


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
