"""Connecting to a namespace: refusals, names, credentials."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import socketio
from socketio.exceptions import ConnectionRefusedError as Refusal

from asgi_sio_testclient import TestClient

from .catalogue import KNOWN_EARLY, Family, server

faults = Family()


@faults.fault(
    "A namespace is misspelt.",
    first_line="ConnectionRefused: namespace '/caht' refused: Unable to connect: the server knows '/', '/chat'; did you mean '/chat'?",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="Correct the name.",
)
async def misspelt_namespace():
    sio, app = server()

    @sio.on("message", namespace="/chat")
    async def message(sid, text):
        pass

    async with TestClient(app) as client:
        await client.connect("/caht")


@faults.fault(
    "The server has no handler in the namespace.",
    first_line="ConnectionRefused: namespace '/news' refused: Unable to connect: the server knows '/'",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="Register a handler, or list the namespace: `AsyncServer(namespaces=['/', '/news'])`.",
)
async def unknown_namespace():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect("/news")


@faults.fault(
    "A namespace has no slash.",
    first_line="ValueError: namespace is 'chat'; did you mean '/chat'?",
    cause="'chat'",
    within=KNOWN_EARLY,
    remedy="Write `/chat`.",
)
async def namespace_without_slash():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect("chat")


@faults.fault(
    "The client emits to a namespace that is not connected.",
    first_line="NotConnected: not connected to namespace '/chat', only to '/'",
    cause="'/chat'",
    within=KNOWN_EARLY,
    remedy="Call `await client.connect('/chat')` first.",
)
async def emit_to_unjoined_namespace():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("message", "hi", namespace="/chat")


@faults.fault(
    "The client awaits an event in a namespace that is not connected.",
    first_line="NotConnected: not connected to namespace '/chat', only to '/'",
    cause="'/chat'",
    within=KNOWN_EARLY,
    remedy="Call `await client.connect('/chat')` first.",
)
async def await_in_unjoined_namespace():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("message", namespace="/chat")


@faults.fault(
    "The connect handler returns False.",
    first_line="ConnectionRefused: namespace '/' refused: Connection rejected by server",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="Pass the credentials that the handler reads; `raise ConnectionRefusedError('why')` gives a reason.",
)
async def refused_without_words():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        return False

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The connect handler refuses, because no user has logged in.",
    first_line="ConnectionRefused: namespace '/' refused: not logged in",
    cause="not logged",
    within=KNOWN_EARLY,
    remedy="Log in over HTTP and pass that client: `TestClient(app, http=http)`.",
)
async def refused_with_words():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        if "HTTP_COOKIE" not in environ:
            raise Refusal("not logged in")

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "A server with `always_connect` refuses after it has accepted.",
    first_line="ConnectionRefused: namespace '/' refused: banned",
    cause="banned",
    within=KNOWN_EARLY,
    remedy="As with every refusal, the handler's text has the reason.",
)
async def refused_after_the_fact():
    sio, app = server(always_connect=True)

    @sio.event
    async def connect(sid, environ):
        raise Refusal("banned")

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The connect handler raises.",
    first_line="LookupError: no such tenant",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>')",
    cause="no such tenant",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the handler.",
)
async def connect_handler_raises():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        raise LookupError("no such tenant")

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The connect handler of a class-based namespace raises.",
    first_line="LookupError: no such tenant",
    note="raised by Chat.on_connect (event 'connect', namespace '/chat', sid '<sid>')",
    cause="no such tenant",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the handler.",
)
async def connect_method_raises():
    sio, app = server()

    class Chat(socketio.AsyncNamespace):
        async def on_connect(self, sid, environ):
            raise LookupError("no such tenant")

    sio.register_namespace(Chat("/chat"))
    async with TestClient(app) as client:
        await client.connect("/chat")


@faults.fault(
    "The connect handler has no parameter `environ`.",
    first_line="TypeError: connect() takes 1 positional argument but 3 were given",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>', "
    "defined at namespaces.py:<line>)",
    cause="takes 1",
    within=KNOWN_EARLY,
    remedy="Write `async def connect(sid, environ, auth)`.",
)
async def connect_handler_signature():
    sio, app = server()

    @sio.event
    async def connect(sid):
        pass

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The connect handler reads `auth`, and the client sends none.",
    first_line="TypeError: 'NoneType' object is not subscriptable",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>')",
    cause="NoneType",
    within=KNOWN_EARLY,
    remedy="Pass `TestClient(app, auth={'token': ...})`. A handler should refuse instead of raising.",
)
async def auth_missing():
    sio, app = server()

    @sio.event
    async def connect(sid, environ, auth):
        return auth["token"] == "secret"

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "The callable given as `auth=` raises.",
    first_line="KeyError: 'TOKEN'",
    cause="'TOKEN'",
    within=KNOWN_EARLY,
    remedy="The traceback shows the line of the callable.",
)
async def auth_callable_raises():
    _, app = server()

    def token():
        return {}["TOKEN"]

    async with TestClient(app, auth=token) as client:
        await client.connect()


@faults.fault(
    "The server accepts one namespace and refuses another.",
    first_line="ConnectionRefused: namespace '/admin' refused: staff only",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="`.refusals` has the text of each namespace.",
)
async def one_of_two_refused():
    sio, app = server()

    @sio.on("connect", namespace="/admin")
    async def connect(sid, environ):
        raise Refusal("staff only")

    async with TestClient(app) as client:
        await client.connect("/", "/admin")
