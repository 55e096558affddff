"""The end of the block restores loop, server and classes, also after a cancelled connect."""

import asyncio
import gc
import inspect
import warnings

import engineio
import httpx
import pytest
import socketio
from apps import WAIT, Gate, lab

from asgi_sio_testclient import ConnectionRefused, TestClient

TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]


def run(main, **options):
    """Run a coroutine in a new event loop; unclosed resources of the loop are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = asyncio.run(main, **options)
        gc.collect()
    return result


async def chat(app, transports, leave="block"):
    """Use most methods of a client; return the tasks that are left."""
    before = asyncio.all_tasks()
    async with TestClient(app.app, transports=transports) as client:
        await client.connect("/", "/chat")
        assert await client.call("echo", b"x", 1) == (b"x", 1)
        await client.emit("reply", 1, namespace="/chat")
        await client.await_event("reply", namespace="/chat")
        client.on("question", lambda *args: "answer")
        await client.emit("ask")
        await client.await_event("answered")
        if leave == "disconnect":
            await client.disconnect()
        elif leave == "abort":
            await client.abort()
        elif leave == "server":
            await client.emit("drop")
            with pytest.raises(socketio.exceptions.DisconnectedError):
                await client.await_event("never")
    return asyncio.all_tasks() - before


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat"))


class TestTheLoop:
    @pytest.mark.parametrize("leave", ["block", "disconnect", "abort", "server"])
    async def test_no_task_is_left(self, app, transports, leave):
        assert await chat(app, transports, leave) == set()

    async def test_no_timer_is_left(self, app, transports):
        """No ping timer and no deadline is left that would keep the loop busy."""
        await chat(app, transports)
        loop = asyncio.get_running_loop()
        scheduled = [handle for handle in loop._scheduled if not handle.cancelled()]
        assert scheduled == []

    async def test_not_even_while_the_loop_goes_on_with_many_clients(self, app):
        before = asyncio.all_tasks()
        for _ in range(20):
            async with TestClient(app.app) as client:
                await client.connect()
        assert asyncio.all_tasks() == before

    async def test_a_refused_connect_leaves_nothing(self, app, transports):
        before = asyncio.all_tasks()
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(ConnectionRefused):
                await client.connect(auth={"refuse": ["no"]})
            app.assert_released()
        assert asyncio.all_tasks() == before

    async def test_background_tasks_of_the_app_end_with_it(self, transports):
        app = lab()
        ticks = []

        async def tick():
            while True:
                ticks.append(1)
                await app.sio.sleep(0.001)

        app.sio.on("start", lambda sid: bool(app.sio.start_background_task(tick)))
        before = asyncio.all_tasks()
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            assert await client.call("start") is True
            await client.call("slow", 0.01, 1)
        assert asyncio.all_tasks() == before
        assert len(ticks) > 1


class TestTheNextLoop:
    @pytest.mark.parametrize("transports", TRANSPORTS, ids=["websocket", "polling", "upgrade"])
    def test_a_server_at_module_level_serves_loop_after_loop(self, app, transports):
        for _ in range(3):
            assert run(chat(app, transports)) == set()
            app.assert_released()

    def test_a_client_that_was_never_left_does_not_poison_it(self, app):
        async def never_close():
            client = await TestClient(app.app).__aenter__()
            await client.connect()
            assert await client.call("echo", 1) == 1
            return client

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            client = asyncio.run(never_close())
            del client
            gc.collect()
        assert run(chat(app, ("websocket",))) == set()

    @pytest.mark.slow
    def test_in_debug_mode(self, app):
        for transports in TRANSPORTS:
            assert run(chat(app, transports), debug=True) == set()


class TestTheServer:
    @pytest.mark.parametrize("leave", ["block", "disconnect", "abort", "server"])
    async def test_the_server_is_restored(self, app, transports, leave):
        sio_before, eio_before = dict(vars(app.sio)), dict(vars(app.sio.eio))
        handlers_before = dict(app.sio.eio.handlers)
        async with TestClient(app.app) as client:
            await client.connect()
        await chat(app, transports, leave)
        # Attributes that python-socketio changes when it serves its first client.
        own = {"manager_initialized"}
        own_of_engine = {"sequence_number", "service_task_handle", "service_task_event", "sockets"}
        assert _without(vars(app.sio), own) == _without(sio_before, own)
        assert _without(vars(app.sio.eio), own_of_engine) == _without(eio_before, own_of_engine)
        assert app.sio.eio.handlers == handlers_before

    async def test_the_server_has_no_state_of_clients(self, app, transports):
        for leave in ("block", "disconnect", "abort", "server"):
            await chat(app, transports, leave)
            app.assert_released()
        assert app.sio._binary_packet == {}

    async def test_the_service_task_starts_again(self, app):
        """If the monitoring ended without a reset, it would not detect dead clients again."""
        assert app.sio.eio.start_service_task is True
        await chat(app, ("websocket",))
        assert app.sio.eio.start_service_task is True

    async def test_a_raising_connect_handler_is_cleaned_up_after(self, transports):
        app = lab()

        @app.sio.on("connect")
        async def connect(sid, environ):
            raise LookupError("no database")

        async with TestClient(
            app.app, transports=transports, timeout=0.1, raise_app_exceptions=False
        ) as client:
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect()
        app.assert_released()


def _without(attributes, names):
    return {key: value for key, value in attributes.items() if key not in names}


class TestClasses:
    async def test_no_class_carries_state(self, app):
        classes = [
            TestClient,
            socketio.AsyncServer,
            engineio.AsyncServer,
            socketio.packet.Packet,
            engineio.packet.Packet,
            engineio.payload.Payload,
            socketio.ASGIApp,
            type(app.sio.manager),
            httpx.AsyncClient,
        ]
        before = [dict(vars(each)) for each in classes]
        for transports in TRANSPORTS:
            await chat(app, transports)
        assert [dict(vars(each)) for each in classes] == before

    def test_pytest_does_not_collect_the_client(self):
        assert TestClient.__test__ is False

    def test_two_at_once_share_nothing(self, app):
        one, two = TestClient(app.app), TestClient(app.app)
        one.on("echo", print)
        one.cookies.set("a", "1")
        one.headers["x-a"] = "1"
        assert "a" not in two.cookies
        assert "x-a" not in two.headers


class TestManyAtOnce:
    @pytest.mark.slow
    @pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.proof)])
    async def test_each_with_its_own_cookies(self, app, transports, count):
        async def one(number):
            async with TestClient(
                app.app, transports=transports, cookies={"user": str(number)}, timeout=WAIT
            ) as client:
                await client.connect()
                assert await client.call("echo", number) == number
                await asyncio.sleep(0)
                environ = app.environs[client.sid]
                await client.emit("reply", number)
                assert (await client.await_event("reply")).data == number
                return environ["HTTP_COOKIE"]

        before = asyncio.all_tasks()
        cookies = await asyncio.gather(*(one(number) for number in range(count)))
        assert cookies == [f"user={number}" for number in range(count)]
        assert asyncio.all_tasks() == before
        app.assert_released()

    @pytest.mark.slow
    async def test_clones_hear_a_broadcast_once_each(self, app):
        async with TestClient(app.app, timeout=WAIT) as first:
            clients = [first, *(first.clone() for _ in range(299))]
            await asyncio.gather(*(client.connect() for client in clients))
            assert len({client.sid for client in clients}) == 300
            await first.emit("shout", "all")
            heard = await asyncio.gather(*(client.await_event("shout") for client in clients))
            assert {event.data for event in heard} == {"all"}
            assert await first.call("echo", 1) == 1
            assert [client.get_received() for client in clients] == [[]] * 300
        app.assert_released()


class TestCancelled:
    """The task is cancelled at any await, and the next client finds the app in its
    initial state.
    """

    @staticmethod
    async def connect_and_cancel(client, turns):
        connecting = asyncio.ensure_future(client.connect("/", "/chat"))
        for _ in range(turns):
            await asyncio.sleep(0)
        if connecting.done():
            await connecting
            return False
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        return True

    @pytest.mark.slow
    async def test_connect_at_any_await(self, app, transports):
        before = asyncio.all_tasks()
        turns, cancelled = 0, True
        while cancelled:
            async with TestClient(app.app, transports=transports, timeout=2) as client:
                cancelled = await self.connect_and_cancel(client, turns)
                if cancelled:
                    assert not client.is_connected()
                    assert client.transport is None
                    await client.connect()
                    assert await client.call("echo", turns) == turns
            app.assert_released()
            assert asyncio.all_tasks() == before
            turns += 1
        assert turns > 2

    async def test_in_the_connect_handler(self, transports):
        """The connect handler goes on after the client has closed, and must not connect that
        client.
        """
        app, gate = lab(), Gate()

        @app.sio.on("connect")
        async def connect(sid, environ):
            await gate.pass_through()

        async with TestClient(app.app, transports=transports, timeout=2) as client:
            connecting = asyncio.ensure_future(client.connect())
            await gate.somebody_waits()
            connecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await connecting
            assert not client.is_connected()
            gate.opened.set()
            await client.connect()
            assert await client.call("echo", 1) == 1
            sids = list(app.sio.manager.rooms["/"][None])
            assert sids == [client.sid]
        app.assert_released()

    async def test_disconnect_at_any_await(self, app, transports):
        before = asyncio.all_tasks()
        turns, cancelled = 0, True
        while cancelled:
            async with TestClient(app.app, transports=transports, timeout=2) as client:
                await client.connect()
                leaving = asyncio.ensure_future(client.disconnect())
                for _ in range(turns):
                    await asyncio.sleep(0)
                cancelled = not leaving.done()
                leaving.cancel()
                await asyncio.wait([leaving])
            app.assert_released()
            assert asyncio.all_tasks() == before
            turns += 1

    @pytest.mark.slow
    async def test_the_whole_block_at_any_await(self, app, transports):
        before = asyncio.all_tasks()
        turns, cancelled = 0, True
        while cancelled:
            block = asyncio.ensure_future(chat(app, transports))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled = not block.done()
            block.cancel()
            await asyncio.wait([block])
            # A cancelled exit may cancel a task without waiting for its end.
            for _ in range(5):
                await asyncio.sleep(0)
            assert asyncio.all_tasks() == before
            app.assert_released()
            turns += 1 if turns < 30 else 7
        assert await chat(app, transports) == set()


def test_the_public_methods_that_wait_are_coroutines():
    for name in (
        "connect",
        "disconnect",
        "abort",
        "emit",
        "call",
        "send",
        "await_event",
        "await_events",
    ):
        assert inspect.iscoroutinefunction(getattr(TestClient, name)), name
