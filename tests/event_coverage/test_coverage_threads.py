"""Event coverage of a server that runs its handlers in threads."""

import pytest
import socketio

from asgi_sio_testclient import TestClient, coverage

a2wsgi = pytest.importorskip("a2wsgi")


async def test_threaded_server():
    sio = socketio.Server(async_mode="threading")

    @sio.event
    def connect(sid, environ, auth):
        return auth != "no"

    @sio.event
    def say(sid, text):
        if not text:
            raise ValueError("nothing to say")
        sio.emit("said", text)
        return len(text)

    @sio.event
    def never(sid):
        pass

    app = a2wsgi.WSGIMiddleware(socketio.WSGIApp(sio))
    with coverage.record() as covered:
        async with TestClient(app, transports=("polling",), raise_app_exceptions=False) as client:
            await client.connect()
            assert await client.call("say", "hello") == 5
            await client.await_event("said")
            await client.emit("say", "nobody asks")
            await client.await_event("said")
            await client.emit("say", "")
            await client.settle()
    assert {row.event: (row.ran, row.acked, row.raised) for row in covered.handlers} == {
        "connect": (1, 0, 0),
        "say": (3, 1, 1),
        "never": (0, 0, 0),
    }
    assert covered.never_read == []
