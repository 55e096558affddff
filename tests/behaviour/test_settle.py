"""`settle` returns when all that the clients' packets caused has run, and not before."""

import asyncio
import time

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, TestClient, UnexpectedEvent

# Seconds on the loop's clock, see idle_clock.py: less than a wait that ends by its timeout takes.
AT_ONCE = 4.0


def new_server(**settings):
    sio = socketio.AsyncServer(async_mode="asgi", **settings)
    return sio, socketio.ASGIApp(sio)


def names(client, namespace=None):
    return [event.name for event in client.get_received(namespace)]


every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)
both_modes = pytest.mark.parametrize("async_handlers", [True, False], ids=["tasks", "in order"])


# what it waits for


@every_transport
@both_modes
async def test_handler_that_sleeps(transports, async_handlers):
    sio, app = new_server(async_handlers=async_handlers)
    go = asyncio.Event()

    @sio.event
    async def work(sid):
        await go.wait()
        await asyncio.sleep(0.02)
        await sio.emit("done", to=sid)

    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await client.emit("work")
        assert client.get_received() == []
        go.set()
        await client.settle()
        assert names(client) == ["done"]


@every_transport
@both_modes
async def test_handler_without_a_single_await(transports, async_handlers):
    sio, app = new_server(async_handlers=async_handlers)
    seen = []
    sio.on("work", lambda sid, number: seen.append(number))

    async with TestClient(app, transports=transports) as client:
        await client.connect()
        for number in range(40):
            await client.emit("work", number)
        await client.settle()
        assert sorted(seen) == list(range(40))


async def test_handler_in_a_thread():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await asyncio.to_thread(time.sleep, 0.05)
        await sio.emit("done", to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert names(client) == ["done"]


async def test_handler_that_awaits_tasks_of_its_own():
    sio, app = new_server()

    async def part(sid, number):
        await asyncio.sleep(0.01 * number)
        await sio.emit("part", number, to=sid)

    @sio.event
    async def work(sid):
        async with asyncio.TaskGroup() as parts:
            for number in range(3):
                parts.create_task(part(sid, number))

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("work")
        await client.settle()
        assert [event.data for event in client.get_received()] == [0, 1, 2]


@every_transport
async def test_what_handlers_emit_to_others(transports):
    sio, app = new_server()

    @sio.event
    async def say(sid, text):
        await asyncio.sleep(0.02)
        await sio.emit("said", text, skip_sid=sid)

    async with TestClient(app, transports=transports) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("say", "hi")
        await alice.settle()
        assert names(bob) == ["said"]
        assert names(alice) == []


@every_transport
async def test_calls_of_the_server(transports):
    sio, app = new_server()
    answers = []

    @sio.event
    async def ask(sid):
        answers.append(await sio.call("question", "how?", to=sid))
        answers.append(await sio.call("question", "why?", to=sid))

    async with TestClient(app, transports=transports) as client:

        @client.on("question")
        async def question(text):
            await asyncio.sleep(0.01)
            return f"{text} so!"

        await client.connect()
        await client.emit("ask")
        await client.settle()
        assert answers == ["how? so!", "why? so!"]


async def test_calls_of_the_server_to_another_client():
    sio, app = new_server()
    answers = []

    @sio.event
    async def ask(sid, whom):
        answers.append(await sio.call("question", to=whom))

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        bob.on("question", lambda: "an answer")
        await alice.emit("ask", bob.sid)
        await alice.settle()
        assert answers == ["an answer"]


@every_transport
async def test_acks(transports):
    sio, app = new_server()
    acks = []

    @sio.event
    async def echo(sid, text):
        await asyncio.sleep(0.01)
        return text

    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await client.emit("echo", "hi", callback=acks.append)
        await client.settle()
        assert acks == ["hi"]


async def test_ack_callbacks_of_the_app():
    sio, app = new_server()
    answers = []

    async def answered(text):
        await asyncio.sleep(0.02)
        answers.append(text)

    @sio.event
    async def ask(sid):
        await sio.emit("question", to=sid, callback=answered)

    async with TestClient(app) as client:
        client.on("question", lambda: "an answer")
        await client.connect()
        await client.emit("ask")
        await client.settle()
        assert answers == ["an answer"]


async def test_a_chain_from_server_to_client_to_server():
    sio, app = new_server()

    @sio.event
    async def ping_pong(sid, left):
        await asyncio.sleep(0.002)
        await sio.emit("ball" if left else "out", left, to=sid)

    async with TestClient(app) as client:

        @client.on("ball")
        async def ball(left):
            await asyncio.sleep(0.002)
            await client.emit("ping_pong", left - 1)

        await client.connect()
        await client.emit("ping_pong", 5)
        await client.settle()
        assert names(client) == ["out"]


@every_transport
async def test_disconnect_handlers(transports):
    sio, app = new_server()

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.sleep(0.02)
        await sio.emit("left", reason)

    async with TestClient(app, transports=transports) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await bob.disconnect()
        await alice.settle()
        assert [event.args for event in alice.get_received()] == [("client disconnect",)]


async def test_disconnect_handlers_of_a_lost_network():
    sio, app = new_server()

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.sleep(0.02)
        await sio.emit("left", reason)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await bob.abort()
        await alice.settle()
        assert [event.args for event in alice.get_received()] == [("transport close",)]


async def test_connects_that_are_under_way():
    sio, app = new_server()
    knocks = asyncio.Queue()

    @sio.event
    async def connect(sid, environ):
        knocks.put_nowait(sid)
        await asyncio.sleep(0.05)
        await sio.emit("joined", skip_sid=sid)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await knocks.get()
        joining = asyncio.create_task(bob.connect())
        await knocks.get()
        await alice.settle()
        assert names(alice) == ["joined"]
        await joining


async def test_binary_and_many_attachments():
    sio, app = new_server()

    @sio.event
    async def store(sid, *photos):
        await sio.emit("stored", photos, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("store", *(bytes([number]) * 1000 for number in range(20)))
        await client.settle()
        (event,) = client.get_received()
        assert len(event.args) == 20


@every_transport
async def test_many_events_at_once(transports):
    sio, app = new_server()

    @sio.event
    async def burst(sid, count):
        for number in range(count):
            await sio.emit("one", number, to=sid)

    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await client.emit("burst", 200)
        await client.settle()
        assert [event.data for event in client.get_received()] == list(range(200))


async def test_several_namespaces():
    sio, app = new_server()

    @sio.on("work", namespace="/a")
    async def work(sid):
        await asyncio.sleep(0.02)
        await sio.emit("done", namespace="/b")

    @sio.on("noop", namespace="/b")
    async def noop(sid):
        pass

    async with TestClient(app) as client:
        await client.connect("/a", "/b")
        await client.emit("work", namespace="/a")
        await client.settle()
        assert names(client, "/b") == ["done"]


# what it does not wait for


async def test_background_tasks_and_plain_tasks_do_not_count():
    sio, app = new_server()
    tasks = []

    async def forever():
        while True:  # noqa: ASYNC110 (the subject: a loop that never ends)
            await asyncio.sleep(0.01)

    @sio.event
    async def start(sid):
        sio.start_background_task(forever)
        tasks.append(asyncio.create_task(forever()))
        await sio.emit("started", to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("start")
        await client.settle()
        assert names(client) == ["started"]
        started = asyncio.get_running_loop().time()
        await client.settle()
        assert asyncio.get_running_loop().time() - started < AT_ONCE
        tasks[0].cancel()


async def test_what_background_tasks_send_is_awaited_instead():
    sio, app = new_server()

    go = asyncio.Event()

    async def later(sid):
        await go.wait()
        await sio.emit("later", to=sid)

    @sio.event
    async def start(sid):
        sio.start_background_task(later, sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("start")
        await client.settle()
        assert names(client) == []
        go.set()
        assert (await client.await_event("later")).name == "later"


# when there is nothing to wait for


async def test_before_connecting_and_after():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.settle()
        await client.connect()
        await client.settle()
        await client.disconnect()
        await client.settle()


async def test_received_events_stay_readable():
    sio, app = new_server()

    @sio.event
    async def echo(sid, text):
        await sio.emit("echoed", text, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "hi")
        await client.settle()
        await client.settle()
        assert (await client.await_event("echoed", timeout=0)).data == "hi"


async def test_several_at_once():
    sio, app = new_server()

    @sio.event
    async def work(sid):
        await asyncio.sleep(0.05)
        await sio.emit("done")

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("work")
        await asyncio.gather(alice.settle(), bob.settle(), alice.settle())
        assert names(alice) == names(bob) == ["done"]


async def test_a_cancelled_settle_leaves_everything_usable():
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def work(sid):
        await go.wait()
        await sio.emit("done", to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("work")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.settle(), 0.05)
        go.set()
        await client.settle()
        assert names(client) == ["done"]


# a handler that doesn't end


async def test_a_handler_that_does_not_end_is_named_with_its_innermost_frame():
    sio, app = new_server()
    go = asyncio.Event()

    async def stock_of(article):
        await go.wait()

    @sio.event
    async def order(sid, article):
        await stock_of(article)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order", "tea")
        started = asyncio.get_running_loop().time()
        with pytest.raises(EventTimeout) as caught:
            await client.settle(timeout=0.1)
        assert 0.1 <= asyncio.get_running_loop().time() - started < AT_ONCE
        (running,) = caught.value.running
        first_line = str(caught.value).splitlines()[0]
        line = stock_of.__code__.co_firstlineno + 1
        for text in (running, first_line):
            assert "order" in text
            assert f"test_settle.py:{line} in " in text
            assert "stock_of" in text
        assert caught.value.timeout == 0.1
        go.set()
        await client.settle()


async def test_the_frame_of_a_sync_generator_based_wait_is_the_apps_not_the_librarys():
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def order(sid):
        await asyncio.wait_for(go.wait(), 5)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("order")
        with pytest.raises(EventTimeout, match=r"in .*order"):
            await client.settle(timeout=0.05)
        go.set()


async def test_another_clients_handler_is_named_too():
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def order(sid):
        await go.wait()

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("order")
        with pytest.raises(EventTimeout, match="order"):
            await bob.settle(timeout=0.05)
        go.set()


async def test_a_disconnect_handler_that_does_not_end_is_named():
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def disconnect(sid, reason):
        await go.wait()

    async with TestClient(app) as alice, alice.clone(timeout=0.05) as bob:
        await alice.connect()
        await bob.connect(timeout=5)
        with pytest.raises(EventTimeout, match=r"in .*disconnect"):
            await bob.abort()
        with pytest.raises(EventTimeout, match=r"in .*disconnect"):
            await alice.settle(timeout=0.05)
        go.set()
        await alice.settle()


# assert_not_received


async def test_assert_not_received_waits_for_slow_handlers():
    sio, app = new_server()

    @sio.event
    async def say(sid, text):
        await asyncio.sleep(0.05)
        await sio.emit("said", text)

    async with TestClient(app) as alice, alice.clone() as bob:
        await alice.connect()
        await bob.connect()
        await alice.emit("say", "hi")
        with pytest.raises(UnexpectedEvent) as caught:
            await bob.assert_not_received("said")
        assert [event.args for event in caught.value.events] == [("hi",)]
        assert isinstance(caught.value, AssertionError)
        first_line = str(caught.value).splitlines()[0]
        assert "said" in first_line
        assert "hi" in first_line


@pytest.mark.parametrize(
    ("arguments", "unexpected"),
    [
        ({}, ["b", "a", "a"]),
        ({"event": "a"}, ["a", "a"]),
        ({"event": "b"}, ["b"]),
        ({"event": "c"}, []),
        ({"event": "a", "match": lambda event: event.data == 1}, ["a"]),
        ({"match": lambda event: event.data == 3}, ["b"]),
        ({"event": "a", "namespace": "/other"}, []),
        ({"namespace": "/other"}, ["o"]),
        ({"namespace": "*"}, ["b", "a", "a", "o"]),
        ({"event": "o", "namespace": "*"}, ["o"]),
    ],
)
async def test_assert_not_received_selects_as_await_event_does(arguments, unexpected):
    sio, app = new_server(namespaces=["/", "/other"])

    @sio.event
    async def go(sid):
        await sio.emit("b", 3, to=sid)
        await sio.emit("a", 1, to=sid)
        await sio.emit("a", 2, to=sid)
        await sio.emit("o", 4, namespace="/other")

    async with TestClient(app) as client:
        await client.connect("/", "/other")
        await client.emit("go")
        if unexpected:
            with pytest.raises(UnexpectedEvent) as caught:
                await client.assert_not_received(**arguments)
            assert [event.name for event in caught.value.events] == unexpected
        else:
            await client.assert_not_received(**arguments)
        assert len(client.get_received("*")) == 4, "asserting must not read them"


async def test_what_was_read_before_does_not_count():
    sio, app = new_server()

    @sio.event
    async def echo(sid, text):
        await sio.emit("echoed", text, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "hi")
        await client.await_event("echoed")
        await client.assert_not_received("echoed")


@pytest.mark.slow
async def test_a_thousand_negative_assertions_wait_for_no_timer(monkeypatch):
    sio, app = new_server()
    sio.on("quiet", lambda sid: None)
    loop = asyncio.get_running_loop()
    delays = []

    def call_at(when, *arguments, **options):
        delays.append(when - loop.time())
        return type(loop).call_at(loop, when, *arguments, **options)

    async with TestClient(app, timeout=60) as client:
        await client.connect()
        monkeypatch.setattr(loop, "call_at", call_at)
        for _ in range(1000):
            await client.emit("quiet")
            await client.assert_not_received("answer")

    assert [delay for delay in delays if delay < 30] == []


async def test_quiescence_is_not_a_matter_of_the_clock():
    """A handler may need any number of turns of the loop before its answer."""
    sio, app = new_server()

    @sio.event
    async def work(sid, turns):
        for _ in range(turns):
            await asyncio.sleep(0)
        await sio.emit("done", turns, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        for turns in (0, 1, 2, 3, 5, 8, 13, 100, 1000):
            await client.emit("work", turns)
            await client.settle()
            assert [event.data for event in client.get_received()] == [turns]
