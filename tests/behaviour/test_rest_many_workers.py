"""`assert_not_received` beside many tasks of the test: workers that a packet wakes."""

import asyncio
import contextlib

import pytest
import socketio

from asgi_sio_testclient import TestClient


@contextlib.asynccontextmanager
async def workers(number, work):
    """Tasks of a fixture, which start before any client connects, like an app's own workers."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work()) for _ in range(number)]
        yield
        for task in tasks:
            task.cancel()


@pytest.mark.parametrize("number", [1, 40, 100, 400])
@pytest.mark.parametrize("packets_before", [0, 1, 2])
async def test_what_one_of_many_workers_sends_is_waited_for(transports, number, packets_before):
    sio = socketio.AsyncServer(async_mode="asgi")
    orders = asyncio.Queue()

    @sio.event
    async def order(sid, what):
        orders.put_nowait((sid, what))

    @sio.event
    async def hello(sid):
        pass

    async def work():
        while True:
            sid, what = await orders.get()
            await asyncio.to_thread(str)
            await sio.emit("done", what, to=sid)

    client = TestClient(socketio.ASGIApp(sio), transports=transports)
    async with workers(number, work), client:
        await client.connect()
        for _ in range(packets_before):
            await client.emit("hello")
        await client.emit("order", "tea")
        with pytest.raises(AssertionError, match="'done'"):
            await client.assert_not_received("done")
