"""What the programs of this folder share: a server, and stand-ins for the outside world."""
import asyncio

import socketio

from asgi_sio_testclient import TestClient  # noqa: F401


async def io(seconds=0.01):
    """A call to a database or to another service: takes as long as it takes."""
    await asyncio.sleep(seconds)


class Store:
    """A fake key-value store, as people write them for tests: every call suspends once."""

    def __init__(self, **data):
        self.data = data

    async def get(self, key, default=None):
        await asyncio.sleep(0)
        return self.data.get(key, default)

    async def set(self, key, value):
        await asyncio.sleep(0)
        self.data[key] = value


def server(**options):
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    app = socketio.ASGIApp(sio)
    app.sio = sio
    return sio, app
