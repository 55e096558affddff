"""The same scenario in memory, with python-socketio behind uvicorn, and with Node.js."""

import asyncio
import gc

import pytest
import socketio
from live import echo_app, serve

from asgi_sio_testclient import ConnectionRefused, NotConnected, SyncTestClient, TestClient
from asgi_sio_testclient.remote import RemoteServer

TRANSPORTS = {
    "websocket": ("websocket",),
    "polling": ("polling",),
    "upgrade": ("polling", "websocket"),
}


@pytest.fixture(params=list(TRANSPORTS))
def transports(request):
    return TRANSPORTS[request.param]


async def scenario(client):
    """A chat: two namespaces, text and binary, acks in both directions."""
    seen = []
    await client.connect(auth={"token": "t"})
    seen.append((await client.await_event("hello")).data)
    seen.append(client.transport)
    seen.append(await client.call("echo", 1, {"a": [None, "ü€"]}))
    seen.append(await client.call("echo", b"\x00\x1e", "b"))
    large = "x" * 200_000
    seen.append(await client.call("echo", large) == large)
    await client.emit("repeat", 20, "v")
    seen.append([event.args for event in await client.await_events(20, "repeated")])
    await client.connect("/chat", auth={"token": "t"})
    seen.append((await client.await_event("hello", namespace="/chat")).data)
    client.on("question", lambda value: (value, b"!"))
    await client.emit("ask", "?")
    seen.append((await client.await_event("told")).data)
    await client.disconnect("/chat")
    seen.append((client.is_connected("/chat"), client.is_connected()))
    await client.disconnect()
    seen.append(client.disconnect_reason)
    with pytest.raises(ConnectionRefused) as refused:
        await client.connect("/chat", auth={"token": "wrong"})
    seen.append(refused.value.data)
    await client.connect()
    await client.emit("leave_me")
    with pytest.raises(NotConnected):
        await client.await_event("never")
    seen.append(client.disconnect_reason)
    await client.connect()
    await client.emit("end_connection")
    with pytest.raises(NotConnected):
        await client.await_event("never")
    return seen


def sync_scenario(client):
    client.connect(auth={"token": "t"})
    seen = [client.await_event("hello").data, client.transport, client.call("echo", 1, b"2")]
    client.emit("repeat", 3, "v")
    seen.append([event.data for event in client.await_events(3, "repeated")])
    client.disconnect()
    return seen


def in_words(data):
    """Return the text of a refusal: Node.js sends {"message": ...}, python-socketio the
    text only.
    """
    return data["message"] if isinstance(data, dict) and set(data) == {"message"} else data


def comparable(seen):
    return [in_words(each) for each in seen]


@pytest.mark.slow
async def test_a_scenario_is_the_same_in_three_worlds(server_url, transports):
    async with TestClient(echo_app(), transports=transports) as client:
        in_memory = await scenario(client)
    async with TestClient(server_url, transports=transports) as client:
        live = await scenario(client)
    assert comparable(live) == comparable(in_memory)


def test_a_sync_scenario_is_the_same_in_three_worlds(server_url, transports):
    with SyncTestClient(echo_app(), transports=transports) as client:
        in_memory = sync_scenario(client)
    with SyncTestClient(server_url, transports=transports) as client:
        live = sync_scenario(client)
    assert live == in_memory


async def test_nothing_is_left(server_url, transports):
    before = asyncio.all_tasks()
    async with TestClient(server_url, transports=transports) as client, client.clone() as other:
        await client.connect()
        await other.connect("/chat", auth={"token": "t"})
        await client.emit("repeat", 3, 1)
        await client.await_event("repeated")
    assert asyncio.all_tasks() == before
    loop = asyncio.get_running_loop()
    transports_left = [
        each
        for each in gc.get_objects()
        if isinstance(each, asyncio.Transport) and each._loop is loop and each._sock is not None
    ]
    assert transports_left == []


@pytest.mark.slow
async def test_what_tasks_send_in_one_turn_is_one_post():
    app, posts = echo_app(), []

    async def counting(scope, receive, send):
        posts.extend(scope["method"] for _ in range(scope.get("method") == "POST"))
        await app(scope, receive, send)

    with serve(counting) as url:
        async with TestClient(url, transports="polling") as client:
            await client.connect()
            await client.await_event("hello")
            before = len(posts)
            answers = await asyncio.gather(*(client.call("echo", n) for n in range(10)))
            assert len(posts) == before + 1
            await client.emit("repeat", 1, "v")
        assert len(posts) == before + 2  # the event that was not sent yet, and the disconnect
    assert answers == list(range(10))


@pytest.mark.slow
async def test_what_was_emitted_before_an_abort_arrives(transports):
    arrived = asyncio.Event()
    sio = socketio.AsyncServer(async_mode="asgi")
    loop = asyncio.get_running_loop()
    sio.on("last", lambda sid: loop.call_soon_threadsafe(arrived.set))
    with serve(socketio.ASGIApp(sio)) as url:
        async with TestClient(url, transports=transports) as client:
            await client.connect()
            await client.emit("last")
            await client.abort()
            await asyncio.wait_for(arrived.wait(), 60)


async def test_clones_share_the_connections(python_server):
    server = RemoteServer(python_server)
    async with TestClient(server, transports="polling") as client:
        await client.connect()
        async with client.clone() as other:
            await other.connect()
            assert len(server._pools) == 1
    assert server._pools == {}


@pytest.mark.slow
async def test_many_clients_of_one_server_at_once(server_url, transports):
    async with TestClient(server_url, transports=transports) as first:
        clients = [first.clone() for _ in range(20)]
        await asyncio.gather(*(client.connect() for client in clients))
        answers = await asyncio.gather(
            *(client.call("echo", n) for n, client in enumerate(clients))
        )
    assert answers == list(range(20))


async def test_without_lifespan_nothing_is_left_either(python_server):
    server = RemoteServer(python_server)
    async with TestClient(server, lifespan=False) as client:
        await client.connect()
        assert server._pools
        await client.disconnect()
        assert server._pools == {}
