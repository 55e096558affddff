"""Calls as other clients have them, and arguments that no call takes."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import functools

import socketio

from asgi_sio_testclient import TestClient

from .catalogue import KNOWN_EARLY, Family, server

faults = Family()


def connected(scenario):
    """Runs a scenario with a client that is connected."""

    @functools.wraps(scenario)
    async def run():
        _, app = server()
        async with TestClient(app) as client:
            await client.connect()
            await scenario(client)

    return run


@faults.fault(
    "Emits with `data=`, as with the stock client.",
    first_line="TypeError: emit() takes no data=: write emit('order', data)",
    cause="no data=",
    within=KNOWN_EARLY,
    remedy="The arguments follow the name, one by one: `client.emit('order', {'id': 1})`.",
)
@connected
async def data_as_a_keyword(client):
    await client.emit("order", data={"id": 1})


@faults.fault(
    "Emits to a room, as the server does.",
    first_line="TypeError: emit() takes no room=: write sio.emit(), since only the server emits to rooms",
    cause="no room=",
    within=KNOWN_EARLY,
    remedy="A client sends to the server, whose handlers emit to rooms.",
)
@connected
async def emit_to_a_room(client):
    await client.emit("order", {"id": 1}, room="kitchen")


@faults.fault(
    "Asks for the ack as with Flask-SocketIO's test client.",
    first_line="TypeError: callback is True: write call(), which returns the ack",
    cause="callback is True",
    within=KNOWN_EARLY,
    remedy="`ack = await client.call('order')`.",
)
@connected
async def callback_that_is_true(client):
    await client.emit("order", callback=True)


@faults.fault(
    "Names the namespaces in a list, as with the stock client.",
    first_line="TypeError: connect() takes no namespaces=: write connect('/', '/chat')",
    cause="no namespaces=",
    within=KNOWN_EARLY,
    remedy="`connect` takes them one by one.",
)
async def namespaces_as_a_keyword():
    _, app = server(namespaces=["/", "/chat"])
    async with TestClient(app) as client:
        await client.connect(namespaces=["/", "/chat"])


@faults.fault(
    "Puts a query into the namespace.",
    first_line="ValueError: a query in a namespace: write connect('/chat', query=...)",
    cause="a query",
    within=KNOWN_EARLY,
    remedy="`query=` takes a mapping, or a str.",
)
async def query_in_the_namespace():
    _, app = server(namespaces=["/chat"])
    async with TestClient(app) as client:
        await client.connect("/chat?token=secret")


@faults.fault(
    "Emits the event that ends a connection.",
    first_line="ValueError: a reserved name: event is 'disconnect', which no client sends; connect() and disconnect() are the calls",
    cause="a reserved name",
    within=KNOWN_EARLY,
    remedy="`connect()` and `disconnect()` make the server call these handlers.",
)
@connected
async def reserved_event(client):
    await client.emit("disconnect")


@faults.fault(
    "Names an event by something else than a str.",
    first_line="TypeError: event is b'order'; expected its name, a str",
    cause="event is",
    within=KNOWN_EARLY,
    remedy="Pass the member's value, or make the enumeration an `enum.StrEnum`.",
)
@connected
async def event_that_is_no_str(client):
    await client.assert_not_received(b"order")


@faults.fault(
    "Gives an async predicate.",
    first_line="TypeError: match is async: <function is_mine at 0x...>; expected a plain function",
    cause="match is async",
    within=KNOWN_EARLY,
    remedy="A coroutine is always true; what the predicate awaits, await before.",
)
@connected
async def async_predicate(client):
    async def is_mine(event):
        return event.data == "mine"

    await client.await_event("order", match=is_mine)


@faults.fault(
    "Sends a header with a newline in its value, such as a token read from a file.",
    first_line="ValueError: newline in the value of header 'authorization': no network carries it; strip() it",
    cause="newline in the value of",
    within=KNOWN_EARLY,
    remedy="`token.strip()`: no network carries such a value.",
)
async def newline_in_a_header():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect(headers={"Authorization": "Bearer secret\n"})


@faults.fault(
    "Sends a header whose name no network carries.",
    first_line="ValueError: header name b'Authorization:' is no token: no network carries it",
    cause="header name",
    within=KNOWN_EARLY,
    remedy="A name is made of letters, digits and some signs, without a colon or a space.",
)
async def header_name_that_is_no_token():
    _, app = server()
    async with TestClient(app, headers={"Authorization:": "Bearer secret"}):
        pass


@faults.fault(
    "Names a wait of the stock client's.",
    first_line="TypeError: connect() takes no wait_timeout=: write connect(timeout=3)",
    cause="no wait_timeout=",
    within=KNOWN_EARLY,
    remedy="`timeout=` is the whole of it, in seconds.",
)
async def wait_timeout_as_a_keyword():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect(wait_timeout=3)


@faults.fault(
    "Reads what may not have come before it has connected.",
    first_line="NotConnected: not connected: connect() first",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Nothing could have come, so the assertion could never fail: `connect()` first.",
)
async def negative_assertion_before_connect():
    _, app = server()
    async with TestClient(app) as client:
        await client.assert_not_received("order")


@faults.fault(
    "Connects to a server of another framework's mode, which its program gives to `ASGIApp`.",
    first_line="UsageError: async_mode is 'threading'; an ASGI app needs 'asgi': make the server a socketio.AsyncServer(async_mode='asgi')",
    cause="async_mode",
    within=KNOWN_EARLY,
    remedy="A `socketio.Server` belongs into `socketio.WSGIApp`.",
)
async def sync_server_in_an_asgi_app():
    app = socketio.ASGIApp(socketio.Server(async_mode="threading"))
    async with TestClient(app) as client:
        await client.http.get("/socket.io/?EIO=4&transport=polling")


@faults.fault(
    "Puts an app into `socketio.ASGIApp` that is no ASGI app, such as aiohttp's or a WSGI one.",
    first_line="UsageError: no ASGI app in socketio.ASGIApp: its other_asgi_app is wsgi_app",
    cause="no ASGI app",
    within=KNOWN_EARLY,
    remedy="Give `socketio.ASGIApp` the ASGI app, or mount both in one.",
)
async def other_app_that_is_no_asgi_app():
    def wsgi_app(environ, start_response):
        """Never called: the arguments differ."""

    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio, wsgi_app)) as client:
        await client.connect()
        await client.http.get("/start")
