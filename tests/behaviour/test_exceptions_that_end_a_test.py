"""`pytest.fail()`, `skip()`, `xfail()` and the failure of pytest-timeout end a test unchanged.

They raise a BaseException. Wherever the app or the test calls them, the exception reaches the test
unchanged.
"""

import asyncio
import contextlib
import signal
import threading
import time

import pytest
import socketio
from apps import lab
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_sio_testclient import SyncTestClient, TestClient

ENDINGS = pytest.mark.parametrize("end", [pytest.fail, pytest.skip, pytest.xfail])
OPTIONS = pytest.mark.parametrize(
    "options", [{}, {"async_handlers": False}], ids=["async_handlers", "inline"]
)
RAISED = pytest.mark.parametrize("raised", [True, False], ids=["raised", "collected"])
WORDS = "must not be called"


@contextlib.contextmanager
def ended_by(end):
    """Assert that the block raises that exception, and no exception group."""
    with pytest.raises(BaseException, match=WORDS) as caught:
        yield caught
    assert type(caught.value) is end.Exception


def collected(raised):
    return {"raise_app_exceptions": raised}


def server(end, **options):
    sio = socketio.AsyncServer(async_mode="asgi", **options)

    @sio.event
    async def bad(sid, *args):
        end(WORDS)

    @sio.event
    async def later(sid):
        sio.start_background_task(bad, sid)

    @sio.event
    async def grouped(sid):
        async with asyncio.TaskGroup() as group:
            group.create_task(bad(sid))

    @sio.event
    async def hello(sid, *args):
        await sio.emit("x", {"a": 1}, to=sid)
        return "ok"

    return sio, socketio.ASGIApp(sio)


@ENDINGS
class TestInTheApp:
    @OPTIONS
    @RAISED
    @pytest.mark.parametrize("event", ["bad", "later", "grouped"])
    async def test_a_handler_and_settle(self, transports, end, options, raised, event):
        _, app = server(end, **options)
        with ended_by(end):
            async with TestClient(
                app, transports=transports, raise_app_exceptions=raised
            ) as client:
                await client.connect()
                await client.emit(event)
                await client.settle()

    @OPTIONS
    @RAISED
    async def test_a_handler_and_the_exit(self, transports, end, options, raised):
        _, app = server(end, **options)
        with ended_by(end):
            async with TestClient(
                app, transports=transports, raise_app_exceptions=raised
            ) as client:
                await client.connect()
                await client.emit("bad")

    @OPTIONS
    @RAISED
    async def test_a_handler_and_call(self, transports, end, options, raised):
        _, app = server(end, **options)
        async with TestClient(app, transports=transports, **collected(raised)) as client:
            await client.connect()
            with ended_by(end) as caught:
                await client.call("bad")
            assert client.app_exceptions == [caught.value]
            assert "raised by server.<locals>.bad" in caught.value.__notes__[0]
            assert await client.call("hello") == "ok"

    async def test_a_wait_of_another_client(self, transports, end):
        _, app = server(end)
        async with TestClient(app, transports=transports) as ada:
            bob = await ada.clone().connect()
            await ada.connect()
            await ada.emit("bad")
            with ended_by(end):
                await bob.await_event("never")

    async def test_a_wait_that_begins_afterwards(self, transports, end):
        _, app = server(end)
        async with TestClient(app, transports=transports) as ada:
            bob = await ada.clone().connect()
            await ada.connect()
            await ada.emit("bad")
            for _ in range(100):
                await asyncio.sleep(0)
            assert ada.app_exceptions
            with ended_by(end):
                await bob.await_event("never")

    @pytest.mark.parametrize("event", ["connect", "disconnect"])
    @RAISED
    async def test_connect_and_disconnect(self, transports, end, event, raised):
        sio, app = server(end)

        @sio.on(event)
        async def handler(sid, *args):
            end(WORDS)

        with ended_by(end):
            async with TestClient(
                app, transports=transports, raise_app_exceptions=raised
            ) as client:
                await client.connect()

    async def test_a_callback_of_the_apps(self, transports, end):
        sio, app = server(end)

        @sio.event
        async def ask(sid):
            await sio.emit("question", to=sid, callback=lambda *args: end(WORDS))

        with ended_by(end):
            async with TestClient(app, transports=transports) as client:
                await client.connect()
                client.on("question", lambda: "answer")
                await client.emit("ask")
                await client.settle()

    @RAISED
    @pytest.mark.parametrize("grouped", [False, True])
    async def test_a_request(self, end, raised, grouped):
        async def end_it():
            end(WORDS)

        async def endpoint(request):
            if grouped:
                async with asyncio.TaskGroup() as group:
                    group.create_task(end_it())
            return PlainTextResponse(end(WORDS))

        app = Starlette(routes=[Route("/", endpoint)])
        async with TestClient(app, raise_app_exceptions=raised) as client:
            with ended_by(end):
                await client.http.get("/")

    async def test_the_lifespan(self, end):
        @contextlib.asynccontextmanager
        async def lifespan(app):
            if state["at"] == "startup":
                end(WORDS)
            yield
            end(WORDS)

        app = Starlette(lifespan=lifespan)
        for moment in ("startup", "shutdown"):
            state = {"at": moment}
            with ended_by(end):
                async with TestClient(app):
                    assert moment == "shutdown"

    @pytest.mark.parametrize("transport", ["websocket", "polling"])
    async def test_the_app_around_the_server(self, transport, end):
        _, inner = server(end)

        async def app(scope, receive, send):
            if scope["type"] != "lifespan":
                end(WORDS)
            await inner(scope, receive, send)

        async with TestClient(app, transports=transport) as client:
            with ended_by(end):
                await client.connect()

    async def test_a_callback_of_the_loops(self, end):
        _, app = server(end)
        async with TestClient(app) as client:
            await client.connect()
            asyncio.get_running_loop().call_soon(end, WORDS)
            with ended_by(end):
                await client.await_event("never")

    @RAISED
    def test_in_the_sync_client(self, transports, end, raised):
        _, app = server(end)
        with SyncTestClient(app, transports=transports, raise_app_exceptions=raised) as client:
            client.connect()
            with ended_by(end):
                client.call("bad")
            assert client.call("hello") == "ok"
            client.emit("bad")
            with ended_by(end):
                client.settle()
            assert client.call("hello") == "ok"
            with ended_by(end), client.session():
                end(WORDS)
        with ended_by(end), SyncTestClient(app, transports=transports) as client:
            client.connect()
            client.emit("bad")


@ENDINGS
class TestInTheTest:
    @pytest.mark.parametrize("is_async", [False, True])
    @RAISED
    async def test_a_handler(self, transports, end, is_async, raised):
        _, app = server(end)

        def handler(data):
            end(WORDS)

        async def async_handler(data):
            end(WORDS)

        with ended_by(end) as caught:
            async with TestClient(
                app, transports=transports, raise_app_exceptions=raised
            ) as client:
                await client.connect()
                client.on("x", async_handler if is_async else handler)
                await client.emit("hello")
                await client.settle()
        assert "a handler of this client" in caught.value.__notes__[0]

    @pytest.mark.parametrize("is_async", [False, True])
    async def test_a_callback(self, transports, end, is_async):
        _, app = server(end)

        def callback(*args):
            end(WORDS)

        async def async_callback(*args):
            end(WORDS)

        with ended_by(end):
            async with TestClient(app, transports=transports) as client:
                await client.connect()
                await client.emit("hello", callback=async_callback if is_async else callback)
                await client.settle()

    async def test_a_predicate(self, transports, end):
        _, app = server(end)
        async with TestClient(app, transports=transports) as client:
            await client.connect()
            await client.emit("hello")
            with ended_by(end):
                await client.await_event(match=lambda event: end(WORDS))
            assert client.get_received()[0].name == "x"

    async def test_a_predicate_of_what_is_there(self, end):
        _, app = server(end)
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("hello")
            await client.settle()
            with ended_by(end):
                await client.await_event(match=lambda event: end(WORDS))
            with ended_by(end):
                await client.assert_not_received(match=lambda event: end(WORDS))

    def test_in_the_sync_client(self, transports, end):
        _, app = server(end)
        for handler in ("on", "callback", "match"):
            with ended_by(end), SyncTestClient(app, transports=transports) as client:
                client.connect()
                if handler == "on":
                    client.on("x", lambda data: end(WORDS))
                callback = (lambda *args: end(WORDS)) if handler == "callback" else None
                client.emit("hello", callback=callback)
                if handler == "match":
                    client.await_event(match=lambda event: end(WORDS))
                client.settle()


@ENDINGS
class TestInAThreadedServer:
    """Flask-SocketIO runs handlers in threads of the server."""

    @pytest.fixture
    def app(self, end):
        flask = pytest.importorskip("flask").Flask(__name__)
        flask_socketio = pytest.importorskip("flask_socketio").SocketIO(
            flask, async_mode="threading", async_handlers=self.in_threads
        )

        @flask_socketio.on("bad")
        def bad(*args):
            end(WORDS)

        @flask_socketio.on("later")
        def later():
            flask_socketio.start_background_task(bad)

        @flask_socketio.on("disconnect")
        def disconnect():
            if self.at_the_end:
                end(WORDS)

        return pytest.importorskip("a2wsgi").WSGIMiddleware(flask)

    in_threads = True
    at_the_end = False

    @pytest.mark.parametrize("event", ["bad", "later"])
    @RAISED
    def test_a_handler(self, end, app, event, raised):
        options = collected(raised)
        with (
            ended_by(end),
            SyncTestClient(app, transports="polling", **options) as client,
        ):
            client.connect()
            client.emit(event)
            client.await_event("never")

    @RAISED
    def test_the_end(self, end, app, raised):
        options = collected(raised)
        self.at_the_end = True
        with (
            ended_by(end),
            SyncTestClient(app, transports="polling", **options) as client,
        ):
            client.connect()


class TestInOneThread(TestInAThreadedServer):
    in_threads = False


class TestSeveral:
    async def test_one_exception_ends_the_test_and_the_others_are_notes(self):
        sio, app = server(pytest.skip)

        @sio.event
        async def wrong(sid):
            raise ValueError("wrong")

        with ended_by(pytest.skip) as caught:
            async with TestClient(app) as client:
                await client.connect()
                await client.emit("bad")
                await client.emit("wrong")
        assert "the app also raised ValueError: wrong" in caught.value.__notes__

    async def test_what_the_block_raises_goes_before(self):
        _, app = server(pytest.skip)

        async def block():
            async with TestClient(app) as client:
                await client.connect()
                await client.emit("bad")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError) as caught:
            await block()
        assert f"the app also raised Skipped: {WORDS}" in caught.value.__notes__[0]

    async def test_a_group_with_something_else_in_it_stays_a_group(self):
        sio, app = server(pytest.fail)

        @sio.event
        async def both(sid):
            raise BaseExceptionGroup("both", [pytest.fail.Exception(WORDS), ValueError("wrong")])

        async with TestClient(app) as client:
            await client.connect()
            with pytest.raises(BaseExceptionGroup, match="both"):
                await client.call("both")


class TestTimeout:
    """pytest-timeout's signal handler raises the test's failure in the code that runs at that
    moment.
    """

    @pytest.fixture
    def alarm(self):
        """A function that starts a timer whose signal arrives while code blocks the event loop."""
        before = signal.signal(signal.SIGUSR1, lambda *_: pytest.fail(WORDS))
        main = threading.main_thread().ident

        def ring():
            signal.pthread_kill(main, signal.SIGUSR1)

        yield lambda: threading.Timer(0.05, ring).start()
        signal.signal(signal.SIGUSR1, before)

    @OPTIONS
    async def test_in_a_handler_that_blocks(self, transports, options, alarm):
        sio = socketio.AsyncServer(async_mode="asgi", **options)

        @sio.event
        def block(sid):
            alarm()
            time.sleep(30)

        with ended_by(pytest.fail):
            async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
                await client.connect()
                await client.emit("block")
                await client.settle(timeout=60)

    def test_in_the_sync_client(self, alarm):
        with SyncTestClient(lab().app) as client, ended_by(pytest.fail):
            client.connect()
            alarm()
            client.await_event("never", timeout=60)
