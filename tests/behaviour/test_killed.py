"""A cancelled test leaves no tasks or state, wherever it is cancelled, and the next test of the app
passes.

Every await is covered: a scenario runs repeatedly, and its task is cancelled at the first await, in
the next run at the second, and so on until the scenario ends before its cancellation. Each await is
cancelled twice: before its result exists, and in the turn of the loop in which the result arrives.
"""

import asyncio
import signal
import threading
import types
from contextlib import suppress

import pytest
import socketio
from apps import lab

from asgi_sio_testclient import SyncTestClient, TestClient
from asgi_sio_testclient.stock import ASGIClientSession

TURNS = 10  # turns of the loop, in which cancelled tasks end
MANY = 2000  # more awaits than any scenario here has
# Attributes that python-socketio changes when it serves its first client.
OF_THE_SERVER = {"manager_initialized"}
OF_THE_ENGINE = {"sequence_number", "service_task_handle", "service_task_event", "sockets"}


@types.coroutine
def stepwise(coroutine, at_each_await):
    """Await a coroutine, and call `at_each_await` with the object that each of its awaits waits
    for.
    """
    step, value = coroutine.send, None
    while True:
        try:
            awaited = step(value)
        except StopIteration as end:
            return end.value
        at_each_await(awaited)
        try:
            value = yield awaited
            step = coroutine.send
        except BaseException as exc:  # noqa: BLE001 (the task's own cancellation is one)
            step, value = coroutine.throw, exc


class Canceller:
    """Cancels the current task at the await with the number `number`."""

    def __init__(self, number, *, late):
        self.number = number
        self.late = late
        self.count = 0

    def __call__(self, awaited):
        self.count += 1
        if self.count != self.number:
            return
        task = asyncio.current_task()
        if self.late and awaited is not None:
            # This callback runs before the task's own, so the task is cancelled after the result
            # has arrived.
            awaited.add_done_callback(lambda _: task.cancel())
        else:
            task.get_loop().call_soon(task.cancel)

    async def run(self, scenario):
        """Return whether the scenario was cancelled; it was not if it ended before."""
        task = asyncio.ensure_future(self._stepwise(scenario))
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(10):
                await asyncio.wait([task])
        assert task.done()
        if not task.cancelled():
            task.result()
        return self.count >= self.number

    async def _stepwise(self, scenario):
        await stepwise(scenario, self)


class CleanApp:
    """An app, with its state and the tasks of the loop before the first cancellation."""

    def __init__(self):
        self.app = lab(namespaces=("/", "/chat"), other_asgi_app=login)
        self.before = self.state()
        self.tasks = asyncio.all_tasks()

    def state(self):
        sio = self.app.sio
        return (
            {name: value for name, value in vars(sio).items() if name not in OF_THE_SERVER},
            {name: value for name, value in vars(sio.eio).items() if name not in OF_THE_ENGINE},
            dict(sio.eio.handlers),
        )

    async def assert_unchanged(self):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == self.tasks
        scheduled = asyncio.get_running_loop()._scheduled
        assert [handle for handle in scheduled if not handle.cancelled()] == []
        self.app.assert_released()
        assert self.state() == self.before
        assert self.app.sio.eio.start_service_task is True


async def login(scope, receive, send):
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await receive()
    headers = [(b"set-cookie", b"session=abc; Path=/")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"welcome"})


async def kill_everywhere(scenario, next_test, *, late):
    """Cancel a scenario at each of its awaits, and run the next test after each; return the number
    of awaits. Both functions take the app.
    """
    clean = CleanApp()
    for number in range(1, MANY):
        killed = await Canceller(number, late=late).run(scenario(clean.app))
        await clean.assert_unchanged()
        await next_test(clean.app)
        await clean.assert_unchanged()
        if not killed:
            return number - 1
    raise AssertionError("the scenario doesn't end")


@pytest.fixture(params=[False, True], ids=["while it waits", "when it is there"])
def late(request):
    return request.param


# Each of these runs a test hundreds of times.
over_each_transport = pytest.mark.parametrize(
    "transports",
    [
        pytest.param(("websocket",), id="websocket"),
        pytest.param(("polling",), id="polling", marks=pytest.mark.proof),
        pytest.param(("polling", "websocket"), id="upgrade", marks=pytest.mark.proof),
    ],
)


# -- TestClient


async def a_test(app, transports):
    """A test with every kind of wait."""
    async with TestClient(app.app, transports=transports, timeout=2) as client:
        await client.http.post("/login", content=b"user")
        client.on("question", lambda *args: args, namespace="/chat")
        await client.connect("/", "/chat", auth=token)
        await client.emit("reply", 1)
        await client.await_event("reply")
        await client.emit("burst", 3)
        await client.await_events(3, "burst")
        assert await client.call("slow", 0, b"x") == b"x"
        await client.emit("ask", namespace="/chat")
        await client.settle()
        async with client.session() as session:
            session["user"] = 1
        async with client.clone() as other:
            await other.connect()
            await other.emit("shout", 1)
            await client.await_event("shout")
        await client.assert_not_received("never")
        await client.disconnect("/chat")
        await client.disconnect()
        await client.connect()
        await client.emit("kick")
        with suppress(socketio.exceptions.DisconnectedError):
            await client.await_event("never")
        await client.connect()
        await client.abort()
        await client.connect()
        await client.emit("slow", 0, 1)


async def token():
    await asyncio.sleep(0)
    return {"token": "abc"}


async def the_next_test(app, transports):
    async with TestClient(app.app, transports=transports, timeout=2) as client:
        await client.connect("/", "/chat")
        assert await client.call("echo", 1) == 1
        await client.emit("reply", 2, namespace="/chat")
        assert (await client.await_event(namespace="/chat")).data == 2
        assert set(app.sio.manager.rooms["/"][None]) == {client.sid}


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:left over at exit. a handler that:asgi_sio_testclient.LeakWarning"
)
@over_each_transport
async def test_a_killed_test(transports, late):
    awaits = await kill_everywhere(
        lambda app: a_test(app, transports), lambda app: the_next_test(app, transports), late=late
    )
    assert awaits > 20


@over_each_transport
async def test_a_task_beside_the_test_is_killed(transports, late):
    """The block goes on after one of its tasks was cancelled, and repeats that task's
    operations.
    """

    async def one_task_of_many(app):
        async with TestClient(app.app, transports=transports, timeout=2) as client:
            client.on("question", lambda *args: args)
            canceller = Canceller(number, late=late)
            nonlocal killed
            killed = await canceller.run(some_of_it(client))
            await client.disconnect()
            await some_of_it(client)
            client.get_received("*")

    async def some_of_it(client):
        await client.connect("/", "/chat")
        assert await client.call("slow", 0, 1) == 1
        await client.emit("ask")
        await client.await_event("answered")
        await client.settle()

    clean = CleanApp()
    number, killed = 0, True
    while killed:
        number += 1
        assert number < MANY
        await one_task_of_many(clean.app)
        await clean.assert_unchanged()
    assert number > 4


# -- the stock client


async def a_stock_test(app, transports):
    async with ASGIClientSession(app.app) as http:
        async with http.post("http://testserver/login", data=b"user") as response:
            assert response.status == 200
        client = socketio.AsyncClient(http_session=http, reconnection=False, handle_sigint=False)
        answered = asyncio.Event()
        client.on("question", lambda *args: args)
        client.on("answered", lambda *args: answered.set())
        await client.connect("http://testserver", namespaces=["/", "/chat"], transports=transports)
        assert await client.call("slow", (0, b"x"), timeout=2) == b"x"
        await client.emit("ask")
        async with asyncio.timeout(2):
            await answered.wait()
        await client.disconnect()


async def a_simple_test(app, transports):
    async with (
        ASGIClientSession(app.app) as http,
        socketio.AsyncSimpleClient(
            http_session=http, reconnection=False, handle_sigint=False
        ) as client,
    ):
        await client.connect("http://testserver", transports=transports)
        await client.emit("reply", 1)
        assert await client.receive(timeout=2) == ["reply", 1]


@pytest.mark.slow
# A handler that waits for an ack of a closed client is cancelled, with a warning that names it.
@pytest.mark.filterwarnings(
    "ignore:a handler that did not end within:asgi_sio_testclient.LeakWarning"
)
@over_each_transport
@pytest.mark.parametrize("scenario", [a_stock_test, a_simple_test])
async def test_a_killed_test_with_the_stock_client(scenario, transports, late):
    awaits = await kill_everywhere(
        lambda app: scenario(app, list(transports)),
        lambda app: a_simple_test(app, list(transports)),
        late=late,
    )
    assert awaits > 5


# -- the sync client: an exception in the main thread, at any of its waits


class Alarm(BaseException):
    """The exception of a test runner's timeout."""


MOMENT = 0.05  # seconds; the main thread waits for that long when the signal arrives


def deadly(where):
    """Return an app that interrupts the main thread once, while it waits for `where`, and a list of
    the interruptions.
    """
    kills = []

    async def kill(here):
        if here == where and not kills:
            kills.append(here)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
            await asyncio.sleep(MOMENT)

    async def pages(scope, receive, send):
        if scope["type"] == "http":
            await kill("login")
        await login(scope, receive, send)

    app = lab(other_asgi_app=pages)

    @app.sio.on("connect")
    async def connect(sid, environ):
        await kill("connect")

    @app.sio.on("event")
    async def event(sid):
        await kill("event")

    @app.sio.on("disconnect")
    async def disconnect(sid, reason):
        await kill("disconnect")

    return app, kills


def a_sync_test(app, transports):
    with SyncTestClient(app.app, transports=transports, timeout=2) as client:
        client.http.post("/login")
        client.connect()
        client.call("event")
        client.disconnect()


def a_sync_test_that_settles(app, transports):
    with SyncTestClient(app.app, transports=transports, timeout=2) as client:
        client.connect()
        client.emit("event")
        client.settle()


def a_sync_test_that_reads(app, transports):
    with SyncTestClient(app.app, transports=transports, timeout=2) as client:
        client.connect()
        client.emit("event")
        client.await_event("never")


def a_sync_test_that_just_ends(app, transports):
    with SyncTestClient(app.app, transports=transports, timeout=2) as client:
        client.connect()


@pytest.mark.parametrize(
    ("scenario", "where"),
    [
        (a_sync_test, "login"),
        (a_sync_test, "connect"),
        (a_sync_test, "event"),
        (a_sync_test, "disconnect"),
        (a_sync_test_that_settles, "event"),
        (a_sync_test_that_reads, "event"),
        (a_sync_test_that_just_ends, "disconnect"),
    ],
)
def test_a_killed_sync_test(transports, scenario, where):
    app, kills = deadly(where)

    def alarm(number, frame):
        raise Alarm

    previous = signal.signal(signal.SIGUSR1, alarm)
    try:
        with pytest.raises(Alarm):
            scenario(app, transports)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert kills == [where]
    app.assert_released()
    a_sync_test(app, transports)
    app.assert_released()
