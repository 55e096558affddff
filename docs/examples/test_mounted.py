"""FastAPI with Socket.IO mounted at /ws; the client gets the path as `socketio_path`."""

import pytest
import socketio
from fastapi import FastAPI

from asgi_sio_testclient import HandshakeFailed, TestClient

sio = socketio.AsyncServer(async_mode="asgi")
app = FastAPI()
# A mounted app receives the whole path, so python-socketio needs the same path as the client.
app.mount("/ws", socketio.ASGIApp(sio, socketio_path="/ws/socket.io"))


@app.post("/announce")
async def announce(text: str):
    await sio.emit("announcement", text)


@sio.event
async def add(sid, a, b):
    return a + b


@pytest.fixture
async def client():
    async with TestClient(app, socketio_path="/ws/socket.io") as client:
        await client.connect()
        yield client


async def test_a_handler_answers(client):
    assert await client.call("add", 2, 3) == 5


async def test_an_http_endpoint_emits(client):
    await client.http.post("/announce", params={"text": "tea time"})

    event = await client.await_event("announcement")
    assert event.data == "tea time"


async def test_the_wrong_path_says_so():
    async with TestClient(app) as client:
        with pytest.raises(HandshakeFailed, match="socketio_path"):
            await client.connect()
