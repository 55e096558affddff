"""A Socket.IO server in a separate process, which counts the calls of its handlers. It prints its
port, and answers ``GET /counts`` with the counts.

Usage: ``python load_server.py [PORT]``
"""

import asyncio
import collections
import json
import socket
import sys

import socketio
import uvicorn

sio = socketio.AsyncServer(async_mode="asgi")
counts = collections.Counter()


@sio.event
async def connect(sid, environ, auth):
    counts["connect"] += 1


@sio.on("connect", namespace="/chat")
async def connect_chat(sid, environ, auth):
    counts["/chat connect"] += 1
    if (auth or {}).get("token") == "wrong":
        raise socketio.exceptions.ConnectionRefusedError("not you")


@sio.event
async def say(sid, *args):
    counts["say"] += 1
    return args


@sio.event
async def message(sid, *args):
    counts["message"] += 1


@sio.on("say", namespace="/chat")
async def say_chat(sid, *args):
    counts["/chat say"] += 1
    return args


@sio.event
async def repeat(sid, count):
    counts["repeat"] += 1
    for number in range(count):
        await sio.emit("repeated", number, to=sid)


@sio.event
async def later(sid, seconds):
    counts["later"] += 1
    await asyncio.sleep(seconds)
    return "late"


@sio.event
async def ask(sid):
    counts["ask"] += 1
    await sio.emit("question", to=sid, callback=lambda *args: None)


@sio.event
async def leave_me(sid):
    await sio.disconnect(sid)


@sio.event(namespace="/chat")
async def leave_chat(sid):
    await sio.disconnect(sid, namespace="/chat")


socketio_app = socketio.ASGIApp(sio)


async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] == "/counts":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(counts).encode()})
    else:
        await socketio_app(scope, receive, send)


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    listening = socket.create_server(("127.0.0.1", port))
    print(listening.getsockname()[1], flush=True)  # noqa: T201
    config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
