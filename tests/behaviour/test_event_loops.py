"""One client has one event loop: calls from another loop are errors, servers may be used in a
second loop while the first does not run, and eager tasks work.
"""

import asyncio
import sys

import httpx
import pytest
import socketio
from apps import lab
from starlette.applications import Starlette
from starlette.routing import Mount

from asgi_sio_testclient import EventTimeout, NotConnected, SyncTestClient, TestClient, UsageError

ELSEWHERE = "another event loop"
EAGER = pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")


@pytest.fixture
def loops():
    """Two event loops: a session's loop, which does not run during a test, and the test's own."""
    loops = asyncio.new_event_loop(), asyncio.new_event_loop()
    yield loops
    for loop in loops:
        loop.close()


@pytest.fixture
def parked(loops, transports):
    """A client that is connected in an event loop which does not run."""
    client = TestClient(lab().app, transports=transports)

    async def enter():
        await client.__aenter__()
        await client.connect()
        await client.call("burst", 2)
        await client.settle()

    loops[0].run_until_complete(enter())
    yield client
    loops[0].run_until_complete(client.__aexit__(None, None, None))


async def stream(client):
    return [event async for event in client.events()]


async def travel(client):
    async with client.time_travel():
        """Not reached."""


async def now(value):
    return value


CALLS = {
    "enter": lambda client: client.__aenter__(),
    "exit": lambda client: client.__aexit__(None, None, None),
    "connect": lambda client: client.connect("/other"),
    "disconnect": lambda client: client.disconnect(),
    "abort": lambda client: client.abort(),
    "emit": lambda client: client.emit("echo"),
    "send": lambda client: client.send("text"),
    "call": lambda client: client.call("echo"),
    "await_event": lambda client: client.await_event("x", timeout=0.3),
    "await_event of one that is there": lambda client: client.await_event("burst"),
    "await_events": lambda client: client.await_events(2, "x", timeout=0.3),
    "events": stream,
    "get_received": lambda client: now(client.get_received()),
    "settle": lambda client: client.settle(),
    "assert_not_received": lambda client: client.assert_not_received(),
    "session": lambda client: now(client.session()),
    "rooms": lambda client: now(client.rooms()),
    "time_travel": travel,
    "advance": lambda client: client.advance(1),
    "http": lambda client: client.http.get("/"),
    "a clone": lambda client: client.clone().connect(),
    "raw.poll": lambda client: client.raw.poll(),
    "raw.post": lambda client: client.raw.post("2"),
    "raw.websocket": lambda client: client.raw.websocket(),
    "raw.send_packet": lambda client: now(client.raw.send_packet(2)),
    "raw.send_text": lambda client: now(client.raw.send_text("2")),
    "raw.send_bytes": lambda client: now(client.raw.send_bytes(b"2")),
}


class TestInAnotherLoop:
    @pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
    def test_every_call_says_so_at_once(self, loops, parked, call):
        async def from_the_test():
            return await call(parked)

        with pytest.raises(UsageError, match=ELSEWHERE):
            loops[1].run_until_complete(from_the_test())
        # The call had no effect on the client.
        assert loops[0].run_until_complete(parked.call("echo", 1)) == 1
        assert [event.data for event in parked.get_received()] == [0, 1]

    def test_the_end_of_a_block_that_has_failed(self, loops, parked):
        """The exception of the block is raised unchanged."""
        failure = ZeroDivisionError()
        loops[1].run_until_complete(parked.__aexit__(type(failure), failure, None))
        assert "entered in another event loop" in failure.__notes__[0]
        assert loops[0].run_until_complete(parked.call("echo", 1)) == 1

    async def test_before_it_was_entered_anywhere(self):
        client = TestClient(lab().app)
        for call in ("await_event", "settle", "connect"):
            with pytest.raises((UsageError, NotConnected)):
                await getattr(client, call)()
        for call in (lambda: client.advance(1), lambda: travel(client)):
            with pytest.raises(UsageError, match="async with"):
                await call()

    async def test_a_sync_client_where_a_loop_runs(self):
        """As in a notebook: the sync client has its own event loop, and the caller's loop is not
        used.
        """
        with SyncTestClient(lab().app) as client:
            client.connect()
            client.call("burst", 1)
            client.raw.send_packet(3)
            client.settle()
            assert len(client.get_received()) == 1
            assert client.http.get("/").status_code == 404
            with client.time_travel():
                client.advance(1)


class TestALoopThatStandsStill:
    """pytest-asyncio's session loop does not run while a test with its own loop runs."""

    @pytest.fixture(params=[False, True], ids=["bare", "mounted"])
    def app(self, request):
        self.sio = sio = socketio.AsyncServer(async_mode="asgi")
        self.disconnects = []

        @sio.event
        async def echo(sid, value):
            return value

        @sio.event
        async def boom(sid):
            raise ValueError("boom")

        @sio.event
        async def shout(sid):
            await sio.emit("shout")

        @sio.event
        def disconnect(sid, reason):
            self.disconnects.append(reason)

        app = socketio.ASGIApp(sio)
        return Starlette(routes=[Mount("/", app)]) if request.param else app

    @staticmethod
    async def enter(client):
        await client.__aenter__()
        await client.connect()

    @staticmethod
    async def leave(client):
        await client.__aexit__(None, None, None)

    @staticmethod
    async def use(client):
        assert await client.call("echo", 1) == 1
        await client.emit("echo", 2)
        await client.settle()
        with pytest.raises(ValueError, match="boom"):
            await client.call("boom")
        await client.emit("boom")
        with pytest.raises(ValueError, match="boom"):
            await client.settle()

    def hooks(self):
        eio = self.sio.eio
        return vars(eio).get("start_background_task"), dict(eio.handlers)

    @pytest.mark.parametrize("first_to_leave", [0, 1])
    def test_each_client_is_served_in_its_own(self, loops, transports, app, first_to_leave):
        before = self.hooks()
        clients = [TestClient(app, transports=transports) for _ in loops]
        for loop, client in zip(loops, clients, strict=True):
            loop.run_until_complete(self.enter(client))
        for loop, client in 2 * [*zip(loops, clients, strict=True)]:
            loop.run_until_complete(self.use(client))
        loops[1].run_until_complete(clients[1].emit("shout"))
        loops[1].run_until_complete(clients[1].await_event("shout"))
        # A packet for the client of another loop arrives when that loop runs.
        loops[0].run_until_complete(clients[0].await_event("shout"))
        last = 1 - first_to_leave
        loops[first_to_leave].run_until_complete(self.leave(clients[first_to_leave]))
        assert self.disconnects == ["client disconnect"]
        loops[last].run_until_complete(self.use(clients[last]))
        loops[last].run_until_complete(self.leave(clients[last]))
        assert self.disconnects == 2 * ["client disconnect"]
        assert self.sio.eio.sockets == {}
        assert self.hooks() == before

    def test_the_first_is_as_it_was_after_a_short_visit(self, loops, transports, app):
        first, second = (TestClient(app, transports=transports) for _ in loops)
        loops[0].run_until_complete(self.enter(first))

        async def visit():
            async with second:
                await second.connect()
                await self.use(second)

        loops[1].run_until_complete(visit())
        loops[0].run_until_complete(self.use(first))
        assert first.is_connected()
        loops[0].run_until_complete(self.leave(first))

    def test_a_third_loop_leaves_nothing_behind(self, loops, app):
        before = self.hooks()
        third = asyncio.new_event_loop()
        clients = [TestClient(app) for _ in range(3)]
        for loop, client in zip((*loops, third), clients, strict=True):
            loop.run_until_complete(self.enter(client))
        for loop, client in ((loops[1], clients[1]), (loops[0], clients[0])):
            loop.run_until_complete(self.use(client))
            loop.run_until_complete(self.leave(client))
            third.run_until_complete(self.use(clients[2]))
        third.run_until_complete(self.leave(clients[2]))
        third.close()
        assert self.hooks() == before

    @pytest.mark.parametrize("mounted", [False, True], ids=["bare", "mounted"])
    @pytest.mark.parametrize("raised", [True, False], ids=["raised", "collected"])
    def test_a_loop_that_runs_is_refused(self, transports, mounted, raised):
        sio = socketio.AsyncServer(async_mode="asgi")
        apps = [socketio.ASGIApp(sio) for _ in range(2)]
        if mounted:
            apps = [Starlette(routes=[Mount("/", app)]) for app in apps]
        with SyncTestClient(apps[0]) as first:
            first.connect()
            options = {"transports": transports, "raise_app_exceptions": raised}
            in_use = pytest.raises(UsageError, match="in use")
            with SyncTestClient(apps[1], **options) as second, in_use:
                second.connect()
            assert first.is_connected()
            first.settle()

    def test_a_server_in_threads_is_refused(self, loops):
        flask = pytest.importorskip("flask").Flask(__name__)
        pytest.importorskip("flask_socketio").SocketIO(flask, async_mode="threading")
        app = pytest.importorskip("a2wsgi").WSGIMiddleware(flask)
        first, second = (TestClient(app, transports="polling") for _ in loops)
        loops[0].run_until_complete(self.enter(first))

        async def visit():
            async with second:
                await second.connect()

        with pytest.raises(UsageError, match="does not run now"):
            loops[1].run_until_complete(visit())
        loops[0].run_until_complete(self.leave(first))

    def test_a_loop_that_is_gone_is_not_in_the_way(self, loops, transports):
        app = lab().app
        first = TestClient(app, transports=transports)
        gone = asyncio.new_event_loop()

        async def enter():
            await first.__aenter__()
            await first.connect()

        async def leave_all_behind():
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.01)

        gone.run_until_complete(enter())
        gone.run_until_complete(leave_all_behind())
        gone.close()

        async def use():
            async with TestClient(app, transports=transports) as second:
                await second.connect()
                return await second.call("echo", 2)

        assert loops[1].run_until_complete(use()) == 2


class TestEnteredTwice:
    async def test_http_works_each_time(self, transports):
        client = TestClient(lab(other_asgi_app=plain).app, transports=transports)
        for _ in range(2):
            async with client:
                await client.connect()
                assert (await client.http.get("/x")).text == "ok"
                client.cookies.set("kept", "1")
        async with client:
            assert client.cookies["kept"] == "1"

    async def test_of_a_clone_too(self):
        async with TestClient(lab(other_asgi_app=plain).app) as client:
            other = client.clone()
            for _ in range(2):
                async with other:
                    assert (await other.http.get("/x")).text == "ok"

    def test_of_a_sync_client_too(self):
        client = SyncTestClient(lab(other_asgi_app=plain).app)
        for _ in range(2):
            with client:
                client.connect()
                assert client.http.get("/x").text == "ok"

    async def test_a_given_http_client_stays_open(self):
        app = lab(other_asgi_app=plain).app
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://testserver"
        ) as http:
            client = TestClient(app, http=http)
            for _ in range(2):
                async with client:
                    assert client.http is http
                    assert (await client.http.get("/x")).text == "ok"


async def plain(scope, receive, send):
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


class TestAbortAtOnce:
    """A task that is cancelled before its first step does not run any code of its coroutine."""

    async def test_where_the_server_can_not_be_seen(self, transports, nothing_left):
        built = lab()

        async def proxy(scope, receive, send):
            """Runs the app in another task, so that the server is not in the call stack."""
            await asyncio.create_task(built.app(scope, receive, send))

        async with TestClient(proxy, transports=transports, timeout=60) as client:
            await client.connect()
            await client.abort()
            assert not client.is_connected()

    async def test_a_handshake_without_time(self, transports, nothing_left):
        async with TestClient(lab().app, transports=transports, timeout=60) as client:
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect(timeout=0)


@EAGER
class TestEagerTasks:
    """Under `asyncio.eager_task_factory` a task runs before create_task() returns."""

    @pytest.fixture(autouse=True)
    async def eagerly(self):
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        yield
        loop.set_task_factory(None)

    @pytest.mark.parametrize("in_tasks", [True, False], ids=["async_handlers", "inline"])
    async def test_what_a_handler_raises_at_once(self, transports, in_tasks):
        sio = socketio.AsyncServer(async_mode="asgi", async_handlers=in_tasks)

        @sio.event
        async def boom(sid):
            raise ValueError("boom")

        @sio.event
        async def later(sid):
            sio.start_background_task(boom, sid)

        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
            await client.connect()
            for event in ("boom", "later"):
                await client.emit(event)
                with pytest.raises(ValueError, match="boom"):
                    await client.settle()
            with pytest.raises(ValueError, match="boom"):
                await client.call("boom")

    async def test_a_run_is_in_the_transcript_without_its_task(self):
        async with TestClient(lab().app) as client:
            await client.connect()
            await client.call("echo", 1)
            await client.call("slow", 0, 1)
            runs = client.transcript.handlers
            assert [run.event for run in runs] == ["connect", "echo", "slow"]
            assert [run.task for run in runs] == [None, None, None]
            assert all(run.duration is not None for run in runs)

    @pytest.mark.parametrize("after", [0, 1], ids=["at once", "later"])
    async def test_a_handler_of_the_tests_that_settles(self, transports, after):
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def say(sid):
            await sio.emit("said", to=sid)

        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:

            @client.on("said")
            async def said():
                for _ in range(after):
                    await asyncio.sleep(0)
                await client.settle()

            await client.connect()
            await client.emit("say")
            with pytest.raises(EventTimeout, match=r"^settle\(\) waits for its own caller: "):
                await client.settle(60)

    async def test_a_conversation(self, transports, nothing_left):
        built = lab()
        async with TestClient(built.app, transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
            assert await client.call("burst", 40) == 40
            assert len(await client.await_events(40, "burst")) == 40
            for number in range(200):
                await client.emit("keep", number)
            await client.settle()
            assert built.journal.kinds("keep") == [(number,) for number in range(200)]
            client.on("question", lambda *args: args)
            await client.emit("ask", 1)
            await client.await_event("answered")
            other = await client.clone().connect()
            await other.abort()
        assert min(built.disconnects) == ("/", "client disconnect")
        built.assert_released()
