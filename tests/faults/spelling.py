"""Calls of other clients, and invalid arguments."""
# ruff: noqa: E501 (a first line is quoted as it is read)

import functools

import socketio

from asgi_sio_testclient import TestClient

from .catalogue import KNOWN_EARLY, Family, server

faults = Family()


def connected(scenario):
    """Run a scenario with a connected client."""

    @functools.wraps(scenario)
    async def run():
        _, app = server()
        async with TestClient(app) as client:
            await client.connect()
            await scenario(client)

    return run


@faults.fault(
    "`emit()` gets `data=`, as in the stock client.",
    first_line="TypeError: emit() takes no data=: write emit('order', data)",
    cause="no data=",
    within=KNOWN_EARLY,
    remedy="Pass the arguments after the name: `client.emit('order', {'id': 1})`.",
)
@connected
async def data_as_a_keyword(client):
    await client.emit("order", data={"id": 1})


@faults.fault(
    "`emit()` gets `room=`, as on the server.",
    first_line="TypeError: emit() takes no room=: write sio.emit(), since only the server emits to rooms",
    cause="no room=",
    within=KNOWN_EARLY,
    remedy="A client sends to the server, whose handlers emit to rooms.",
)
@connected
async def emit_to_a_room(client):
    await client.emit("order", {"id": 1}, room="kitchen")


@faults.fault(
    "`callback=True` is passed, as in Flask-SocketIO's test client.",
    first_line="TypeError: callback is True: write call(), which returns the ack",
    cause="callback is True",
    within=KNOWN_EARLY,
    remedy="Use `ack = await client.call('order')`.",
)
@connected
async def callback_that_is_true(client):
    await client.emit("order", callback=True)


@faults.fault(
    "`connect()` gets `namespaces=`, as in the stock client.",
    first_line="TypeError: connect() takes no namespaces=: write connect('/', '/chat')",
    cause="no namespaces=",
    within=KNOWN_EARLY,
    remedy="Pass each namespace as an argument of `connect`.",
)
async def namespaces_as_a_keyword():
    _, app = server(namespaces=["/", "/chat"])
    async with TestClient(app) as client:
        await client.connect(namespaces=["/", "/chat"])


@faults.fault(
    "A namespace contains a query.",
    first_line="ValueError: a query in a namespace: write connect('/chat', query=...)",
    cause="a query",
    within=KNOWN_EARLY,
    remedy="Pass the query as `query=`, a mapping or a str.",
)
async def query_in_the_namespace():
    _, app = server(namespaces=["/chat"])
    async with TestClient(app) as client:
        await client.connect("/chat?token=secret")


@faults.fault(
    "The client emits `connect` or `disconnect`.",
    first_line="ValueError: a reserved name: event is 'disconnect', which no client sends; call connect() or disconnect() instead",
    cause="a reserved name",
    within=KNOWN_EARLY,
    remedy="Call `connect()` or `disconnect()`: the server then calls these handlers.",
)
@connected
async def reserved_event(client):
    await client.emit("disconnect")


@faults.fault(
    "The event's name is not a str.",
    first_line="TypeError: event is b'order'; expected its name, a str",
    cause="event is",
    within=KNOWN_EARLY,
    remedy="Pass the value of the enumeration's member, or make the enumeration an `enum.StrEnum`.",
)
@connected
async def event_that_is_no_str(client):
    await client.assert_not_received(b"order")


@faults.fault(
    "`match=` is an async function.",
    first_line="TypeError: match is async: <function is_mine at 0x...>; expected a plain function",
    cause="match is async",
    within=KNOWN_EARLY,
    remedy="Pass a plain function: a coroutine is always true. Await what the predicate needs before the wait.",
)
@connected
async def async_predicate(client):
    async def is_mine(event):
        return event.data == "mine"

    await client.await_event("order", match=is_mine)


@faults.fault(
    "A header's value contains a newline, for example a token that was read from a file.",
    first_line="ValueError: newline in the value of header 'authorization': HTTP does not allow it; strip() it",
    cause="newline in the value of",
    within=KNOWN_EARLY,
    remedy="Use `token.strip()`: HTTP does not allow such a value.",
)
async def newline_in_a_header():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect(headers={"Authorization": "Bearer secret\n"})


@faults.fault(
    "A header's name is invalid.",
    first_line="ValueError: header name b'Authorization:' is no token: HTTP does not allow it",
    cause="header name",
    within=KNOWN_EARLY,
    remedy="A name consists of letters, digits and some signs, without a colon or a space.",
)
async def header_name_that_is_no_token():
    _, app = server()
    async with TestClient(app, headers={"Authorization:": "Bearer secret"}):
        pass


@faults.fault(
    "`connect()` gets `wait_timeout=`, as in the stock client.",
    first_line="TypeError: connect() takes no wait_timeout=: write connect(timeout=3)",
    cause="no wait_timeout=",
    within=KNOWN_EARLY,
    remedy="Pass `timeout=`, the limit for the whole connect in seconds.",
)
async def wait_timeout_as_a_keyword():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect(wait_timeout=3)


@faults.fault(
    "A negative assertion is made before the client has connected.",
    first_line="NotConnected: not connected: connect() first",
    cause="not connected",
    within=KNOWN_EARLY,
    remedy="Call `connect()` first: no event could have arrived, so the assertion could never fail.",
)
async def negative_assertion_before_connect():
    _, app = server()
    async with TestClient(app) as client:
        await client.assert_not_received("order")


@faults.fault(
    "`ASGIApp` has a server with the `async_mode` of another framework.",
    first_line="UsageError: async_mode is 'threading'; an ASGI app needs 'asgi': make the server a socketio.AsyncServer(async_mode='asgi')",
    cause="async_mode",
    within=KNOWN_EARLY,
    remedy="Use `socketio.AsyncServer`, or `socketio.WSGIApp` for a `socketio.Server`.",
)
async def sync_server_in_an_asgi_app():
    app = socketio.ASGIApp(socketio.Server(async_mode="threading"))
    async with TestClient(app) as client:
        await client.http.get("/socket.io/?EIO=4&transport=polling")


@faults.fault(
    "The other app of `socketio.ASGIApp` is no ASGI app, but for example aiohttp's or a WSGI app.",
    first_line="UsageError: no ASGI app in socketio.ASGIApp: its other_asgi_app is wsgi_app",
    cause="no ASGI app",
    within=KNOWN_EARLY,
    remedy="Pass an ASGI app to `socketio.ASGIApp`, or mount both in one.",
)
async def other_app_that_is_no_asgi_app():
    def wsgi_app(environ, start_response):
        """Never called: only its arguments matter."""

    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio, wsgi_app)) as client:
        await client.connect()
        await client.http.get("/start")
