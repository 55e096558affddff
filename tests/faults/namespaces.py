"""Between an Engine.IO session and a namespace: refusals, names, credentials."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import socketio
from socketio.exceptions import ConnectionRefusedError as Refusal

from asgi_sio_testclient import TestClient

from .catalogue import KNOWN_EARLY, Family, server

faults = Family()


@faults.fault(
    "Misspells a namespace.",
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
    "Connects to a namespace without any handler.",
    first_line="ConnectionRefused: namespace '/news' refused: Unable to connect: the server knows '/'",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="Register a handler, or list it: `AsyncServer(namespaces=['/', '/news'])`.",
)
async def unknown_namespace():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect("/news")


@faults.fault(
    "Leaves out the slash of a namespace.",
    first_line="ValueError: namespace is 'chat'; did you mean '/chat'?",
    cause="'chat'",
    within=KNOWN_EARLY,
    remedy="`/chat`.",
)
async def namespace_without_slash():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect("chat")


@faults.fault(
    "Emits to a namespace that was never joined.",
    first_line="NotConnected: not connected to namespace '/chat', only to '/'",
    cause="'/chat'",
    within=KNOWN_EARLY,
    remedy="`await client.connect('/chat')` first.",
)
async def emit_to_unjoined_namespace():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("message", "hi", namespace="/chat")


@faults.fault(
    "Awaits an event of a namespace that was never joined.",
    first_line="NotConnected: not connected to namespace '/chat', only to '/'",
    cause="'/chat'",
    within=KNOWN_EARLY,
    remedy="`await client.connect('/chat')` first.",
)
async def await_in_unjoined_namespace():
    _, app = server(namespaces="*")
    async with TestClient(app) as client:
        await client.connect()
        await client.await_event("message", namespace="/chat")


@faults.fault(
    "Is refused by a connect handler that returns False.",
    first_line="ConnectionRefused: namespace '/' refused: Connection rejected by server",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="Give the credentials that the handler looks for; `raise ConnectionRefusedError('why')` says more.",
)
async def refused_without_words():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        return False

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Is refused because nobody is logged in.",
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
    "Is refused by a server with `always_connect`, after it was let in.",
    first_line="ConnectionRefused: namespace '/' refused: banned",
    cause="banned",
    within=KNOWN_EARLY,
    remedy="As any refusal: the handler's words say why.",
)
async def refused_after_the_fact():
    sio, app = server(always_connect=True)

    @sio.event
    async def connect(sid, environ):
        raise Refusal("banned")

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Has a connect handler that raises.",
    first_line="LookupError: no such tenant",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>')",
    cause="no such tenant",
    within=KNOWN_EARLY,
    remedy="The traceback leads to the line in the handler.",
)
async def connect_handler_raises():
    sio, app = server()

    @sio.event
    async def connect(sid, environ):
        raise LookupError("no such tenant")

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Has a connect handler in a class that raises.",
    first_line="LookupError: no such tenant",
    note="raised by Chat.on_connect (event 'connect', namespace '/chat', sid '<sid>')",
    cause="no such tenant",
    within=KNOWN_EARLY,
    remedy="The traceback leads to the line in the handler.",
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
    "Has a connect handler without the `environ` parameter.",
    first_line="TypeError: connect() takes 1 positional argument but 3 were given",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>', "
    "defined at namespaces.py:<line>)",
    cause="takes 1",
    within=KNOWN_EARLY,
    remedy="`async def connect(sid, environ, auth)`.",
)
async def connect_handler_signature():
    sio, app = server()

    @sio.event
    async def connect(sid):
        pass

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Connects without `auth`, which the connect handler reads.",
    first_line="TypeError: 'NoneType' object is not subscriptable",
    note="raised by connect (event 'connect', namespace '/', sid '<sid>')",
    cause="NoneType",
    within=KNOWN_EARLY,
    remedy="`TestClient(app, auth={'token': ...})`; a handler should refuse rather than raise.",
)
async def auth_missing():
    sio, app = server()

    @sio.event
    async def connect(sid, environ, auth):
        return auth["token"] == "secret"

    async with TestClient(app) as client:
        await client.connect()


@faults.fault(
    "Gives an `auth` callable that raises.",
    first_line="KeyError: 'TOKEN'",
    cause="'TOKEN'",
    within=KNOWN_EARLY,
    remedy="The traceback leads to the line in the callable.",
)
async def auth_callable_raises():
    _, app = server()

    def token():
        return {}["TOKEN"]

    async with TestClient(app, auth=token) as client:
        await client.connect()


@faults.fault(
    "Joins one namespace that welcomes and one that refuses.",
    first_line="ConnectionRefused: namespace '/admin' refused: staff only",
    cause="refused",
    within=KNOWN_EARLY,
    remedy="`.refusals` has the words of each namespace.",
)
async def one_of_two_refused():
    sio, app = server()

    @sio.on("connect", namespace="/admin")
    async def connect(sid, environ):
        raise Refusal("staff only")

    async with TestClient(app) as client:
        await client.connect("/", "/admin")
