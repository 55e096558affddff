"""Emitting and receiving: arguments, order, waits, the inbox, handlers."""

import asyncio
import dataclasses

import pytest
import socketio
from apps import WAIT, Gate, lab

from asgi_sio_testclient import (
    EventTimeout,
    NotConnected,
    ReceivedEvent,
    TestClient,
    TestClientError,
)

pytestmark = pytest.mark.usefixtures("nothing_left")

VALUES = [
    "",
    "text",
    "ünïcode \N{SNOWMAN} \N{GRINNING FACE}",
    'quotes " and \\ and \n and \x1e',
    0,
    -1,
    2**53,
    1.5,
    True,
    False,
    [],
    {},
    [1, [2, [3]]],
    {"a": {"b": [None, True]}},
    "123",
    "-",
    "/chat,",
]


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat"))


@pytest.fixture
async def client(nothing_left, app, transports):
    async with TestClient(app.app, transports=transports, timeout=2) as client:
        await client.connect("/", "/chat")
        yield client


class TestEmit:
    @pytest.mark.parametrize(
        ("given", "arrives"),
        [
            ((), ()),
            (("one",), ("one",)),
            (("one", 2), ("one", 2)),
            ((("one", 2),), ("one", 2)),
            (((),), ()),
            ((["one", 2],), (["one", 2],)),
            ((("one", 2), 3), (["one", 2], 3)),
            ((None, 1), (None, 1)),
            (({"a": 1},), ({"a": 1},)),
        ],
        ids=repr,
    )
    async def test_arguments(self, client, given, arrives):
        await client.emit("reply", *given)
        assert (await client.await_event("reply")).args == arrives

    async def test_any_json_value_survives_both_ways(self, client):
        for value in VALUES:
            await client.emit("reply", value)
            assert (await client.await_event("reply")).args == (value,)

    async def test_all_of_them_at_once(self, client):
        await client.emit("reply", *VALUES)
        event = await client.await_event("reply")
        assert event.args == tuple(VALUES)
        assert event.data == tuple(VALUES)

    @pytest.mark.parametrize("name", ["with space", "ünïcode", "2", "a,b", "", "connect_later"])
    async def test_any_event_name(self, client, app, name):
        app.sio.on(name, lambda sid, value: value)
        assert await client.call(name, "x") == "x"

    async def test_order_is_kept(self, client, app):
        for number in range(100):
            await client.emit("keep", number)
        await app.journal.until("keep", 100)
        assert app.journal.kinds("keep") == [(number,) for number in range(100)]

    async def test_many_at_once_all_arrive_in_order(self, client, app):
        await asyncio.gather(*(client.emit("keep", number) for number in range(100)))
        await app.journal.until("keep", 100)
        assert app.journal.kinds("keep") == [(number,) for number in range(100)]

    async def test_a_message_is_an_event(self, client):
        await client.send("one", 2)
        event = await client.await_event("message")
        assert (event.name, event.args) == ("message", ("one", 2))

    async def test_a_messages_tuple_expands_too(self, client):
        await client.send(("one", 2))
        assert (await client.await_event("message")).args == ("one", 2)

    async def test_a_large_one(self, client):
        text = "x" * 200_000
        assert await client.call("echo", text) == text

    async def test_to_a_namespace_that_is_not_connected(self, client):
        with pytest.raises(NotConnected) as caught:
            await client.emit("echo", namespace="/nowhere")
        assert "/nowhere" in str(caught.value)
        assert await client.call("echo", 1) == 1


class TestCallback:
    async def test_gets_the_acks_values_as_arguments(self, client):
        answers = asyncio.Queue()
        await client.emit("echo", 1, 2, callback=lambda *args: answers.put_nowait(args))
        assert await asyncio.wait_for(answers.get(), 2) == (1, 2)
        await client.emit("echo", callback=lambda *args: answers.put_nowait(args))
        assert await asyncio.wait_for(answers.get(), 2) == ()
        assert answers.empty()

    async def test_may_be_a_coroutine_function(self, client):
        answers = asyncio.Queue()

        async def callback(value):
            await asyncio.sleep(0)
            await answers.put(value)

        await client.send("said", callback=callback)
        assert await asyncio.wait_for(answers.get(), 2) == "said"

    async def test_of_a_namespace(self, client):
        answers = asyncio.Queue()
        await client.emit("echo", "root", callback=answers.put_nowait)
        await client.emit("echo", "chat", namespace="/chat", callback=answers.put_nowait)
        got = [await asyncio.wait_for(answers.get(), 2) for _ in range(2)]
        assert got == ["root", "chat"]


class TestAwaitEvent:
    async def test_an_event_that_has_arrived(self, client):
        assert await client.call("burst", 1) == 1
        assert (await client.await_event("burst", timeout=0)).data == 0

    async def test_an_event_that_arrives_later(self, client):
        waiting = asyncio.ensure_future(client.await_event("shout"))
        await asyncio.sleep(0)
        await client.emit("shout", "now")
        assert (await waiting).data == "now"

    async def test_the_oldest_first_each_once(self, client):
        assert await client.call("burst", 3) == 3
        assert [(await client.await_event("burst")).data for _ in range(3)] == [0, 1, 2]
        with pytest.raises(EventTimeout):
            await client.await_event("burst", timeout=0.01)

    async def test_without_a_name_any_will_do(self, client):
        await client.emit("reply", "first")
        await client.emit("shout", "second")
        assert (await client.await_event()).name == "reply"
        assert (await client.await_event()).name == "shout"

    async def test_what_does_not_fit_stays_unread(self, client):
        await client.call("burst", 1)
        await client.emit("reply", "x")
        assert (await client.await_event("reply")).data == "x"
        assert [event.name for event in client.get_received()] == ["burst"]

    async def test_match_sees_the_event(self, client):
        await client.call("burst", 5)
        seen = []

        def third(event):
            seen.append(event)
            return event.data == 3

        event = await client.await_event("burst", match=third)
        assert event == ReceivedEvent("burst", (3,), "/")
        assert all(isinstance(each, ReceivedEvent) for each in seen)
        assert [each.data for each in client.get_received()] == [0, 1, 2, 4]

    async def test_match_waits_for_one_that_fits(self, client):
        waiting = asyncio.ensure_future(client.await_event(match=lambda e: e.data == "yes"))
        await asyncio.sleep(0)
        await client.emit("reply", "no")
        await client.emit("reply", "yes")
        assert (await waiting).data == "yes"
        assert [event.data for event in client.get_received()] == ["no"]

    async def test_what_match_raises_is_raised(self, client):
        await client.call("burst", 1)
        with pytest.raises(ZeroDivisionError):
            await client.await_event("burst", match=lambda event: 1 / 0)
        assert [event.name for event in client.get_received()] == ["burst"]

    async def test_what_match_raises_is_raised_for_one_to_come(self, client):
        waiting = asyncio.ensure_future(client.await_event("burst", match=lambda event: 1 / 0))
        await asyncio.sleep(0)
        await client.call("burst", 1)
        with pytest.raises(ZeroDivisionError):
            await waiting
        assert await client.call("echo", 1) == 1

    async def test_namespaces_are_kept_apart(self, client):
        await client.emit("reply", "chat", namespace="/chat")
        event = await client.await_event("reply", namespace="/chat")
        assert event == ReceivedEvent("reply", ("chat",), "/chat")
        with pytest.raises(EventTimeout):
            await client.await_event("reply", timeout=0.01)

    async def test_none_is_the_root_and_a_star_is_all(self, client):
        await client.call("burst", 1, namespace="/chat")
        await client.call("burst", 1)
        assert (await client.await_event("burst")).namespace == "/"
        await client.call("burst", 1)
        assert (await client.await_event("burst", namespace="*")).namespace == "/chat"
        assert (await client.await_event("burst", namespace="*")).namespace == "/"

    async def test_a_star_waits_for_any_namespace(self, client):
        waiting = asyncio.ensure_future(client.await_event("reply", namespace="*"))
        await asyncio.sleep(0)
        await client.emit("reply", 1, namespace="/chat")
        assert (await waiting).namespace == "/chat"

    async def test_two_waits_for_one_name_are_served_in_turn(self, client):
        waits = [asyncio.ensure_future(client.await_event("burst")) for _ in range(2)]
        await asyncio.sleep(0)
        await client.call("burst", 2)
        assert [(await wait).data for wait in waits] == [0, 1]

    async def test_two_waits_for_two_names_get_their_own(self, client):
        shout = asyncio.ensure_future(client.await_event("shout"))
        reply = asyncio.ensure_future(client.await_event("reply"))
        await asyncio.sleep(0)
        await client.emit("reply", "r")
        await client.emit("shout", "s")
        assert ((await shout).data, (await reply).data) == ("s", "r")


class TestTimeout:
    async def test_the_error_is_what_the_design_says(self, client):
        with pytest.raises(EventTimeout) as caught:
            await client.await_event("never", timeout=0.01)
        for base in (
            TestClientError,
            socketio.exceptions.TimeoutError,
            TimeoutError,
            AssertionError,
        ):
            assert isinstance(caught.value, base)
        assert "never" in str(caught.value)

    async def test_call_raises_it_too(self, client):
        with pytest.raises(EventTimeout) as caught:
            await client.call("slow", 0.1, "late", timeout=0.01)
        assert "slow" in str(caught.value)
        # The ack that arrives after the timeout is ignored, and does not affect the next call.
        assert await client.call("slow", 0.11, "in time") == "in time"

    async def test_the_clients_own_is_the_default(self, app):
        gate = Gate()

        @app.sio.on("wait")
        async def wait(sid):
            await gate.pass_through()

        async with TestClient(app.app, timeout=0.05) as client:
            await client.connect(timeout=5)
            async with asyncio.timeout(WAIT):
                with pytest.raises(EventTimeout):
                    await client.await_event("never")
                with pytest.raises(EventTimeout):
                    await client.await_events(1, "never")
                with pytest.raises(EventTimeout):
                    await client.call("wait")
            gate.opened.set()

    async def test_a_longer_one_at_the_call_wins(self, app):
        async with TestClient(app.app, timeout=0.02) as client:
            await client.connect(timeout=5)
            assert await client.call("slow", 0.05, "patience", timeout=2) == "patience"

    async def test_a_wait_that_timed_out_takes_nothing_later(self, client):
        with pytest.raises(EventTimeout):
            await client.await_event("reply", timeout=0.01)
        await client.emit("reply", "late")
        assert (await client.await_event("reply")).data == "late"

    async def test_asyncios_timeout_around_a_wait(self, client):
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.01):
                await client.await_event("reply")
        assert not isinstance(caught.value, EventTimeout)
        await client.emit("reply", "still")
        assert (await client.await_event("reply")).data == "still"

    async def test_a_cancelled_call_leaves_the_client_usable(self, client):
        gate = asyncio.ensure_future(client.call("slow", 0.05, "lost"))
        await asyncio.sleep(0)
        gate.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gate
        assert await client.call("echo", "on") == "on"


async def test_an_event_handed_to_a_wait_that_is_cancelled_at_once_is_put_back(
    nothing_left, app, transports
):
    async with TestClient(app.app, transports=transports) as client:
        await client.connect()
        waiting = asyncio.ensure_future(client.await_event("burst"))
        await asyncio.sleep(0)

        def cancel_in_the_step_of_its_arrival(message):
            text = message.get("text") or (message.get("body") or b"").decode()
            if "burst" in text:
                waiting.cancel()

        app.app.after_send = cancel_in_the_step_of_its_arrival
        await client.emit("burst", 1)
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await client.await_event("burst")).data == 0


class TestAwaitEvents:
    async def test_as_many_as_asked_for_in_order(self, client):
        await client.call("burst", 4)
        events = await client.await_events(3, "burst")
        assert isinstance(events, list)
        assert [event.data for event in events] == [0, 1, 2]
        assert [event.data for event in client.get_received()] == [3]

    async def test_some_here_some_to_come(self, client):
        await client.call("burst", 2)
        waiting = asyncio.ensure_future(client.await_events(4, "burst"))
        await asyncio.sleep(0)
        await client.call("burst", 2)
        assert [event.data for event in await waiting] == [0, 1, 0, 1]

    async def test_too_few_within_the_time_are_not_lost(self, client):
        await client.call("burst", 2)
        with pytest.raises(EventTimeout) as caught:
            await client.await_events(3, "burst", timeout=0.01)
        assert "burst" in str(caught.value)
        assert [event.data for event in client.get_received()] == [0, 1]

    async def test_a_cancelled_wait_puts_back_what_it_had(self, client):
        waiting = asyncio.ensure_future(client.await_events(3, "burst"))
        await asyncio.sleep(0)
        await client.call("burst", 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert [event.data for event in client.get_received()] == [0, 1]

    async def test_the_timeout_is_for_all_of_them_together(self, client):
        async def feed():
            while True:
                await client.emit("reply", 1)
                await asyncio.sleep(0.02)

        feeding = asyncio.ensure_future(feed())
        async with asyncio.timeout(WAIT):
            with pytest.raises(EventTimeout):
                await client.await_events(1000, "reply", timeout=0.1)
        feeding.cancel()
        await asyncio.wait([feeding])

    async def test_match_and_namespace(self, client):
        await client.call("burst", 4, namespace="/chat")
        events = await client.await_events(2, namespace="/chat", match=lambda event: event.data % 2)
        assert [(event.data, event.namespace) for event in events] == [(1, "/chat"), (3, "/chat")]

    async def test_any_event_in_any_namespace(self, client):
        await client.call("burst", 1)
        await client.call("burst", 1, namespace="/chat")
        events = await client.await_events(2, namespace="*")
        assert [event.namespace for event in events] == ["/", "/chat"]


class TestGetReceived:
    async def test_drains_and_never_waits(self, client):
        assert client.get_received() == []
        await client.call("burst", 2)
        assert client.get_received() == [
            ReceivedEvent("burst", (0,), "/"),
            ReceivedEvent("burst", (1,), "/"),
        ]
        assert client.get_received() == []

    async def test_per_namespace(self, client):
        await client.call("burst", 1)
        await client.call("burst", 1, namespace="/chat")
        assert [event.namespace for event in client.get_received()] == ["/"]
        assert [event.namespace for event in client.get_received("/chat")] == ["/chat"]
        await client.call("burst", 1, namespace="/chat")
        await client.call("burst", 1)
        assert [event.namespace for event in client.get_received("*")] == ["/chat", "/"]
        assert client.get_received("*") == []

    async def test_what_was_awaited_is_gone(self, client):
        await client.call("burst", 2)
        await client.await_event("burst")
        assert [event.data for event in client.get_received()] == [1]

    async def test_survives_a_disconnect(self, client):
        await client.call("burst", 1)
        await client.disconnect()
        assert [event.data for event in client.get_received()] == [0]

    async def test_an_event_awaited_after_a_disconnect(self, client):
        await client.call("burst", 1)
        await client.disconnect()
        assert (await client.await_event("burst")).data == 0
        with pytest.raises(NotConnected) as caught:
            await client.await_event("burst")
        assert caught.value.reason == "client disconnect"

    async def test_an_event_right_before_the_servers_disconnect(self, client, app):
        @app.sio.on("farewell")
        async def farewell(sid):
            await app.sio.emit("farewell", "so long", to=sid)
            await app.sio.disconnect(sid)

        await client.emit("farewell")
        assert (await client.await_event("farewell")).data == "so long"


class TestEventsIterator:
    async def test_what_is_here_and_what_comes(self, client):
        await client.call("burst", 2)
        got = []
        async for event in client.events():
            got.append(event.data)
            if len(got) == 2:
                await client.emit("burst", 1)
            if len(got) == 3:
                break
        assert got == [0, 1, 0]
        assert client.get_received() == []

    async def test_of_one_namespace(self, client):
        await client.call("burst", 1)
        await client.call("burst", 1, namespace="/chat")
        async for event in client.events("/chat"):
            assert event.namespace == "/chat"
            break
        assert [event.namespace for event in client.get_received("*")] == ["/"]

    async def test_events_is_an_async_iterator(self, client):
        await client.call("burst", 1)
        events = client.events()
        assert aiter(events) is events
        assert (await anext(events)).data == 0


class TestReceivedEvent:
    def test_one_argument_none_and_several(self):
        assert ReceivedEvent("e", ("x",), "/").data == "x"
        assert ReceivedEvent("e", (), "/").data is None
        assert ReceivedEvent("e", ("x", 1), "/").data == ("x", 1)
        assert ReceivedEvent("e", ((),), "/").data == ()
        assert ReceivedEvent("e", (None,), "/").data is None

    def test_as_flask_socketio_has_it(self):
        event = ReceivedEvent("e", ("x", 1), "/chat")
        assert event["name"] == "e"
        assert event["args"] == ["x", 1]
        assert event["namespace"] == "/chat"
        with pytest.raises(KeyError):
            event["nothing"]

    def test_an_event_is_frozen_and_comparable(self):
        event = ReceivedEvent("e", ("x",), "/")
        assert event == ReceivedEvent("e", ("x",), "/")
        assert event != ReceivedEvent("e", ("x",), "/chat")
        with pytest.raises(dataclasses.FrozenInstanceError):
            event.name = "f"

    async def test_what_the_server_sends(self, client, app):
        for data, args in [
            (None, ()),
            ("x", ("x",)),
            (("x", 1), ("x", 1)),
            (["x", 1], (["x", 1],)),
            ("", ("",)),
            ({}, ({},)),
            ((), ()),
        ]:
            await app.sio.emit("it", data, to=client.sid)
            event = await client.await_event("it")
            assert event.args == args
            assert isinstance(event.args, tuple)
            assert event.namespace == "/"


class TestRooms:
    async def test_a_broadcast_reaches_everybody(self, app, transports):
        async with TestClient(app.app, transports=transports) as ann, ann.clone() as bob:
            await ann.connect()
            await bob.connect()
            await ann.emit("shout", "hi", "all")
            for client in (ann, bob):
                assert (await client.await_event("shout")).args == ("hi", "all")

    async def test_a_room_reaches_its_members_only(self, app, transports):
        async with TestClient(app.app, transports=transports) as ann:
            bob, eve = ann.clone(), ann.clone()
            for client in (ann, bob, eve):
                await client.connect()
            for client in (ann, bob):
                assert await client.call("join", "lounge") == "joined"
            assert await ann.call("to_room", "lounge", "psst") == "told"
            assert (await bob.await_event("room")).data == "psst"
            assert await eve.call("echo", "sync") == "sync"
            assert eve.get_received() == []
            assert ann.get_received() == []


class TestHandlers:
    async def test_a_decorator_returns_the_function(self, client):
        @client.on("shout")
        def shouted(*args):
            return "ack"

        assert shouted() == "ack"

    async def test_as_a_call(self, client):
        got = asyncio.Queue()
        client.on("reply", got.put_nowait)
        await client.emit("reply", "x")
        assert await asyncio.wait_for(got.get(), 2) == "x"

    async def test_an_event_that_a_handler_takes_is_not_queued(self, client):
        got = asyncio.Queue()
        client.on("burst", got.put_nowait)
        await client.call("burst", 3)
        assert [await asyncio.wait_for(got.get(), 2) for _ in range(3)] == [0, 1, 2]
        assert client.get_received() == []

    async def test_a_coroutine_function(self, client):
        got = asyncio.Queue()

        @client.on("reply")
        async def replied(*args):
            await asyncio.sleep(0)
            await got.put(args)

        await client.emit("reply", 1, 2)
        assert await asyncio.wait_for(got.get(), 2) == (1, 2)

    async def test_of_a_namespace(self, client):
        got = asyncio.Queue()
        client.on("reply", got.put_nowait, namespace="/chat")
        await client.emit("reply", "root")
        await client.emit("reply", "chat", namespace="/chat")
        assert await asyncio.wait_for(got.get(), 2) == "chat"
        assert (await client.await_event("reply")).data == "root"

    async def test_a_star_catches_all_and_gets_the_name_first(self, client):
        got = asyncio.Queue()
        client.on("*", lambda *args: got.put_nowait(args))
        await client.emit("reply", 1, 2)
        assert await asyncio.wait_for(got.get(), 2) == ("reply", 1, 2)

    async def test_a_name_goes_before_a_star(self, client):
        named, rest = asyncio.Queue(), asyncio.Queue()
        client.on("*", lambda *args: rest.put_nowait(args))
        client.on("reply", named.put_nowait)
        await client.emit("reply", 1)
        await client.emit("shout", 2)
        assert await asyncio.wait_for(named.get(), 2) == 1
        assert await asyncio.wait_for(rest.get(), 2) == ("shout", 2)
        assert rest.empty()

    async def test_a_star_namespace_gets_the_namespace_first(self, client):
        got = asyncio.Queue()
        client.on("reply", lambda *args: got.put_nowait(args), namespace="*")
        await client.emit("reply", 1, namespace="/chat")
        assert await asyncio.wait_for(got.get(), 2) == ("/chat", 1)

    async def test_stars_in_both_places_get_event_and_namespace(self, client):
        got = asyncio.Queue()
        client.on("*", lambda *args: got.put_nowait(args), namespace="*")
        await client.emit("reply", 1, namespace="/chat")
        assert await asyncio.wait_for(got.get(), 2) == ("reply", "/chat", 1)

    async def test_registered_before_the_block(self, app, transports):
        client = TestClient(app.app, transports=transports)
        got = asyncio.Queue()
        client.on("greeting", got.put_nowait)
        async with client:
            await client.connect(auth={"greet": "early"})
            assert await asyncio.wait_for(got.get(), 2) == "early"

    async def test_a_handler_that_calls_the_server(self, client):
        """The handler runs in its own task: within the delivery of its event, its own call could
        not get an ack.
        """
        got = asyncio.Queue()

        @client.on("reply")
        async def replied(value):
            await got.put(await client.call("echo", value + 1))

        await client.emit("reply", 1)
        assert await asyncio.wait_for(got.get(), 2) == 2

    async def test_a_handler_that_awaits_an_event(self, client):
        got = asyncio.Queue()

        @client.on("reply")
        async def replied(value):
            await client.emit("shout", value)
            await got.put((await client.await_event("shout")).data)

        await client.emit("reply", "nested")
        assert await asyncio.wait_for(got.get(), 2) == "nested"

    async def test_a_handler_that_disconnects(self, client, app):
        gone = asyncio.Event()

        @client.on("reply")
        async def replied(value):
            await client.disconnect()
            gone.set()

        await client.emit("reply", "leave")
        await asyncio.wait_for(gone.wait(), 2)
        assert not client.is_connected()
        assert ("/", "client disconnect") in app.disconnects

    async def test_a_slow_one_does_not_hold_up_other_events(self, client):
        gate = Gate()

        @client.on("reply")
        async def replied(value):
            await gate.pass_through()

        await client.emit("reply", 1)
        await gate.somebody_waits()
        assert await client.call("echo", "on") == "on"
        assert await client.call("burst", 1) == 1
        assert (await client.await_event("burst")).data == 0
        gate.opened.set()


class TestReservedEvents:
    async def test_connect_and_disconnect(self, app, transports):
        seen = []
        async with TestClient(app.app, transports=transports) as client:
            client.on("connect", lambda: seen.append("connect"))
            client.on("disconnect", seen.append)
            await client.connect()
            assert seen == ["connect"]
            await client.disconnect()
            assert seen == ["connect", "client disconnect"]

    async def test_disconnect_by_the_server(self, app, transports):
        got = asyncio.Queue()
        async with TestClient(app.app, transports=transports) as client:
            client.on("disconnect", got.put_nowait)
            await client.connect()
            await client.emit("kick")
            assert await asyncio.wait_for(got.get(), 2) == "server disconnect"

    async def test_connect_error_gets_what_the_app_said(self, app, transports):
        got = asyncio.Queue()
        async with TestClient(app.app, transports=transports) as client:
            client.on("connect_error", got.put_nowait)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await client.connect(auth={"refuse": ["no"]})
            assert await asyncio.wait_for(got.get(), 2) == {"message": "no"}

    async def test_a_star_does_not_see_them(self, app, transports):
        seen = []
        async with TestClient(app.app, transports=transports) as client:
            client.on("*", lambda *args: seen.append(args))
            await client.connect()
            await client.disconnect()
        assert seen == []
