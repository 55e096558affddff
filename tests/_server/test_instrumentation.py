"""The records of a server's instrumentation, and that it leaves no objects in memory."""

import asyncio
import functools
import logging

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._server.instrumentation import instrument, restore
from asgi_sio_testclient._waiting.services import LoopServices
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

WAIT = 60.0


class ChatNamespace(socketio.AsyncNamespace):
    """A class-based namespace."""


@pytest.mark.parametrize(
    ("namespaces", "known"),
    [
        (None, {"/", "/admin", "/chat"}),
        ("*", {"/", "/admin", "/chat"}),
        (["/", "/news"], {"/", "/admin", "/chat", "/news"}),
        (["*", "/news"], {"/", "/admin", "/chat", "/news"}),
    ],
    ids=["not given", "any", "two", "any and one"],
)
async def test_the_namespaces_that_a_client_can_connect_to(namespaces, known):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=namespaces)
    for namespace in ("/", "/admin", "*"):
        sio.on("x", lambda *_: None, namespace=namespace)
    sio.register_namespace(ChatNamespace("/chat"))
    current = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    assert current.handlers.known_namespaces() == known
    restore(current)


@pytest.mark.parametrize("async_handlers", [True, False])
async def test_no_run_and_no_half_packet_is_kept_of_a_client(transports, async_handlers):
    sio = socketio.AsyncServer(async_mode="asgi", async_handlers=async_handlers)
    came = asyncio.Event()

    @sio.event
    async def connect(sid, environ):
        """python-socketio runs this handler in the call of its own dispatch."""

    @sio.event
    async def echo(sid, value):
        return value

    @sio.event
    async def disconnect(sid, reason):
        came.set()

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        assert await client.call("echo", b"data") == b"data"
        await client.settle()
        (current,) = client._running_app.instrumentations
        assert current.runs == set()

        # The first packet of an event whose attachment never arrives.
        client.raw.send_text('451-["echo",{"_placeholder":true,"num":0}]')
        await client.settle()
        assert len(sio._binary_packet) == 1
        # The server would take a DISCONNECT for the attachment.
        await client.abort()
        async with asyncio.timeout(WAIT):
            await came.wait()
    assert current.runs == set()
    assert sio._binary_packet == {}


async def test_no_half_packet_is_kept_that_comes_while_a_client_leaves():
    """python-socketio removes only incomplete packets that arrived before its disconnect handler
    started.
    """
    sio = socketio.AsyncServer(async_mode="asgi")
    leaving, go_on = asyncio.Event(), asyncio.Event()

    @sio.event
    async def disconnect(sid, reason):
        leaving.set()
        await go_on.wait()

    # Over a websocket the server does not read during its disconnect handler.
    async with TestClient(socketio.ASGIApp(sio), transports=("polling",)) as client:
        await client.connect()
        session = client.raw
        posting = asyncio.create_task(session.post(b"41"))
        async with asyncio.timeout(WAIT):
            await leaving.wait()
            await session.post(b'451-["echo",{"_placeholder":true,"num":0}]')
        assert len(sio._binary_packet) == 1
        go_on.set()
        await posting
        # The server would take a DISCONNECT for the attachment.
        await client.abort()
    assert sio._binary_packet == {}


class Connection:
    """A broker's connection, with the attributes that a manager and its instrumentation use."""

    def __init__(self):
        self.closed = False

    async def aclose(self):
        self.closed = True


class ConnectingManager(AsyncInMemoryManager):
    """Makes new connections after an error and never closes one, as AsyncRedisManager does."""

    def __init__(self, broker):
        super().__init__(broker)
        self.made = []
        self._redis_connect()

    def _redis_connect(self):
        self.pubsub, self.redis = Connection(), Connection()
        self.made += [self.pubsub, self.redis]
        self.connected = True


async def test_what_a_manager_connects_meanwhile_is_closed_at_the_end():
    manager = ConnectingManager(InMemoryBroker())
    own = manager.made[:]
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    for _ in range(2):
        async with TestClient(socketio.ASGIApp(sio), server=sio) as client:
            await client.connect()
            manager._redis_connect()
            meanwhile = manager.made[-2:]
            assert not any(connection.closed for connection in meanwhile)
        assert all(connection.closed for connection in meanwhile)
        assert not manager.connected
        assert "_redis_connect" not in vars(manager)
    assert not any(connection.closed for connection in own)


async def test_the_managers_own_logger_gets_its_lines(caplog):
    manager = AsyncInMemoryManager(InMemoryBroker())
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    own = manager.logger = logging.getLogger("the app's own")
    async with TestClient(socketio.ASGIApp(sio), server=sio) as client:
        await client.connect()
        manager.logger.error("Cannot publish to %s", "the broker")
    assert manager.logger is own
    (record,) = [record for record in caplog.records if record.name == "the app's own"]
    assert record.getMessage() == "Cannot publish to the broker"
    # The record has the line that logged, as without the instrumentation.
    assert record.filename == "test_instrumentation.py"


async def test_the_service_task_ends_with_the_last_of_the_apps_that_use_the_server():
    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        (current,) = client._running_app.instrumentations
        async with TestClient(socketio.ASGIApp(sio)) as other:
            await other.connect()
            assert current.stop_service() == []
        (service,) = current.stop_service()
        async with asyncio.timeout(WAIT):
            await asyncio.wait([service])


async def _before_the_pings(done):
    done.set()


@pytest.mark.parametrize("kind", ["underscore", "partial", "object"])
async def test_a_background_task_whatever_its_function_is_called(kind):
    done = asyncio.Event()

    class Callable:
        async def __call__(self):
            done.set()

    target, args = {
        "underscore": (_before_the_pings, [done]),
        "partial": (functools.partial(_before_the_pings, done), []),
        "object": (Callable(), []),
    }[kind]
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def start(sid):
        sio.start_background_task(target, *args)
        return "started"

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        assert await client.call("start") == "started"
        await client.settle()
        assert done.is_set()


@pytest.mark.parametrize("async_handlers", [True, False])
async def test_what_a_task_raises_that_the_callback_of_an_ack_began(async_handlers):
    sio = socketio.AsyncServer(async_mode="asgi", async_handlers=async_handlers)
    tasks = []

    async def fail(value):
        raise LookupError(f"no {value}")

    def answered(value):
        tasks.append(asyncio.create_task(fail(value)))

    @sio.event
    async def ask(sid):
        await sio.emit("question", to=sid, callback=answered)

    async with TestClient(socketio.ASGIApp(sio)) as client:
        client.on("question", lambda: "answer")
        await client.connect()
        await client.emit("ask")
        with pytest.raises(LookupError, match="no answer"):
            await client.settle()
