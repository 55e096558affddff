"""A warning names everything that is left when a block ends; without leftovers there is
no warning.
"""
# ruff: noqa: PT012, PT031 (a warning at the end of a block needs the block)

import asyncio
import gc
import warnings

import pytest
import socketio

import asgi_sio_testclient
from asgi_sio_testclient import LeakWarning, TestClient, TestClientError

A_MINUTE = 60


def new_server(**settings):
    sio = socketio.AsyncServer(async_mode="asgi", **settings)
    return sio, socketio.ASGIApp(sio)


every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


@pytest.fixture(autouse=True)
async def nothing_is_left_of_any_test():
    tasks = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()


@every_transport
@pytest.mark.parametrize("strict", [False, True])
async def test_nothing_is_said_of_a_clean_test(transports, strict):
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await asyncio.sleep(0.01)
        await sio.emit("done", to=sid, callback=lambda *args: None)
        return await sio.call("question", to=sid)

    async with TestClient(app, transports=transports, strict=strict) as client:
        client.on("done", lambda: None)
        client.on("question", lambda: 42)
        await client.connect()
        assert await client.call("work") == 42


async def test_a_handler_that_still_runs_is_given_time_to_end():
    sio, app = new_server()
    ended = []

    @sio.event
    async def work(sid):
        await asyncio.sleep(0.1)
        ended.append(sid)

    async with TestClient(app, strict=True) as client:
        await client.connect()
        sid = client.sid
        await client.emit("work")
    assert ended == [sid]


@every_transport
async def test_a_handler_that_does_not_end_is_cancelled_and_named(transports):
    sio, app = new_server()
    cancelled = []

    @sio.event
    async def work(sid):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(sid)
            raise

    with pytest.warns(LeakWarning) as warned:
        async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
            await client.connect()
            sid = client.sid
            await client.emit("work")
    assert cancelled == [sid]
    (warning,) = warned
    for part in ("work", "'/'", "test_leaks.py"):
        assert part in str(warning.message)
    assert warning.filename == __file__, "it points at the test, not into the library"


async def test_strict_makes_it_an_error():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await asyncio.Event().wait()

    with pytest.raises(TestClientError, match="work") as caught:
        async with TestClient(app, timeout=A_MINUTE, strict=True) as client:
            await client.connect()
            await client.emit("work")
    assert isinstance(caught.value, asgi_sio_testclient.Leak)
    assert len(caught.value.leaks) == 1


async def test_a_handler_that_refuses_to_be_cancelled_is_named_all_the_same():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            for _ in range(10):
                await asyncio.sleep(0)

    with pytest.warns(LeakWarning, match="work"):
        async with TestClient(app, timeout=A_MINUTE) as client:
            await client.connect()
            await client.emit("work")


async def test_a_disconnect_handler_that_does_not_end_is_named_and_its_sid_removed():
    sio, app = new_server()

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.Event().wait()

    with pytest.warns(LeakWarning) as warned:
        async with TestClient(app, timeout=A_MINUTE) as client:
            await client.connect()
            sid = client.sid
    text = "\n".join(str(warning.message) for warning in warned)
    assert "disconnect" in text
    assert sid in text
    assert list(sio.manager.get_namespaces()) == []
    assert sio.eio.sockets == {}


async def test_an_ack_that_was_never_answered_is_named():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await sio.emit("question", "how?", to=sid, callback=lambda *args: None)

    with pytest.warns(LeakWarning, match="'question'"):
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("work")
            assert (await client.await_event("question")).data == "how?"


async def test_events_that_nobody_read_fail_only_when_strict():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await sio.emit("done", "tea", to=sid)

    async def use(**settings):
        async with TestClient(app, **settings) as client:
            await client.connect()
            await client.emit("work")
            await client.settle()

    await use()
    with pytest.raises(asgi_sio_testclient.Leak, match=r'done\("tea"\)'):
        await use(strict=True)


async def test_events_that_arrive_while_leaving_are_nobodys_to_read():
    sio, app = new_server()

    @sio.event
    async def disconnect(sid, reason):
        await sio.emit("left")

    async with TestClient(app, strict=True) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await bob.disconnect()
        assert (await alice.await_event("left")).name == "left"


async def test_the_bodys_own_exception_wins_over_leaks():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await sio.emit("done", to=sid)

    own = AssertionError("in the test")
    with pytest.raises(AssertionError) as caught:
        async with TestClient(app, strict=True) as client:
            await client.connect()
            await client.emit("work")
            await client.settle()
            raise own
    assert caught.value is own


async def test_an_error_of_the_app_wins_over_leaks():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await sio.emit("done", to=sid)
        raise LookupError("in the app")

    with pytest.raises((LookupError, ExceptionGroup)) as caught:
        async with TestClient(app, strict=True) as client:
            await client.connect()
            await client.emit("work")
    errors = getattr(caught.value, "exceptions", [caught.value])
    assert any(isinstance(error, LookupError) for error in errors)


async def test_a_handler_of_the_client_that_does_not_end_is_named():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await sio.emit("news", to=sid)

    began = asyncio.Event()
    with pytest.warns(LeakWarning, match="on_news"):
        async with TestClient(app, timeout=A_MINUTE) as client:

            @client.on("news")
            async def on_news():
                began.set()
                await asyncio.Event().wait()

            await client.connect()
            await client.emit("work")
            await began.wait()


async def test_background_tasks_of_the_app_are_ended_without_a_word():
    sio, app = new_server()
    ended = []

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    @sio.event
    async def connect(sid, environ):
        sio.start_background_task(forever)

    async with TestClient(app, strict=True) as client:
        await client.connect()
    assert ended == [True]


@every_transport
async def test_nothing_is_left_of_an_aborted_client(transports):
    sio, app = new_server()
    async with TestClient(app, transports=transports, strict=True) as client:
        await client.connect()
        await client.abort()
    assert list(sio.manager.get_namespaces()) == []
    assert sio.eio.sockets == {}
    assert sio.environ == {}


@every_transport
async def test_nothing_is_left_in_the_server(transports):
    sio, app = new_server(namespaces=["/", "/chat"])
    async with TestClient(app, transports=transports, strict=True) as client:
        await client.connect("/", "/chat")
    assert list(sio.manager.get_namespaces()) == []
    assert sio.manager.callbacks == {}
    assert sio.manager.pending_connect == {}
    assert sio.manager.pending_disconnect == {}
    assert sio.eio.sockets == {}
    assert sio.environ == {}
    assert sio._binary_packet == {}


async def test_a_client_that_was_never_entered_or_never_left_says_nothing_when_collected():
    _, app = new_server()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        client = TestClient(app)
        del client
        gc.collect()


async def test_a_clone_still_connected_when_its_owner_leaves_is_disconnected():
    sio, app = new_server()
    reasons = []

    @sio.event
    async def disconnect(sid, reason):
        reasons.append(reason)

    async with TestClient(app) as alice:
        bob = alice.clone()
        await alice.connect()
        await bob.connect()
    assert reasons == ["client disconnect"] * 2
    assert not bob.is_connected()
