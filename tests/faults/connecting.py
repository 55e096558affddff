"""Before the Engine.IO session is open: paths, transports, origins, middleware, apps that don't
answer.
"""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio

import socketio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Mount

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server
from .handmade import (
    answers_the_probe_only,
    http_only,
    never_answers,
    returns_without_answering,
    web_site,
    websocket_that_says,
)

faults = Family()


@faults.fault(
    "`socketio_path` is wrong.",
    first_line="HandshakeFailed: 404: no Socket.IO server answers there; the app has one at socketio_path='/socket.io': Not Found (ws://testserver/socketio/?transport=websocket&EIO=4)",
    cause="no Socket.IO",
    within=KNOWN_EARLY,
    remedy="Pass the path of the server, which is `socket.io` by default.",
)
async def wrong_path():
    _, app = server()
    async with TestClient(app, socketio_path="socketio") as client:
        await client.connect()


@faults.fault(
    "`socketio_path` is wrong, over long-polling.",
    first_line="HandshakeFailed: 404: no Socket.IO server answers there; the app has one at socketio_path='/socket.io': Not Found (http://testserver/socketio/?transport=polling&EIO=4)",
    cause="no Socket.IO",
    within=KNOWN_EARLY,
    remedy="Pass the path of the server, which is `socket.io` by default.",
)
async def wrong_path_over_polling():
    _, app = server()
    async with TestClient(app, socketio_path="socketio", transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The Socket.IO app is mounted at `/ws`, and `socketio_path` does not contain this path.",
    first_line="HandshakeFailed: 403: no Socket.IO server answers there; the app has one at socketio_path='/ws/socket.io' (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="no Socket.IO",
    within=KNOWN_EARLY,
    remedy="Put the mount's path first: `socketio_path='/ws/socket.io'`.",
)
async def mount_forgotten():
    sio, _ = server()
    app = FastAPI()
    app.mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io"))
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Another route of the app answers the handshake with an HTML page.",
    first_line="HandshakeFailed: 200: that is no Engine.IO handshake; is socketio_path='socket.io' right?: <!doctype html> (http://testserver/socket.io/?transport=polling&EIO=4)",
    cause="no Engine.IO",
    within=KNOWN_EARLY,
    remedy="Correct `socketio_path`, or the order of the routes.",
)
async def start_page_answers():
    async with TestClient(web_site, transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The server allows long-polling only, and the client uses a websocket.",
    first_line="HandshakeFailed: 403: Invalid transport (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="Invalid transport",
    within=KNOWN_EARLY,
    remedy="Pass `transports=('polling',)`, or add `websocket` to the server's `transports`.",
)
async def websocket_switched_off():
    _, app = server(transports=["polling"])
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The server allows websockets only, and the client uses long-polling.",
    first_line="HandshakeFailed: 400: Invalid transport (http://testserver/socket.io/?transport=polling&EIO=4)",
    cause="Invalid transport",
    within=KNOWN_EARLY,
    remedy="Pass `transports=('websocket',)`, or add `polling` to the server's `transports`.",
)
async def polling_switched_off():
    _, app = server(transports=["websocket"])
    async with TestClient(app, transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The client's origin is not in `cors_allowed_origins`.",
    first_line="HandshakeFailed: 403: origin refused: https://evil.example is not an accepted origin. (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="origin refused",
    within=KNOWN_EARLY,
    remedy="Add the origin to `cors_allowed_origins`, or send another `Origin` header.",
)
async def origin_refused():
    _, app = server(cors_allowed_origins=["https://shop.example"])
    async with TestClient(app, headers={"Origin": "https://evil.example"}) as client:
        await client.connect()


@faults.fault(
    "The client's origin is not in `cors_allowed_origins`, over long-polling.",
    first_line="HandshakeFailed: 400: origin refused: https://evil.example is not an accepted origin. (http://testserver/socket.io/?transport=polling&EIO=4)",
    cause="origin refused",
    within=KNOWN_EARLY,
    remedy="Add the origin to `cors_allowed_origins`, or send another `Origin` header.",
)
async def origin_refused_over_polling():
    _, app = server(cors_allowed_origins=["https://shop.example"])
    headers = {"Origin": "https://evil.example"}
    async with TestClient(app, headers=headers, transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The query has an `EIO` version that the server does not support.",
    first_line="HandshakeFailed: 403: The client is using an unsupported version of the Socket.IO or Engine.IO protocols (ws://testserver/socket.io/?EIO=3&transport=websocket&EIO=4)",
    cause="using an unsupp",
    within=KNOWN_EARLY,
    remedy="Omit `EIO` from `query`; the client adds it.",
)
async def unsupported_protocol_version():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect(query={"EIO": "3"})


@faults.fault(
    "TrustedHostMiddleware refuses the client's host.",
    first_line="HandshakeFailed: 400: Invalid host header (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="Invalid host",
    within=KNOWN_EARLY,
    remedy="Pass a host that the app trusts: `base_url='http://shop.example'`.",
)
async def untrusted_host():
    _, sio_app = server()
    app = TrustedHostMiddleware(sio_app, allowed_hosts=["shop.example"])
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The app redirects the handshake to https.",
    first_line="HandshakeFailed: 307: redirected to wss://testserver/socket.io/?transport=websocket&EIO=4 (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="redirected",
    within=KNOWN_EARLY,
    remedy="Pass `base_url='https://testserver'`.",
)
async def redirected_to_https():
    _, sio_app = server()
    app = Starlette(routes=[Mount("/", sio_app)], middleware=[Middleware(HTTPSRedirectMiddleware)])
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Middleware refuses the handshake, because the client has not logged in.",
    first_line='HandshakeFailed: 401: {"message":"log in first"} (ws://testserver/socket.io/?transport=websocket&EIO=4)',
    cause="log in first",
    within=KNOWN_EARLY,
    remedy="Log in over HTTP and pass that client: `TestClient(app, http=http)`.",
)
async def login_wall():
    _, sio_app = server()

    async def wall(scope, receive, send):
        if scope["type"] == "lifespan":
            await sio_app(scope, receive, send)
        else:
            response = JSONResponse({"message": "log in first"}, status_code=401)
            await response(scope, receive, send)

    async with TestClient(wall) as client:
        await client.connect()


@faults.fault(
    "Middleware raises.",
    first_line="ZeroDivisionError: division by zero",
    cause="division by zero",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the middleware.",
)
async def exploding_middleware():
    _, sio_app = server()

    async def middleware(scope, receive, send):
        if scope["type"] == "websocket":
            1 / 0  # noqa: B018 (the fault)
        await sio_app(scope, receive, send)

    async with TestClient(middleware) as client:
        await client.connect()


@faults.fault(
    "Middleware raises, over long-polling.",
    first_line="ZeroDivisionError: division by zero",
    cause="division by zero",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the middleware.",
)
async def exploding_middleware_over_polling():
    _, sio_app = server()

    async def middleware(scope, receive, send):
        if scope["type"] == "http":
            1 / 0  # noqa: B018 (the fault)
        await sio_app(scope, receive, send)

    async with TestClient(middleware, transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The app serves HTTP only, and the client uses a websocket.",
    first_line="AssertionError: this app serves HTTP only",
    cause="HTTP only",
    within=KNOWN_EARLY,
    remedy="Wrap the app in `socketio.ASGIApp(sio, app)`, and pass that one.",
)
async def app_without_websockets():
    async with TestClient(http_only) as client:
        await client.connect()


@faults.fault(
    "The app returns without accepting the websocket.",
    first_line="HandshakeFailed: no response: the app returned without accepting the websocket (ws://testserver/socket.io/?transport=websocket&EIO=4)",
    cause="no response",
    within=KNOWN_EARLY,
    remedy="Check that middleware awaits the app that it wraps.",
)
async def app_returns_without_answering():
    async with TestClient(returns_without_answering) as client:
        await client.connect()


@faults.fault(
    "The app returns without a response, over long-polling.",
    first_line="HandshakeFailed: no response: the app returned without a response (http://testserver/socket.io/?transport=polling&EIO=4)",
    cause="no response",
    within=KNOWN_EARLY,
    remedy="Check that middleware awaits the app that it wraps.",
)
async def app_returns_without_answering_over_polling():
    async with TestClient(returns_without_answering, transports=("polling",)) as client:
        await client.connect()


@faults.fault(
    "The app does not accept the websocket.",
    first_line="ConnectTimeout: the app has not accepted the websocket, it is at handmade.py:<line> in never_answers: await asyncio.Event().wait(): no Engine.IO handshake within 0.2 s",
    cause="not accepted",
    within=AT_TIMEOUT,
    remedy="Check what the app awaits before it accepts: a lock, a database, another service.",
)
async def app_hangs_in_handshake():
    async with TestClient(never_answers) as client:
        await client.connect(timeout=SHORT)


@faults.fault(
    "The app does not answer the handshake, over long-polling.",
    first_line="ConnectTimeout: the app has not answered, it is at handmade.py:<line> in never_answers: await asyncio.Event().wait(): no Engine.IO handshake within 0.2 s",
    cause="not answered",
    within=AT_TIMEOUT,
    remedy="Check what the app awaits before it answers: a lock, a database, another service.",
)
async def app_hangs_in_handshake_over_polling():
    async with TestClient(never_answers, transports=("polling",)) as client:
        await client.connect(timeout=SHORT)


@faults.fault(
    "The connect handler does not end.",
    first_line="ConnectTimeout: still running: connect (event 'connect', namespace '/') at connecting.py:<line> in connect: await asyncio.Event().wait(): no answer to CONNECT of namespace '/' within 0.2 s",
    cause="still running: connect",
    within=AT_TIMEOUT,
    remedy="The first line has the place where the handler is suspended.",
)
async def connect_handler_hangs():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        await asyncio.Event().wait()

    async with TestClient(app, timeout=SHORT) as client:
        await client.connect()


@faults.fault(
    "The websocket at `socketio_path` has another protocol.",
    first_line="ProtocolError: malformed Engine.IO packet: 'Welcome to the chat!'",
    cause="malformed Engine.IO",
    within=KNOWN_EARLY,
    remedy="Correct `socketio_path`: there is no Socket.IO server at this one.",
)
async def websocket_of_another_protocol():
    async with TestClient(websocket_that_says("Welcome to the chat!")) as client:
        await client.connect()


@faults.fault(
    "The websocket at `socketio_path` accepts and sends nothing.",
    first_line="ConnectTimeout: the app accepted the websocket and sent nothing: no Engine.IO handshake within 0.2 s",
    cause="accepted the websocket",
    within=AT_TIMEOUT,
    remedy="Correct `socketio_path`: there is no Socket.IO server at this one.",
)
async def websocket_that_says_nothing():
    async with TestClient(websocket_that_says()) as client:
        await client.connect(timeout=SHORT)


@faults.fault(
    "The Socket.IO app is mounted at `/ws`, and its own `socketio_path` does not contain this path.",
    first_line="HandshakeFailed: 404: no Socket.IO server answers there; the app's ASGIApp is given the whole path '/ws/socket.io/' and serves 'socket.io': make it ASGIApp(sio, socketio_path='ws/socket.io') and pass socketio_path='/ws/socket.io': Not Found (ws://testserver/ws/socket.io/?transport=websocket&EIO=4)",
    cause="no Socket.IO",
    within=KNOWN_EARLY,
    remedy="A mounted app receives the whole path: `socketio.ASGIApp(sio, socketio_path='ws/socket.io')`.",
)
async def path_of_mounted_app():
    _, sio_app = server()
    app = FastAPI()
    app.mount("/ws", sio_app)
    async with TestClient(app, socketio_path="/ws/socket.io") as client:
        await client.connect()


@faults.fault(
    "The server has no `async_mode`, and aiohttp is installed.",
    first_line="UsageError: async_mode is 'aiohttp'; an ASGI app needs 'asgi': make it socketio.AsyncServer(async_mode='asgi')",
    cause="async_mode is 'aiohttp'",
    within=KNOWN_EARLY,
    remedy="Pass `async_mode='asgi'`: python-socketio uses the first framework that it can import.",
)
async def async_mode_of_aiohttp():
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="aiohttp"))
    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The application that `socketio.ASGIApp` wraps is passed.",
    first_line="HandshakeFailed: 404: no Socket.IO server answers there; it is in the socketio.ASGIApp around this app: pass that one: Not Found (http://testserver/socket.io/?transport=polling&EIO=4)",
    cause="no Socket.IO",
    within=KNOWN_EARLY,
    remedy="Pass the `ASGIApp`: the wrapped application has no server.",
)
async def inner_app_for_the_wrapper():
    inner = Starlette()
    wrapper = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"), inner)
    async with TestClient(inner, transports="polling") as client:
        await client.connect()
    return wrapper


@faults.fault(
    "The server answers the probe of an upgrade, but not the pending GET.",
    first_line="ConnectTimeout: no NOOP came: the server answered the upgrade's probe and left the pending GET open, which a NOOP has to end: no Engine.IO handshake within 0.2 s",
    cause="no NOOP came",
    within=AT_TIMEOUT,
    remedy="Correct the server: Engine.IO requires a NOOP for the pending GET, together with the PONG.",
)
async def upgrade_without_noop():
    async with TestClient(
        answers_the_probe_only, transports=("polling", "websocket"), timeout=SHORT
    ) as client:
        await client.connect()


@faults.fault(
    "An exception in the server's own code, such as instrumentation, is only logged.",
    first_line="ConnectTimeout: the server logged 'Unknown receive error': LookupError('no span for this packet') <n> s ago: no answer to CONNECT of namespace '/' within 0.2 s",
    cause="the server logged",
    within=AT_TIMEOUT,
    remedy="The message quotes the server's log, which has the traceback.",
)
async def logged_by_the_server():
    sio, app = server()
    original = sio.eio._trigger_event

    async def traced(event, *args, **options):
        if event == "message":
            raise LookupError("no span for this packet")
        return await original(event, *args, **options)

    sio.eio._trigger_event = traced
    async with TestClient(app, timeout=SHORT) as client:
        await client.connect()
