"""Apps of python-engineio and python-socketio that follow the rules of the official suites."""

import engineio
import socketio

HEARTBEAT = {"ping_interval": 0.3, "ping_timeout": 0.2, "max_http_buffer_size": 1_000_000}


def engineio_app():
    """Return an app that sends every message back."""
    server = engineio.AsyncServer(async_mode="asgi", **HEARTBEAT)

    @server.on("message")
    async def message(sid, data):
        await server.send(sid, data)

    return engineio.ASGIApp(server)


def socketio_app(other_asgi_app=None, **options):
    """Return an app that follows the echo rules, written as in python-socketio's documentation."""
    server = socketio.AsyncServer(async_mode="asgi", **HEARTBEAT, **options)

    for namespace in ("/", "/custom"):

        @server.on("connect", namespace=namespace)
        async def connect(sid, environ, auth, namespace=namespace):
            await server.emit("auth", auth or {}, to=sid, namespace=namespace)

    @server.on("message")
    async def message(sid, *args):
        await server.emit("message-back", args, to=sid)

    @server.on("message-with-ack")
    async def message_with_ack(sid, *args):
        return args

    return socketio.ASGIApp(server, other_asgi_app=other_asgi_app)


def both(**options):
    """Return one app with both, as the command line takes it."""
    return socketio_app(engineio_app(), **options)


app = both()
