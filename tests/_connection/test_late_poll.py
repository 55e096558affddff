"""The response of a poll that arrives after the end of its connection is ignored."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient

WAIT = 60.0


class LatePolls:
    """Delays the response of each poll, from the given one on, until the test sets `go_on`."""

    def __init__(self, app, status, first):
        self.app = app
        self.status = status
        self.first = first
        self.polls = 0
        self.held, self.go_on, self.answered = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        self.polls += 1
        if self.polls < self.first:
            await self.app(scope, receive, send)
            return
        self.held.set()
        # An app that does not react to the end of its client.
        while not self.go_on.is_set():
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                continue
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b'42["late"]'})
        self.answered.set()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("leave", [TestClient.abort, TestClient.disconnect])
async def test_a_late_response_is_dropped(leave, status):
    sio = socketio.AsyncServer(async_mode="asgi")
    # The first two requests are the handshake, and the poll with the CONNECT packet.
    app = LatePolls(socketio.ASGIApp(sio), status, first=3)
    async with TestClient(app, transports=("polling",), lifespan=False) as client:
        await client.connect()
        async with asyncio.timeout(WAIT):
            await app.held.wait()
        leaving = asyncio.create_task(leave(client))
        await asyncio.sleep(0)
        app.go_on.set()
        async with asyncio.timeout(WAIT):
            await leaving
            await app.answered.wait()
        assert client.get_received() == []
        assert not client.is_connected()
    assert app.polls == 3


@pytest.mark.parametrize("status", [200, 400])
async def test_a_handshake_is_dropped_too(status):
    app = LatePolls(None, status, first=1)
    async with TestClient(app, transports=("polling",), lifespan=False) as client:
        connecting = asyncio.create_task(client.connect())
        async with asyncio.timeout(WAIT):
            await app.held.wait()
        connecting.cancel()
        await asyncio.wait([connecting])
        assert connecting.cancelled()
        app.go_on.set()
        async with asyncio.timeout(WAIT):
            await app.answered.wait()
        assert not client.is_connected()
    assert app.polls == 1
