"""The app of all programs here: a module-level app, as most apps are, which all loops share."""

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ):
    await sio.emit("hello", to=sid)


@sio.event
async def echo(sid, *args):
    return args


@sio.event
async def reply(sid, *args):
    await sio.emit("reply", args, to=sid)


TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]


async def converse(client):
    """The calls that every program here makes with its connected client."""
    assert await client.call("echo", 1, b"2") == (1, b"2")
    await client.emit("reply", "x")
    assert (await client.await_event("reply")).data == "x"
