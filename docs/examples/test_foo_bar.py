"""The test emits `FOO` and awaits `BAR`; the app's `on_startup` has run, without uvicorn."""

import socketio

from asgi_sio_testclient import TestClient

sio = socketio.AsyncServer(async_mode="asgi")
prices = {}


async def load_prices():
    prices["tea"] = 3


@sio.on("FOO")
async def foo(sid, item):
    await sio.emit("BAR", {"item": item, "price": prices[item]}, to=sid)


app = socketio.ASGIApp(sio, on_startup=load_prices)


async def test_foo_is_answered_with_bar():
    async with TestClient(app) as client:
        await client.connect()

        await client.emit("FOO", "tea")

        bar = await client.await_event("BAR")
        assert bar.data == {"item": "tea", "price": 3}
