"""The first line of an error names the cause: causes that no behaviour test covers."""

import asyncio
import contextlib
import logging

import pytest
import socketio

from asgi_sio_testclient import ConnectTimeout, EventTimeout, ReceivedEvent, TestClient
from asgi_sio_testclient._client.diagnosis import _block, near, show_event

SHORT = 0.05  # seconds, for waits that end by their timeout


def server(**handlers):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=["/", "/chat", "/empty"])
    for name, handler in handlers.items():
        sio.on(name, handler)
    return sio


def client_of(sio, **options):
    return TestClient(socketio.ASGIApp(sio), **options)


async def headline(awaitable):
    with pytest.raises((EventTimeout, ConnectTimeout)) as caught:
        await awaitable
    return str(caught.value).splitlines()[0]


async def echo(sid, *args):
    return args


# -- a call without an ack


async def test_an_event_that_another_namespace_handles():
    sio = server(echo=echo)
    sio.on("shout", echo, namespace="/chat")
    async with client_of(sio) as client:
        await client.connect()
        line = await headline(client.call("shout"))
    assert line == (
        "the server has no handler for 'shout' in namespace '/'; "
        "namespace '/chat' has one: no ack for 'shout'"
    )


async def test_of_two_running_handlers_the_one_of_the_client_that_waits_is_named():
    ended = asyncio.Event()

    async def work(sid, kind):
        if kind == "first":
            await ended.wait()  # of the other client
        await ended.wait()  # of the client that waits

    sio = server(work=work)
    async with client_of(sio) as other, other.clone() as client:
        await other.connect()
        await client.connect()
        await other.emit("work", "first")
        line = await headline(client.call("work", "second", timeout=SHORT))
        events = await headline(client.await_event("done", timeout=SHORT))
        ended.set()
    assert "of the client that waits" in line
    assert "of the client that waits" in events


async def test_an_event_that_nobody_handles_anywhere():
    sio = server(echo=echo, greet=echo)
    async with client_of(sio) as client:
        await client.connect()
        line = await headline(client.call("xyz"))
    assert line == (
        "the server has no handler for 'xyz' in namespace '/'; "
        "it has 'echo', 'greet': no ack for 'xyz'"
    )


async def test_a_server_without_any_handler():
    async with client_of(server()) as client:
        await client.connect()
        line = await headline(client.call("xyz"))
    assert line == "the server has no handler for 'xyz' in namespace '/': no ack for 'xyz'"


async def test_a_server_that_does_not_answer_and_is_not_known():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        opening = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000}'
        await send({"type": "websocket.send", "text": opening})
        await receive()
        await send({"type": "websocket.send", "text": '40{"sid":"x"}'})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async with TestClient(app, lifespan=False) as client:
        await client.connect()
        line = await headline(client.call("e", timeout=SHORT))
    assert line == "the server did not answer: no ack for 'e' within 0.05 s"


async def test_an_error_that_was_raised_before_is_the_cause():
    async def hang(sid):
        await asyncio.sleep(2 * SHORT)

    async def boom(sid):
        raise LookupError("mine")

    async with client_of(server(hang=hang, boom=boom), raise_app_exceptions=False) as client:
        await client.connect()
        await client.emit("boom")
        await client.settle()
        line = await headline(client.call("hang", timeout=SHORT))
    assert line == "the app raised LookupError('mine'): no ack for 'hang' within 0.05 s"


# -- a connect without an answer


async def test_an_error_before_a_connect_that_hangs_is_its_cause():
    sio = server()

    @sio.on("boom")
    async def boom(sid):
        raise LookupError("mine")

    @sio.on("connect", namespace="/chat")
    async def connect(sid, environ):
        await asyncio.sleep(2 * SHORT)

    async with client_of(sio, raise_app_exceptions=False) as client:
        await client.connect()
        await client.emit("boom")
        await client.settle()
        line = await headline(client.connect("/chat", timeout=SHORT))
    assert "the app raised LookupError('mine')" in line


# -- texts


@pytest.mark.parametrize(
    ("name", "names", "meant"),
    [
        ("ecohed", {"echoed", "other"}, "echoed"),
        ("Echo", {"echo"}, "echo"),
        ("ID", {"id"}, "id"),
        ("echo", {"echo"}, None),
        ("echo", {"something"}, None),
        (None, {"echo"}, None),
        ("echo", set(), None),
    ],
)
def test_the_name_that_may_have_been_meant(name, names, meant):
    assert near(name, names) == meant


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (ReceivedEvent("e"), "e()"),
        (ReceivedEvent("e", (1, "a")), 'e(1, "a")'),
        (ReceivedEvent("e", (), "/chat"), "e() in /chat"),
    ],
)
def test_an_event_on_one_line(event, text):
    assert show_event(event) == text


async def test_what_the_engine_logged_and_the_test_has_seen_is_no_cause(caplog):
    caplog.set_level(logging.ERROR, "engineio.server")  # other modules disable it

    async def boom(sid):
        raise LookupError("no such user")

    sio = socketio.AsyncServer(async_mode="asgi", async_handlers=False)
    sio.on("boom", boom)
    async with client_of(sio) as client:
        await client.connect()
        await client.emit("boom")
        with pytest.raises(LookupError, match="no such user"):
            await client.settle()
        assert "message async handler error" in caplog.text
        line = await headline(client.await_event("never", timeout=SHORT))
    assert "the server logged" not in line


@pytest.mark.parametrize(
    ("count", "more"), [(1, []), (10, []), (11, ["  ... and 1 more"]), (13, ["  ... and 3 more"])]
)
def test_the_first_ten_of_what_a_block_lists(count, more):
    lines = [str(number) for number in range(count)]
    shown = [f"  {line}" for line in lines[:10]]
    assert _block("arrived:", lines) == ["arrived:", *shown, *more]


def test_a_block_that_lists_nothing_is_left_out():
    assert _block("arrived:", []) == []


@pytest.mark.parametrize("match", [None, lambda event: True], ids=["any", "with match="])
async def test_an_event_of_that_name_in_another_namespace_is_none_that_match_refused(match):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")

    @sio.on("go", namespace="/a")
    async def go(sid):
        await sio.emit("done", namespace="/b")

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect("/a", "/b")
        await client.emit("go", namespace="/a")
        with pytest.raises(EventTimeout, match=r"^it arrived in namespace '/b' instead"):
            await client.await_event("done", namespace="/a", match=match, timeout=0.05)
        client.get_received("/b")


async def test_the_first_of_several_errors_is_the_cause():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def order(sid, number):
        raise LookupError(f"no order {number}")

    app = socketio.ASGIApp(sio)
    async with TestClient(app, raise_app_exceptions=False) as client:
        await client.connect()
        for number in (1, 2, 3):
            await client.emit("order", number)
            await client.settle()
        with pytest.raises(EventTimeout, match=r"^the app raised LookupError\('no order 1'\)"):
            await client.await_event("ordered", timeout=0.05)


# -- of several handlers that run, the one that began first


async def stuck(*, order):
    """A client whose two handlers wait, `first` since before `second`; and a way to let them go."""
    go_on = asyncio.Event()
    reached = asyncio.Queue()

    async def first(sid, *args):
        reached.put_nowait("first")
        await go_on.wait()

    async def second(sid, *args):
        reached.put_nowait("second")
        await go_on.wait()

    sio = server(first=first, second=second)
    async with client_of(sio) as client:
        await client.connect()
        for event in order:
            await client.emit(event)
            assert await asyncio.wait_for(reached.get(), 60) == event
        yield client
        go_on.set()


WAITS = {
    "settle": lambda client: client.settle(SHORT),
    "await_event": lambda client: client.await_event("x", timeout=SHORT),
}


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")], ids="/".join)
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
async def test_the_handler_that_began_first_is_named(wait, order):
    async with contextlib.asynccontextmanager(stuck)(order=order) as client:
        line = await headline(wait(client))
    assert f"<locals>.{order[0]}" in line


async def test_of_two_runs_of_one_event_the_first_is_named():
    go_on = asyncio.Event(), asyncio.Event()

    async def hang(sid, number):
        if number == 0:
            await go_on[0].wait()
        await go_on[1].wait()

    async with client_of(server(hang=hang)) as client:
        await client.connect()
        await client.emit("hang", 0)
        line = await headline(client.call("hang", 1, timeout=SHORT))
        for event in go_on:
            event.set()
    assert "await go_on[0].wait()" in line
