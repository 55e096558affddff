"""Shared by the programs of this folder: a server, and fakes of I/O and of a store."""
import asyncio
import contextlib

import socketio

from asgi_sio_testclient import TestClient  # noqa: F401


async def io(seconds=0.01):
    """A fake of a call to a database or to another service, which takes some time."""
    await asyncio.sleep(seconds)


class Store:
    """A fake key-value store, as in many tests: every call suspends once."""

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
        """Yield a copy of the data, which is written back at the end of the block."""
        copy = dict(self.data)
        yield copy
        await asyncio.sleep(0)
        self.data.update(copy)

    async def rows(self):
        """Yield keys and values one by one, as a database cursor does."""
        for key in list(self.data):
            await asyncio.sleep(0)
            yield key, self.data[key]


def server(**options):
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    app = socketio.ASGIApp(sio)
    app.sio = sio
    return sio, app
