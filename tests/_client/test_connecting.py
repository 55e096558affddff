"""`connect`: several calls at once, and its arguments."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import ConnectionRefused, TestClient, UsageError

A_MINUTE = 60


async def test_a_refused_namespace_is_asked_for_again_while_the_call_still_waits(transports):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")
    go_on, refused, started = asyncio.Event(), [], asyncio.Event()

    @sio.on("connect", namespace="/closed")
    async def closed(sid, environ):
        if not refused:
            refused.append(sid)
            raise socketio.exceptions.ConnectionRefusedError("members only")

    @sio.on("connect", namespace="/slow")
    async def slow(sid, environ):
        started.set()
        await go_on.wait()

    app = socketio.ASGIApp(sio)
    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
        await client.connect()
        both = asyncio.create_task(client.connect("/closed", "/slow"))
        await asyncio.wait_for(started.wait(), A_MINUTE)
        again = asyncio.create_task(client.connect("/closed"))
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(ConnectionRefused, match="members only"):
            await both
        await again
        assert client.is_connected("/closed")
        assert client.is_connected("/slow")


async def test_calls_that_begin_before_there_is_a_session_share_one(transports):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")
    handshakes, begun, go_on = [], asyncio.Event(), asyncio.Event()

    async def auth():
        begun.set()
        await go_on.wait()

    async def app(scope, receive, send):
        handshakes.append(scope["type"] != "lifespan" and b"sid=" not in scope["query_string"])
        await socketio.ASGIApp(sio)(scope, receive, send)

    async with TestClient(
        app, transports=transports, auth=auth, server=sio, timeout=A_MINUTE
    ) as client:
        first = asyncio.create_task(client.connect("/a"))
        await asyncio.wait_for(begun.wait(), A_MINUTE)
        with pytest.raises(UsageError, match="already connected to '/a'"):
            await client.connect("/a")
        second = asyncio.create_task(client.connect("/b"))
        go_on.set()
        await asyncio.gather(first, second)
        assert client.is_connected("/a")
        assert client.is_connected("/b")
        assert sum(handshakes) == 1


@pytest.mark.parametrize("namespace", [None, 5, b"/chat"])
async def test_a_namespace_is_a_str(namespace):
    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio)) as client:
        with pytest.raises(TypeError, match="expected a str such as '/chat'"):
            await client.connect(namespace)
