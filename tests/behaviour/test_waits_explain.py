"""A wait returns what it waits for, or raises an error that says what happened instead."""
# ruff: noqa: PT012 (each of two kinds of waits is one step)

import asyncio

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, NotConnected, TestClient, TestClientError

# Seconds on the loop's clock, see idle_clock.py: less than a wait that ends by its timeout takes.
AT_ONCE = 4.0


def new_server(**settings):
    """A server that answers ``echo`` with the event ``echoed`` and the same arguments."""
    sio = socketio.AsyncServer(async_mode="asgi", **settings)

    @sio.event
    async def echo(sid, *args):
        await sio.emit("echoed", args, to=sid)

    return sio, socketio.ASGIApp(sio)


def first_line(caught):
    return str(caught.value).splitlines()[0]


class Stopwatch:
    def __enter__(self):
        self.started = asyncio.get_running_loop().time()
        return self

    def __exit__(self, *_):
        self.seconds = asyncio.get_running_loop().time() - self.started


# the data of an EventTimeout


async def test_event_timeout_says_what_was_waited_for_and_how_long():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        with Stopwatch() as watch, pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.1)
        assert 0.1 <= watch.seconds < AT_ONCE
        assert caught.value.event == "news"
        assert caught.value.namespace == "/"
        assert caught.value.timeout == 0.1
        assert caught.value.received == []
        assert caught.value.running == []
        assert "'news'" in first_line(caught)
        assert "0.1 s" in first_line(caught)
        assert "'/'" in first_line(caught)


async def test_event_timeout_is_everybodys_timeout():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        for kind in (
            TestClientError,
            TimeoutError,
            AssertionError,
            socketio.exceptions.TimeoutError,
        ):
            with pytest.raises(kind):
                await client.await_event("news", timeout=0)


async def test_the_clients_own_timeout_is_the_default():
    _, app = new_server()
    async with TestClient(app, timeout=0.05) as client:
        await client.connect(timeout=5)
        with Stopwatch() as watch, pytest.raises(EventTimeout) as caught:
            await client.await_event("news")
        assert caught.value.timeout == 0.05
        assert watch.seconds < AT_ONCE


async def test_a_timeout_of_nought_takes_what_is_there():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", 1)
        await client.settle()
        assert (await client.await_event("echoed", timeout=0)).data == 1
        with Stopwatch() as watch, pytest.raises(EventTimeout):
            await client.await_event("echoed", timeout=0)
        assert watch.seconds < AT_ONCE


async def test_what_arrived_instead_is_listed_and_stays_readable():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "one", 2, {"three": [4]})
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.05)
        text = str(caught.value)
        assert "echoed" in text
        assert 'echoed("one", 2, ' in text
        assert [event.name for event in caught.value.received] == ["echoed"]
        assert caught.value.received == client.get_received()


async def test_long_arguments_are_shortened_in_the_text_only():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "x" * 100_000, b"\x00" * 100_000)
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.05)
        assert len(str(caught.value)) < 4000
        assert max(map(len, str(caught.value).splitlines())) < 300
        (event,) = caught.value.received
        assert event.args == ("x" * 100_000, b"\x00" * 100_000)


@pytest.mark.slow
async def test_hundreds_of_other_events_do_not_flood_the_text():
    sio, app = new_server()

    @sio.event
    async def burst(sid):
        for number in range(500):
            await sio.emit("one", number, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("burst")
        await client.settle()
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("two", timeout=0)
        assert len(str(caught.value)) < 8000
        assert "500" in str(caught.value)
        assert len(caught.value.received) == 500


async def test_newlines_in_arguments_keep_to_their_line():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "first\nsecond")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.05)
        assert "second" not in [line.strip() for line in str(caught.value).splitlines()]


async def test_the_last_packets_are_shown():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "marked")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.05)
        shown = str(caught.value)
        last_lines = [line.strip() for line in str(client.transcript).splitlines()][-2:]
        for line in last_lines:
            assert line in shown


async def test_running_handlers_are_named_with_their_innermost_frame():
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
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("ordered", timeout=0.05)
        line = stock_of.__code__.co_firstlineno + 1
        (running,) = caught.value.running
        assert "order" in running
        assert f"test_waits_explain.py:{line} in " in running
        assert "stock_of" in running
        assert running in str(caught.value)
        assert "stock_of" in first_line(caught)
        go.set()


async def test_the_predicate_is_named():
    _, app = new_server()

    def is_greeting(event):
        return event.data == "Hello"

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", "hello")
        with pytest.raises(EventTimeout, match="is_greeting") as caught:
            await client.await_event("echoed", match=is_greeting, timeout=0.05)
        assert '"hello"' in str(caught.value)
        with pytest.raises(EventTimeout, match="lambda"):
            await client.await_event("echoed", match=lambda event: False, timeout=0)


async def test_any_event_is_waited_for_by_giving_none():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        with pytest.raises(EventTimeout) as caught:
            await client.await_event(timeout=0)
        assert caught.value.event is None
        assert "event" in first_line(caught)
        assert "None" not in first_line(caught)


async def test_await_events_says_how_many_came():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo", 1)
        await client.emit("echo", 2)
        with pytest.raises(EventTimeout) as caught:
            await client.await_events(5, "echoed", timeout=0.05)
        assert "2 of 5" in first_line(caught)
        assert [event.data for event in client.get_received()] == [1, 2], "none was taken"


# names


@pytest.mark.parametrize(
    ("wanted", "arrived"),
    [
        ("ecohed", "echoed"),
        ("Echoed", "echoed"),
        ("echo", "echoed"),
        ("newMessage", "new_message"),
        ("user-joined", "user_joined"),
        ("news ", "news"),
    ],
)
async def test_an_event_of_nearly_that_name_is_pointed_out(wanted, arrived):
    sio, app = new_server()

    @sio.event
    async def send(sid, name):
        await sio.emit(name, to=sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("send", "something else")
        await client.emit("send", arrived)
        with pytest.raises(EventTimeout) as caught:
            await client.await_event(wanted, timeout=0.05)
        assert repr(wanted) in first_line(caught)
        assert repr(arrived) in first_line(caught)


async def test_no_likeness_is_claimed_where_there_is_none():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("echo")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("stock_report", timeout=0.05)
        assert "meant" not in str(caught.value)
        assert "did you mean" not in str(caught.value)


async def test_an_emitted_event_without_handler_is_the_cause():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("ecoh", "hi")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("echoed", timeout=0.05)
        assert "'ecoh'" in first_line(caught)
        assert "no handler" in first_line(caught)
        assert "'echo'" in first_line(caught)


async def test_a_catch_all_is_a_handler():
    sio, app = new_server()
    sio.on("*", lambda event, sid, *args: None)
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("ecoh", "hi")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("echoed", timeout=0.05)
        assert "no handler" not in first_line(caught)
        assert await client.call("anything") is None


async def test_a_namespace_with_its_own_dispatch_handles_everything():
    sio, app = new_server()

    class Dispatcher(socketio.AsyncNamespace):
        async def trigger_event(self, event, *args):
            return event

    sio.register_namespace(Dispatcher("/any"))
    async with TestClient(app) as client:
        await client.connect("/any")
        assert await client.call("whatever", namespace="/any") == "whatever"
        await client.emit("whatever", namespace="/any")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("answer", namespace="/any", timeout=0.05)
        assert "no handler" not in first_line(caught)


async def test_an_event_in_another_namespace_is_pointed_out():
    sio, app = new_server(namespaces=["/", "/chat"])

    @sio.on("go", namespace="/chat")
    async def go(sid):
        await sio.emit("news", namespace="/chat")

    async with TestClient(app) as client:
        await client.connect("/", "/chat")
        await client.emit("go", namespace="/chat")
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("news", timeout=0.05)
        assert "'/chat'" in first_line(caught)
        assert (await client.await_event("news", namespace="/chat")).namespace == "/chat"


# calls


async def test_a_call_without_handler_fails_at_once():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        with Stopwatch() as watch, pytest.raises(EventTimeout) as caught:
            await client.call("ecoh", "hi")
        assert watch.seconds < AT_ONCE
        assert "'ecoh'" in first_line(caught)
        assert "no handler" in first_line(caught)
        assert "'echo'" in first_line(caught)
        assert "'/'" in first_line(caught)


@pytest.mark.parametrize("async_handlers", [True, False])
async def test_a_call_whose_handler_returned_without_an_ack_fails_then(async_handlers):
    sio, app = new_server(async_handlers=async_handlers)

    @sio.event
    async def order(sid):
        await asyncio.sleep(0.05)
        return sio.not_handled

    async with TestClient(app) as client:
        await client.connect()
        with Stopwatch() as watch, pytest.raises(EventTimeout) as caught:
            await client.call("order")
        assert 0.05 <= watch.seconds < AT_ONCE
        assert "order" in first_line(caught)
        assert "returned" in first_line(caught)


async def test_a_call_that_times_out_names_the_running_handler():
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def order(sid):
        await go.wait()
        return "late"

    async with TestClient(app) as client:
        await client.connect()
        with Stopwatch() as watch, pytest.raises(EventTimeout) as caught:
            await client.call("order", timeout=0.1)
        assert 0.1 <= watch.seconds < AT_ONCE
        assert "test_waits_explain.py" in first_line(caught)
        assert len(caught.value.running) == 1
        go.set()
        await client.settle()
        assert client.get_received() == [], "the late ack belongs to nobody"
        assert client.is_connected()


async def test_a_call_says_where_else_the_event_is_handled():
    _, app = new_server(namespaces=["/", "/chat"])
    async with TestClient(app) as client:
        await client.connect("/chat")
        with pytest.raises(EventTimeout) as caught:
            await client.call("echo", "hi", namespace="/chat")
        assert "'/chat'" in first_line(caught)
        assert "'/'" in first_line(caught).replace("'/chat'", "")


async def test_an_emit_to_nobody_is_no_error():
    _, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("ecoh", "hi")
        await client.settle()


# the end of the connection


async def ended_by_namespace(sio, client):
    await sio.disconnect(client.sid)


async def ended_by_session(sio, client):
    await sio.eio.disconnect(sio.manager.eio_sid_from_sid(client.sid, "/"))


async def ended_by_client(sio, client):
    await client.disconnect()


async def ended_by_network(sio, client):
    await client.abort()


ENDINGS = [
    (ended_by_namespace, "server disconnect"),
    (ended_by_session, "server disconnect"),
    (ended_by_client, "client disconnect"),
    (ended_by_network, "transport close"),
]
WAITS = {
    "await_event": lambda client: client.await_event("news"),
    "await_events": lambda client: client.await_events(2, "news"),
    "events": lambda client: anext(client.events()),
    "call": lambda client: client.call("hang"),
}


@pytest.mark.parametrize(
    ("end", "reason"), ENDINGS, ids=lambda value: getattr(value, "__name__", "")
)
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_wait_whose_connection_ends_fails_at_once(end, reason, wait, transport):
    sio, app = new_server()
    began, go = asyncio.Event(), asyncio.Event()

    @sio.event
    async def hang(sid):
        began.set()
        await go.wait()

    async with TestClient(app, transports=(transport,)) as client:
        await client.connect()
        waiting = asyncio.ensure_future(wait(client))
        await asyncio.sleep(0)
        if wait is WAITS["call"]:
            await began.wait()
        with Stopwatch() as watch:
            await end(sio, client)
            if wait is WAITS["events"]:
                # An iteration ends when no event can arrive any more.
                with pytest.raises((NotConnected, StopAsyncIteration)):
                    await waiting
            else:
                with pytest.raises(NotConnected) as caught:
                    await waiting
                assert reason in first_line(caught)
                assert caught.value.reason == reason
        assert watch.seconds < AT_ONCE
        assert client.disconnect_reason == reason
        go.set()


async def test_a_wait_in_another_namespace_goes_on():
    sio, app = new_server(namespaces=["/", "/chat"])
    async with TestClient(app) as client:
        await client.connect("/", "/chat")
        waiting = asyncio.create_task(client.await_event("news", namespace="/chat"))
        await asyncio.sleep(0)
        await sio.disconnect(client.sid)
        await sio.emit("news", namespace="/chat")
        assert (await waiting).name == "news"


async def test_events_from_before_the_end_are_still_handed_out():
    sio, app = new_server()

    @sio.event
    async def leave(sid):
        await sio.emit("bye", to=sid)
        await sio.disconnect(sid)

    async with TestClient(app) as client:
        await client.connect()
        await client.emit("leave")
        await client.settle()
        assert not client.is_connected()
        assert (await client.await_event("bye")).name == "bye"
        with Stopwatch() as watch, pytest.raises(NotConnected) as caught:
            await client.await_event("bye")
        assert watch.seconds < AT_ONCE
        assert "server disconnect" in first_line(caught)


# waits that are cancelled or expire


async def test_a_cancelled_wait_loses_no_event():
    sio, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        waiting = asyncio.create_task(client.await_event("news"))
        await asyncio.sleep(0)
        # The event is delivered and the wait is cancelled before its task runs again.
        await sio.emit("news", 1)
        while client.transcript[-1].event != "news":  # noqa: ASYNC110 (one step, not a moment)
            await asyncio.sleep(0)
        waiting.cancel()
        try:
            event = await waiting
        except asyncio.CancelledError:
            event = await client.await_event("news", timeout=0)
        assert event.data == 1


async def test_a_cancelled_wait_keeps_the_order():
    sio, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        waiting = asyncio.create_task(client.await_events(3, "news"))
        await asyncio.sleep(0)
        await sio.emit("news", 1)
        await sio.emit("news", 2)
        await client.settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await sio.emit("news", 3)
        await client.settle()
        assert [event.data for event in client.get_received()] == [1, 2, 3]


@pytest.mark.parametrize("how", ["timed out", "cancelled"])
async def test_client_and_app_work_after_a_cancelled_wait(how):
    sio, app = new_server()
    go = asyncio.Event()

    @sio.event
    async def order(sid):
        await go.wait()
        await sio.emit("ordered", to=sid)
        return "done"

    async with TestClient(app) as client:
        await client.connect()
        for wait in (
            lambda timeout: client.call("order", timeout=timeout),
            lambda timeout: client.await_event("ordered", timeout=timeout),
            lambda timeout: client.settle(timeout=timeout),
        ):
            with pytest.raises(TimeoutError):
                if how == "timed out":
                    await wait(0.03)
                else:
                    await asyncio.wait_for(wait(5), 0.03)
        go.set()
        assert (await client.await_event("ordered")).name == "ordered"
        await client.emit("echo", "still here")
        assert (await client.await_event("echoed")).data == "still here"
        assert await client.call("order") == "done"
        client.get_received()


async def test_two_waits_for_the_same_event_each_get_one():
    sio, app = new_server()
    async with TestClient(app) as client:
        await client.connect()
        waits = [asyncio.create_task(client.await_event("news")) for _ in range(3)]
        await asyncio.sleep(0)
        for number in range(3):
            await sio.emit("news", number)
        assert [event.data for event in await asyncio.gather(*waits)] == [0, 1, 2]


async def test_a_predicate_that_raises_raises_in_its_own_wait_only():
    sio, app = new_server()

    def broken(event):
        raise LookupError("in the predicate")

    async with TestClient(app) as client:
        await client.connect()
        waiting = asyncio.create_task(client.await_event("news", match=broken))
        other = asyncio.create_task(client.await_event("news"))
        await asyncio.sleep(0)
        await sio.emit("news", 1)
        with pytest.raises(LookupError, match="in the predicate"):
            await waiting
        assert (await other).data == 1
        assert client.is_connected()
        assert client.app_exceptions == []
