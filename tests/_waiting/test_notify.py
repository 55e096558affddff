"""The contract of `_waiting/idle.py`: who ends the work of a source of idleness calls notify."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._waiting.idle import IdleState

TURNS = 400  # more than a conversation takes


class Probe:
    """A source that is never idle: it is asked once for each turn in which notify was called."""

    def __init__(self):
        self.asked = 0

    def quiet(self):
        self.asked += 1
        return IdleState.BUSY


async def untold_changes(client, conversation):
    """The changes from BUSY during a conversation that no call of notify followed."""
    app, probe, untold = client._running_app, Probe(), []
    forget = app.services.idle.when_idle(lambda: [probe], lambda: None)
    talking = asyncio.ensure_future(conversation)
    busy = {}
    for _ in range(TURNS):
        before = probe.asked
        now = {source: source.quiet() for source in list(app.idle_sources())}
        changed = [source for source in busy if now.get(source) is not IdleState.BUSY]
        for source in changed:
            asked = busy.pop(source)
            await asyncio.sleep(0)
            if probe.asked == asked:
                untold.append(source)
        busy.update({source: before for source, state in now.items() if state is IdleState.BUSY})
        await asyncio.sleep(0)
    forget()
    await talking
    return untold


@pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="-".join
)
async def test_every_change_from_busy_is_told(transports):
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def work(sid):
        await asyncio.sleep(0)
        await sio.emit("news", to=sid)
        return "done"

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.sleep(0)

    async def conversation(client):
        assert await client.call("work") == "done"
        await client.emit("work")
        await client.await_events(2, "answered")
        await client.disconnect()

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:

        @client.on("news")
        async def on_news():
            await asyncio.sleep(0)
            await client.emit("ask")

        @sio.event
        async def ask(sid):
            await sio.emit("answered", to=sid)

        await client.connect()
        await client.settle()
        assert await untold_changes(client, conversation(client)) == []
