"""Wrong use of the client."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio
import sys

import pytest
import socketio

from asgi_sio_testclient import TestClient

from .catalogue import KNOWN_EARLY, Family, server
from .handmade import engineio_by_hand

faults = Family()


@faults.fault(
    "The app is given as an import string.",
    first_line="TypeError: app is the str 'shop.main:app'; expected the ASGI app itself: import it; or the URL of a live server, such as 'http://localhost:8000'",
    cause="str",
    within=KNOWN_EARLY,
    remedy="Import the app and pass the object: `from shop.main import app`.",
)
async def import_string_for_app():
    TestClient("shop.main:app")


@faults.fault(
    "The Socket.IO server is passed instead of the app.",
    first_line="TypeError: app is the server; expected the ASGI app around it: socketio.ASGIApp(sio)",
    cause="the server",
    within=KNOWN_EARLY,
    remedy="Pass `socketio.ASGIApp(sio)`, or the application in which the server is mounted.",
)
async def server_for_app():
    sio, _ = server()
    TestClient(sio)


@faults.fault(
    "A server in threading mode, Flask-SocketIO's or python-socketio's, is passed instead of the app.",
    first_line="TypeError: app is the server; expected the WSGI app around it, such as Flask's, or an ASGI app around that: a2wsgi.WSGIMiddleware(app)",
    cause="the server",
    within=KNOWN_EARLY,
    remedy="Pass the Flask app, or `socketio.WSGIApp(sio)`: a2wsgi bridges it to ASGI (extra `flask`).",
)
async def threaded_server_for_app():
    TestClient(socketio.Server(async_mode="threading"))


@faults.fault(
    "A WSGI app is passed, and a2wsgi is not installed.",
    first_line="UsageError: a WSGI app needs a2wsgi, which bridges it to ASGI: pip install 'asgi-sio-testclient[flask]'",
    cause="a2wsgi",
    within=KNOWN_EARLY,
    remedy="Install the extra, as the message says.",
)
async def wsgi_app_without_its_bridge():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "a2wsgi", None)
        TestClient(socketio.WSGIApp(socketio.Server(async_mode="threading")))


@faults.fault(
    "A transport is misspelt.",
    first_line="ValueError: transports is ('websockets',); expected some of ('polling', 'websocket')",
    cause="'websockets'",
    within=KNOWN_EARLY,
    remedy="The names are those of python-socketio: `polling` and `websocket`.",
)
async def unknown_transport():
    _, app = server()
    TestClient(app, transports=("websockets",))


@faults.fault(
    "The serializer is misspelt.",
    first_line="ValueError: serializer is 'msgpak'; expected one of ('default', 'msgpack') or a Packet class",
    cause="'msgpak'",
    within=KNOWN_EARLY,
    remedy="Pass `default`, `msgpack`, or the server's own subclass of `socketio.packet.Packet`.",
)
async def unknown_serializer():
    _, app = server()
    TestClient(app, serializer="msgpak")


@faults.fault(
    "The timeout is negative.",
    first_line="ValueError: timeout is -1; expected seconds, 0 or more",
    cause="-1",
    within=KNOWN_EARLY,
    remedy="Pass seconds, zero or more; `0` returns only what has already arrived.",
)
async def negative_timeout():
    _, app = server()
    TestClient(app, timeout=-1)


@faults.fault(
    "A URL is passed as `http=`.",
    first_line="TypeError: http is 'http://testserver'; expected an httpx client, or Starlette's or FastAPI's TestClient, or Flask's",
    cause="http is",
    within=KNOWN_EARLY,
    remedy="Pass the client object that has logged in; a URL is passed as `base_url=`.",
)
async def url_for_http_client():
    _, app = server()
    TestClient(app, http="http://testserver")


@faults.fault(
    "The app is passed as `server=`.",
    first_line="TypeError: server is <socketio.asgi.ASGIApp object at 0x...>; expected a socketio.AsyncServer, or an object with its attributes: async_mode, handlers, logger, sockets, start_background_task are missing",
    cause="ASGIApp",
    within=KNOWN_EARLY,
    remedy="Pass the app's `socketio.AsyncServer`, or omit `server=`.",
)
async def app_named_as_server():
    _, app = server()
    TestClient(app, server=app)


@faults.fault(
    "The client connects without `async with`.",
    first_line="UsageError: not entered: use it within `async with TestClient(app) as client:`",
    cause="not entered",
    within=KNOWN_EARLY,
    remedy="Write `async with TestClient(app) as client:` and connect in the block.",
)
async def not_entered():
    _, app = server()
    await TestClient(app).connect()


@faults.fault(
    "The client is used after the end of its block.",
    first_line="UsageError: not entered: use it within `async with TestClient(app) as client:`",
    cause="not entered",
    within=KNOWN_EARLY,
    remedy="Move the call into the block, or create another client.",
)
async def used_after_exit():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
    await client.emit("chat", "hi")


@faults.fault(
    "The client emits before it has connected.",
    first_line="NotConnected: not connected: connect() first",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Call `await client.connect()` first: entering the client starts the app, but does not connect.",
)
async def emit_before_connect():
    _, app = server()
    async with TestClient(app) as client:
        await client.emit("chat", "hi")


@faults.fault(
    "The client awaits an event before it has connected.",
    first_line="NotConnected: not connected: connect() first",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Call `await client.connect()` first.",
)
async def await_before_connect():
    _, app = server()
    async with TestClient(app) as client:
        await client.await_event("news")


@faults.fault(
    "The client was entered in another event loop, for example by a session-wide fixture.",
    first_line="UsageError: this client was entered in another event loop",
    cause="another",
    within=KNOWN_EARLY,
    remedy="Give the fixture and the test the same loop scope.",
)
async def entered_in_another_loop():
    _, app = server()

    async def elsewhere():
        await client.emit("chat", "hi")

    async with TestClient(app) as client:
        await client.connect()
        await asyncio.to_thread(asyncio.run, elsewhere())


@faults.fault(
    "`session()` is used, and the client can't find the server.",
    first_line="UsageError: server not found: the app's socketio.AsyncServer was not found in the app's call stack; pass server= to the TestClient, or, if the app's server is not python-socketio's, await an event or an ack instead of this call",
    cause="server not found",
    within=KNOWN_EARLY,
    remedy="Pass `TestClient(app, server=sio)`.",
)
async def session_without_server():
    async with TestClient(engineio_by_hand) as client:
        await client.connect()
        async with client.session():
            pass


@faults.fault(
    "`session()` is used with a namespace that is not connected.",
    first_line="NotConnected: not connected to namespace '/admin', only to '/'",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Call `await client.connect('/admin')` first.",
)
async def session_of_unjoined_namespace():
    _, app = server(namespaces=["/", "/admin"])
    async with TestClient(app) as client:
        await client.connect()
        async with client.session("/admin"):
            pass


@faults.fault(
    "`connect()` gets a URL, as in the stock client.",
    first_line="ValueError: connect() takes no URL: write connect(), since the app is given to TestClient(app); a query goes into query=",
    cause="takes no URL",
    within=KNOWN_EARLY,
    remedy="The app is the server: call `await client.connect()`, or `connect('/chat')` for a namespace.",
)
async def connect_to_a_url():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect("http://localhost:8000")


@faults.fault(
    "A method of the stock client is called to wait.",
    first_line="AttributeError: no .wait on TestClient: write await client.await_event('name'), or async for event in client.events()",
    cause="no .wait",
    within=KNOWN_EARLY,
    remedy="*From a uvicorn fixture* has a table of the other calls.",
)
async def habit_of_the_stock_client():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
        await client.wait()
