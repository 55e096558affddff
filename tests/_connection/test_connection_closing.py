"""The end of a session, and of the calls of the app that it has."""

import asyncio
import warnings

import socketio
from scripted import NEVER, OPEN, SOON, Polled, client_of, over_websocket, respond, soon

from asgi_sio_testclient import LeakWarning

# -- what the server sends


async def test_a_handler_of_the_test_may_drop_the_connection_that_is_being_left():
    async with client_of(over_websocket(_opens_one)) as client:
        await client.connect()
        client.on("disconnect", lambda reason, raw=client.raw: raw.drop())
        await client.disconnect()
        assert client.disconnect_reason == "client disconnect"


async def _opens_one(wire):
    await wire.open("/")
    await wire.until_the_end()


# -- leaving


async def test_a_server_that_does_not_end_is_cancelled_at_exit():
    ended = []

    async def script(wire):
        await wire.open("/")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LeakWarning)  # another test covers the warning
        async with client_of(over_websocket(script), timeout=NEVER) as client:
            await client.connect(timeout=SOON)
    assert ended == ["cancelled"]


async def test_the_answer_to_a_post_that_comes_after_the_end_changes_nothing():
    posted, go_on = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        if scope["method"] == "GET":
            await polled(scope, receive, send)
        elif (await receive())["body"] == b'42["e"]':
            posted.set()
            await go_on.wait()
            await respond(send, b"too late", 500)
        else:
            await respond(send, b"OK")

    polled = Polled(OPEN, '40{"sid":"x"}')
    async with client_of(app, "polling") as client:
        await soon(client.connect())
        await client.emit("e")
        await soon(posted.wait())
        client.raw.drop()
        assert client.disconnect_reason == "transport close"
        go_on.set()
        await soon(client.disconnect())
        assert client.disconnect_reason == "transport close"


# -- what the error of settle names


async def test_leaving_cancels_the_connect_handlers_that_run_on_and_no_others():
    sio = socketio.AsyncServer(async_mode="asgi", always_connect=True, namespaces="*")
    started, go_on, ended = asyncio.Event(), asyncio.Event(), []

    @sio.on("connect", namespace="/slow")
    async def connect(sid, environ):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("connect")

    @sio.on("hang")
    async def hang(sid):
        started.set()
        await go_on.wait()
        ended.append("hang")

    async with client_of(socketio.ASGIApp(sio), timeout=60) as client:
        await client.connect()
        await client.emit("hang")
        await soon(started.wait())
        await client.connect("/slow", timeout=NEVER)
        await client.disconnect()
        assert ended == ["connect"]
        go_on.set()
    assert ended == ["connect", "hang"]
