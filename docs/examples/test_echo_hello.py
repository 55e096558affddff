"""An echo server that emits "hello" at connect; the fixture reads this event before each test."""

import pytest
import socketio

from asgi_sio_testclient import TestClient

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    await sio.emit("hello", {"sid": sid}, to=sid)


@sio.on("*")
async def echo(event, sid, *args):
    await sio.emit(event, args, to=sid)


@pytest.fixture
async def client():
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("hello")
        yield client


async def test_one_argument(client):
    await client.emit("ping", {"n": 1})

    event = await client.await_event()

    assert (event.name, event.data) == ("ping", {"n": 1})


async def test_any_number_of_arguments(client):
    await client.emit("none")
    await client.emit("three", 1, "two", b"\x03")

    none, three = await client.await_events(2)

    assert none.args == ()
    assert three.args == (1, "two", b"\x03")


async def test_nothing_comes_unasked(client):
    await client.emit("ping")
    await client.await_event("ping")

    assert client.get_received() == []
