"""Spellings of the stock client, servers of a fork, loops that start once, and what `settle` waits
for.
"""

import asyncio
import types
from pathlib import Path

import pytest
import socketio
from engineio.async_socket import AsyncSocket

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient, UsageError
from asgi_sio_testclient.faults import Schedule

TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]
SOON = 0.1  # seconds, for waits that end by their timeout


@pytest.fixture(params=TRANSPORTS, ids="-".join)
def transports(request):
    return request.param


def server(**options):
    return socketio.AsyncServer(async_mode="asgi", **options)


# -- spellings of the stock client

CONNECTS = [
    (["http://localhost:8000"], {}, ValueError, "connect() takes no URL: write connect(), since"),
    (
        ["http://localhost:8000"],
        {"namespaces": ["/t"]},
        ValueError,
        "connect() takes no URL: write connect('/t'), since",
    ),
    (
        ["/ns?token=s3cret"],
        {},
        ValueError,
        "a query in a namespace: write connect('/ns', query=...)",
    ),
    ([["/a", "/b"]], {}, TypeError, "namespace is a list: write connect('/a', '/b')"),
    ([5], {}, TypeError, "namespace is 5; expected a str such as '/chat'"),
    (
        [],
        {"namespaces": ["/a", "/b"]},
        TypeError,
        "connect() takes no namespaces=: write connect('/a', '/b')",
    ),
    ([], {"namespaces": "/a"}, TypeError, "connect() takes no namespaces=: write connect('/a')"),
    (
        [],
        {"namespaces": 5},
        TypeError,
        "connect() takes no namespaces=: write connect('/', '/chat')",
    ),
    (
        [],
        {"wait_timeout": 3},
        TypeError,
        "connect() takes no wait_timeout=: write connect(timeout=3)",
    ),
    (
        [],
        {"wait_timeout": None},
        TypeError,
        "connect() takes no wait_timeout=: write connect(timeout=seconds)",
    ),
    ([], {"socketio_path": "x"}, TypeError, "connect() takes no socketio_path=: write TestClient("),
    (["/"], {"colour": 1}, TypeError, "connect() got an unexpected keyword argument 'colour'"),
]
ATTRIBUTES = {
    "event": "@client.on('name')",
    "connected": "client.is_connected()",
    "wait": "await client.await_event('name'), or async for event in client.events()",
    "sleep": "await client.settle()",
    "receive": "await client.await_event()",
    "shutdown": "await client.disconnect()",
}


@pytest.mark.parametrize(("names", "options", "error", "text"), CONNECTS)
async def test_a_connect_as_the_stock_client_has_it(names, options, error, text):
    async with TestClient(socketio.ASGIApp(server())) as client:
        with pytest.raises(error) as caught:
            await client.connect(*names, **options)
        assert str(caught.value).startswith(text)
        assert "s3cret" not in str(caught.value)
        await client.connect()


@pytest.mark.parametrize(("names", "options", "error", "text"), CONNECTS)
def test_the_same_in_the_sync_client(names, options, error, text):
    with SyncTestClient(socketio.ASGIApp(server())) as client:
        with pytest.raises(error) as caught:
            client.connect(*names, **options)
        assert str(caught.value).startswith(text)
        client.connect()


SENDS = [
    ("emit", ["say"], {"data": 1}, "emit() takes no data=: write emit('say', data)"),
    ("call", ["say"], {"data": "s3cret"}, "call() takes no data=: write call('say', data)"),
    ("send", [], {"data": 1}, "send() takes no data=: write send(data)"),
    ("send", [{}], {"json": True}, "send() takes no json=: write emit('json', data)"),
    ("emit", ["say"], {"room": "r"}, "emit() takes no room=: write sio.emit(), since only the"),
    ("emit", ["say"], {"callback": True}, "callback is True: write call(), which returns the ack"),
    ("send", ["hi"], {"callback": True}, "callback is True: write call(), which returns the ack"),
    ("call", ["say"], {"colour": 1}, "call() got an unexpected keyword argument 'colour'"),
]


@pytest.mark.parametrize(("method", "args", "options", "text"), SENDS)
async def test_sending_as_other_clients_have_it(transports, method, args, options, text):
    async with TestClient(socketio.ASGIApp(server()), transports=transports) as client:
        await client.connect()
        with pytest.raises(TypeError) as caught:
            await getattr(client, method)(*args, **options)
        assert str(caught.value).startswith(text)
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("method", "args", "options", "text"), SENDS)
def test_sending_so_in_the_sync_client(method, args, options, text):
    with SyncTestClient(socketio.ASGIApp(server())) as client:
        client.connect()
        with pytest.raises(TypeError) as caught:
            getattr(client, method)(*args, **options)
        assert str(caught.value).startswith(text)


@pytest.mark.parametrize(("name", "text"), ATTRIBUTES.items())
def test_an_attribute_of_the_stock_client(name, text):
    client = TestClient(socketio.ASGIApp(server()))
    with pytest.raises(AttributeError) as caught:
        getattr(client, name)
    assert str(caught.value).startswith(f"no .{name} on TestClient: write ")
    assert str(caught.value).endswith(text)
    sync = SyncTestClient(socketio.ASGIApp(server()))
    with pytest.raises(AttributeError, match=f"no .{name} on SyncTestClient") as caught:
        getattr(sync, name)
    assert "await " not in str(caught.value)
    assert not hasattr(client, name)


def test_an_attribute_of_nobody():
    client = TestClient(socketio.ASGIApp(server()))
    with pytest.raises(AttributeError, match="'TestClient' object has no attribute 'colour'"):
        client.colour  # noqa: B018


# -- a server that is no socketio.AsyncServer


def fork():
    """Return a server of a module with python-socketio's source, which shares no base class with
    it.
    """
    source = Path(socketio.async_server.__file__).read_text(encoding="utf-8")
    source = source.replace("from . import", "from socketio import")
    module = types.ModuleType("fork")
    exec(compile(source, "fork", "exec"), module.__dict__)
    sio = module.AsyncServer(async_mode="asgi")
    assert not isinstance(sio, socketio.AsyncServer)

    @sio.event
    async def say(sid, text):
        await sio.emit("said", text)
        return "ok"

    return sio


@pytest.mark.parametrize("given", ["", "server", "engine"])
async def test_a_fork_is_served(transports, given):
    sio = fork()
    options = {"": {}, "server": {"server": sio}, "engine": {"server": sio.eio}}[given]
    async with TestClient(socketio.ASGIApp(sio), transports=transports, **options) as client:
        await client.connect()
        assert await client.call("say", "x") == "ok"
        await client.settle()
        assert (await client.await_event("said")).data == "x"
        await client.assert_not_received()
        assert client.rooms() == {client.sid}
        with pytest.raises(EventTimeout, match="did you mean 'say'"):
            await client.call("sy", "x", timeout=SOON)


def test_what_is_no_server_says_what_it_lacks():
    with pytest.raises(TypeError, match=r"expected a socketio\.AsyncServer, or .* are missing"):
        TestClient(socketio.ASGIApp(server()), server=types.SimpleNamespace(eio=None))
    with pytest.raises(TypeError, match=r"expected a socketio\.AsyncServer"):
        TestClient(socketio.ASGIApp(server()), server=socketio.AsyncServer)


async def by_hand(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    opening = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
    await send({"type": "websocket.send", "text": opening})
    await receive()
    await send({"type": "websocket.send", "text": '40{"sid":"x"}'})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def test_a_server_of_another_make_is_told_so_without_a_circle():
    async with TestClient(by_hand, lifespan=False) as client:
        await client.connect()
        with pytest.raises(UsageError) as caught:
            await client.settle()
    assert str(caught.value).startswith("server not found: the app's socketio.AsyncServer was not")
    assert "await an event or an ack instead of this call" in str(caught.value)


async def test_an_engine_without_a_socketio_server_is_told_so():
    sio = server()
    own = sio._handle_eio_message

    async def message(eio_sid, data):
        await own(eio_sid, data)

    sio.eio.handlers["message"] = message
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        with pytest.raises(UsageError, match=r"^no Socket.IO server: the app's Engine.IO server"):
            await client.settle()


# -- loops that start once


def app_with_a_loop(begin):
    """Return an app whose first connect handler starts a loop."""
    sio = server()
    begun = []

    async def tick():
        while True:
            await asyncio.sleep(0)
            await sio.emit("tick")
            await asyncio.sleep(0.02)

    @sio.event
    async def connect(sid, environ):
        if not begun:
            begun.append(begin(sio, tick))

    return socketio.ASGIApp(sio)


def by_the_server(sio, tick):
    return sio.start_background_task(tick)


def by_asyncio(sio, tick):
    return asyncio.create_task(tick())


@pytest.mark.parametrize("begin", [by_the_server, by_asyncio])
def test_a_loop_that_ended_with_the_first_client_is_named(transports, begin):
    app = app_with_a_loop(begin)

    async def wait(event):
        async with TestClient(app, transports=transports) as client:
            await client.connect()
            return await client.await_event(event, timeout=60 if event == "tick" else SOON)

    assert asyncio.run(wait("tick")).name == "tick"

    async def again():
        async with TestClient(app, transports=transports, timeout=SOON) as client:
            await client.connect(timeout=60)
            await client.await_event("tick")

    for _ in range(2):
        with pytest.raises(EventTimeout) as caught:
            asyncio.run(again())
        first = str(caught.value).splitlines()[0]
        assert first.startswith(
            "a task ended with an earlier client: app_with_a_loop.<locals>.tick"
        )
        assert "test_habits_and_lost_tasks.py:" in first


@pytest.mark.slow
def test_in_the_sync_client_too():
    app = app_with_a_loop(by_the_server)
    with SyncTestClient(app) as client:
        client.connect()
        client.await_event("tick", timeout=60)
    with SyncTestClient(app) as client:
        client.connect()
        with pytest.raises(EventTimeout, match=r"^a task ended with an earlier client"):
            client.await_event("tick", timeout=SOON)
        with pytest.raises(EventTimeout, match=r"^a task ended with an earlier client"):
            client.await_event("other", timeout=SOON)


def test_a_loop_that_was_begun_anew_is_not_named():
    sio = server()

    async def tick():
        await asyncio.Event().wait()

    @sio.event
    async def connect(sid, environ):
        sio.start_background_task(tick)

    async def wait():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            with pytest.raises(EventTimeout, match=r"^nothing arrived"):
                await client.await_event("tick", timeout=SOON)

    for _ in range(2):
        asyncio.run(wait())


@pytest.mark.parametrize("wanted", ["server_stats", "config", "all_sockets"])
def test_the_admin_uis_own_task_begins_anew(monkeypatch, wanted):
    for name in ("handle_post_request", "_websocket_handler", "_send_ping"):
        monkeypatch.setattr(AsyncSocket, name, getattr(AsyncSocket, name))
    sio = server()
    sio.instrument(auth=False, server_stats_interval=0.01)
    app = socketio.ASGIApp(sio)

    async def wait():
        async with TestClient(app) as client:
            await client.connect("/admin")
            await client.await_event(wanted, namespace="/admin", timeout=60)

    for _ in range(2):
        asyncio.run(wait())


async def test_a_task_that_was_begun_at_import_is_named(transports):
    sio = server()

    async def news():
        await sio.emit("news")

    loop = asyncio.new_event_loop()
    task = loop.create_task(news())
    try:
        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
            await client.connect()
            with pytest.raises(EventTimeout) as caught:
                await client.await_event("news", timeout=SOON)
        assert str(caught.value).startswith(
            "a task never ran, as it was begun in another event loop: "
            "test_a_task_that_was_begun_at_import_is_named.<locals>.news"
        )
    finally:
        task.cancel()
        task.get_coro().close()
        loop.close()


# -- what settle waits for


async def held(client, **options):
    with pytest.raises(EventTimeout) as caught:
        await client.settle(SOON)
    return str(caught.value).splitlines()[0]


async def test_reading_that_is_paused():
    sio = server()

    @sio.event
    async def say(sid):
        await sio.emit("said")

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        client.raw.pause_reading()
        await client.emit("say")
        assert (await held(client)).startswith("reading is paused: the app's send() waits for")
        client.raw.resume_reading()
        await client.await_event("said")


async def test_a_network_that_holds_packets():
    sio = server()

    @sio.event
    async def say(sid):
        await sio.emit("said")

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, delay=1.0, hold=30))
        await client.emit("say")
        assert (await held(client)).startswith("a disturbed network holds packets back")
        client.raw.disturb(None)
        await client.settle()


class Gated:
    """Middleware that waits at a gate before a receive, before a send, or at the end of a call."""

    def __init__(self, app, where, scope_type):
        self.app, self.where, self.scope_type = app, where, scope_type
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, scope, receive, send):
        gate = self.gate

        async def gated_receive():
            if self.where == "receive" and scope["type"] == self.scope_type:
                await gate.wait()
            return await receive()

        async def gated_send(message):
            if self.where == "send" and scope["type"] == self.scope_type:
                await gate.wait()
            await send(message)

        await self.app(scope, gated_receive, gated_send)
        if self.where == "end" and scope["type"] == self.scope_type:
            await gate.wait()


def echoing():
    sio = server()

    @sio.event
    async def say(sid):
        await sio.emit("said")

    return socketio.ASGIApp(sio)


@pytest.mark.parametrize(
    ("transports", "where", "scope_type", "cause"),
    [
        (("websocket",), "receive", "websocket", "a packet is not received by the app, it is at"),
        (("polling",), "receive", "http", "a POST is not answered by the app, it is at"),
        (("websocket",), "send", "websocket", "the server's output has not arrived, it is at"),
    ],
)
async def test_a_middleware_that_stops(transports, where, scope_type, cause):
    app = Gated(echoing(), where, scope_type)
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await client.settle()
        app.gate.clear()
        # Over a websocket the app is already in receive(), and waits at the gate before the next
        # one.
        await client.emit("say")
        await client.emit("say")
        line = await held(client)
        app.gate.set()
        await client.await_events(2, "said")
    assert line.startswith((cause, "Gated.__call__"))


async def test_an_upgrade_that_is_not_through():
    app = Gated(echoing(), "receive", "websocket")
    async with TestClient(app, transports=("polling",)) as client:
        await client.connect()
        app.gate.clear()
        other = client.clone(transports=("polling", "websocket"))
        connecting = asyncio.create_task(other.connect())
        await client.call("say")
        line = await held(client)
        app.gate.set()
        await connecting
    assert line.startswith("the upgrade has not ended: the upgrade's probe was not answered")


async def test_an_app_that_goes_on_after_the_end():
    app = Gated(echoing(), "end", "websocket")
    app.gate.clear()
    async with TestClient(app, timeout=SOON) as client:
        await client.connect(timeout=60)
        with pytest.raises(EventTimeout) as caught:
            await client.disconnect()
        app.gate.set()
    assert str(caught.value).startswith("the app goes on after the end, it is at test_habits")
