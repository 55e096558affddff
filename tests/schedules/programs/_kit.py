"""What the programs of this folder share: a server, and stand-ins for the outside world."""
import asyncio
import contextlib

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

    @contextlib.asynccontextmanager
    async def transaction(self):
        """A copy of the data, written back at the end."""
        copy = dict(self.data)
        yield copy
        await asyncio.sleep(0)
        self.data.update(copy)

    async def rows(self):
        """Keys and values, as a cursor fetches them: one by one."""
        for key in list(self.data):
            await asyncio.sleep(0)
            yield key, self.data[key]


def server(**options):
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    app = socketio.ASGIApp(sio)
    app.sio = sio
    return sio, app
