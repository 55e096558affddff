"""Virtual time does not advance while the app waits for a thread or a socket, which takes real
time.
"""

import asyncio
import contextlib
import threading

import anyio
import pytest
import socketio
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient, UsageError

PATIENCE = 60  # seconds; a bound against a hang


class Thread:
    """A call in a thread that ends when the test allows it, or soon after its start."""

    def __init__(self):
        self.may_end = threading.Event()
        self.timer = threading.Timer(0.05, self.may_end.set)

    def work(self, *_):
        self.timer.start()
        assert self.may_end.wait(PATIENCE)

    def hang(self, *_):
        assert self.may_end.wait(PATIENCE)


@pytest.fixture
def thread():
    thread = Thread()
    yield thread
    thread.may_end.set()


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


async def in_an_executor(call):
    await asyncio.get_running_loop().run_in_executor(None, call)


WAYS = pytest.mark.parametrize(
    "way",
    [asyncio.to_thread, anyio.to_thread.run_sync, in_an_executor],
    ids=lambda way: way.__name__,
)


@WAYS
async def test_a_thread_takes_no_virtual_time(transports, sio, thread, way):
    ended = []

    @sio.event
    async def job(sid):
        try:
            async with asyncio.timeout(5):
                await way(thread.work)
            ended.append("done")
        except TimeoutError:
            ended.append("timed out")

    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            await client.advance(10)
        assert ended == ["done"]


@pytest.mark.parametrize("how", ["gather", "task", "wait_for", "begun", "background", "group"])
async def test_however_it_is_awaited(transports, sio, thread, how):
    ended = []

    async def work():
        await asyncio.to_thread(thread.work)
        ended.append("done")

    @sio.event
    async def job(sid):
        if how == "gather":
            await asyncio.gather(work(), asyncio.sleep(0))
        elif how == "task":
            await asyncio.create_task(work())
        elif how == "wait_for":
            await asyncio.wait_for(work(), 5)
        elif how == "begun":
            sio.task = asyncio.create_task(work())
        elif how == "background":
            sio.start_background_task(work)
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(work())

    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            await client.advance(10)
        assert ended == ["done"]


async def test_what_follows_the_thread_has_its_whole_time(sio, thread):
    ended = []

    @sio.event
    async def job(sid):
        await asyncio.to_thread(thread.work)
        await asyncio.sleep(5)
        ended.append("done")

    async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            await client.advance(4.9)
            assert ended == []
            await client.advance(0.2)
        assert ended == ["done"]


@pytest.mark.slow
@WAYS
async def test_a_thread_that_does_not_end_is_named(transports, sio, thread, way):
    @sio.event
    async def job(sid):
        await way(thread.hang)

    app = socketio.ASGIApp(sio)
    async with TestClient(app, transports=transports, timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            before = asyncio.get_running_loop().time()
            with pytest.raises(EventTimeout, match=r"^in a thread or at a socket: ") as caught:
                await client.advance(1000, timeout=0.05)
            assert asyncio.get_running_loop().time() - before < 500
            assert "job (event 'job', namespace '/') at " in str(caught.value)
            assert "the clock has not moved" in str(caught.value)
            thread.may_end.set()
            await client.advance(1000)


@pytest.mark.slow
async def test_after_some_steps_the_clock_has_moved(sio, thread):
    @sio.event
    async def job(sid):
        await asyncio.sleep(3)
        await asyncio.to_thread(thread.hang)

    async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            with pytest.raises(EventTimeout, match=r"the clock has moved by 3\.0"):
                await client.advance(10, timeout=0.1)
            thread.may_end.set()


class TestSockets:
    @pytest.fixture
    async def peer(self):
        """A server that answers when the test sets its event."""
        answer = asyncio.Event()

        async def serve(reader, writer):
            await answer.wait()
            writer.write(b"x")
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1], answer
            answer.set()

    @staticmethod
    async def ask(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.read(1)
        writer.close()
        await writer.wait_closed()

    @pytest.mark.slow
    async def test_a_handler_at_a_socket_is_waited_for(self, sio, peer):
        port, answer = peer
        ended = []

        @sio.event
        async def job(sid):
            asyncio.get_running_loop().call_later(0.05, answer.set)
            async with asyncio.timeout(5):
                await self.ask(port)
            ended.append("done")

        async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
            await client.connect()
            await client.emit("job")
            async with client.time_travel():
                await client.advance(10)
            assert ended == ["done"]

    @pytest.mark.slow
    async def test_a_socket_without_an_answer_is_named(self, sio, peer):
        port, answer = peer

        @sio.event
        async def job(sid):
            await self.ask(port)

        async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
            await client.connect()
            await client.emit("job")
            async with client.time_travel():
                with pytest.raises(EventTimeout, match=r"in a thread or at a socket: .*job"):
                    await client.advance(10, timeout=0.2)
            answer.set()

    @pytest.mark.slow
    async def test_a_listener_that_nobody_awaits_is_no_hindrance(self, sio, peer):
        port, answer = peer

        @sio.event
        async def job(sid):
            sio.task = asyncio.create_task(self.ask(port))

        async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
            await client.connect()
            await client.emit("job")
            async with client.time_travel():
                await client.advance(10)
            answer.set()
            await sio.task


async def test_a_request_in_a_thread(thread):
    def endpoint(request):
        thread.work()
        return PlainTextResponse("ok")

    async with TestClient(Starlette(routes=[Route("/", endpoint)]), timeout=PATIENCE) as client:
        async with client.time_travel():
            request = asyncio.ensure_future(client.http.get("/", timeout=5))
            await client.advance(10)
        assert (await request).text == "ok"


@pytest.mark.slow
def test_a_server_that_runs_in_threads(thread):
    flask = pytest.importorskip("flask").Flask(__name__)
    flask_socketio = pytest.importorskip("flask_socketio").SocketIO(flask, async_mode="threading")
    app = pytest.importorskip("a2wsgi").WSGIMiddleware(flask)
    flask_socketio.on_event("job", thread.hang)
    with SyncTestClient(app, transports="polling", timeout=PATIENCE) as client:
        client.connect()
        client.emit("job")
        with client.time_travel():
            with pytest.raises(EventTimeout, match=r"in a thread or at a socket: .*hang"):
                client.advance(10, timeout=0.2)
            thread.may_end.set()
            client.advance(1)


@pytest.mark.slow
def test_a_packet_on_its_way_through_the_threads_of_a_server(thread):
    pytest.importorskip("a2wsgi")
    sio = socketio.Server(async_mode="threading")
    server = socketio.WSGIApp(sio)

    def slow_middleware(environ, start_response):
        if environ["REQUEST_METHOD"] == "POST" and packets:
            thread.hang()
        return server(environ, start_response)

    packets = []
    with SyncTestClient(slow_middleware, timeout=PATIENCE) as client:
        client.connect()
        packets.append("job")
        client.emit("job")
        with client.time_travel():
            with pytest.raises(EventTimeout, match="threads, before a handler"):
                client.advance(10, timeout=0.2)
            thread.may_end.set()
            client.advance(1)


def test_in_the_sync_client(sio, thread):
    @sio.event
    async def job(sid):
        await asyncio.to_thread(thread.hang)

    with SyncTestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
        client.connect()
        client.emit("job")
        with client.time_travel():
            with pytest.raises(EventTimeout, match=r"in a thread or at a socket: .*job"):
                client.advance(10, timeout=0.05)
            thread.may_end.set()
            client.advance(10)
        client.settle()


class TestArguments:
    async def test_seconds(self, sio):
        async with TestClient(socketio.ASGIApp(sio)) as client, client.time_travel():
            for seconds in (float("inf"), float("nan"), -1, float("-inf")):
                with pytest.raises(ValueError, match="expected a finite number, 0 or more"):
                    await client.advance(seconds)
            for seconds in ("1", True, None):
                with pytest.raises(TypeError, match="seconds is"):
                    await client.advance(seconds)
            with pytest.raises(ValueError, match="timeout is -1"):
                await client.advance(1, timeout=-1)
            await client.advance(0)

    async def test_outside_of_time_travel(self, sio):
        async with TestClient(socketio.ASGIApp(sio)) as client:
            with pytest.raises(UsageError, match="works within"):
                await client.advance(1)


@pytest.mark.slow
async def test_a_ticker_comes_to_rest_all_the_time(sio):
    """The ticker is at rest between its ticks; the advance takes long, and the error says so."""

    async def tick():
        while True:  # noqa: ASYNC110 (the subject)
            await asyncio.sleep(0.01)

    async with TestClient(socketio.ASGIApp(sio)) as client, client.time_travel():
        ticker = asyncio.create_task(tick())
        with pytest.raises(EventTimeout, match=r"timers took too long: .*pass timeout= for more"):
            await client.advance(10_000_000, timeout=0.05)
        await client.advance(1, timeout=PATIENCE)
        ticker.cancel()


LIMITER = """
async def limited(loop):
    future = loop.create_future()
    loop.call_later(60, future.set_result, None)
    await future
"""


async def test_a_librarys_own_timer_is_no_outside(sio, monkeypatch):
    """Only a timer sets the library's future, so virtual time can advance to it."""
    loop = asyncio.get_running_loop()
    library = {}
    exec(compile(LIMITER, asyncio.__file__, "exec"), library)
    ended = []

    @sio.event
    async def job(sid):
        await library["limited"](loop)
        ended.append("done")

    # Threads of other tests might set the future.
    monkeypatch.setattr(threading, "enumerate", lambda: [threading.current_thread()])
    async with TestClient(socketio.ASGIApp(sio), timeout=PATIENCE) as client:
        await client.connect()
        await client.emit("job")
        async with client.time_travel():
            await client.advance(61)
        assert ended == ["done"]
