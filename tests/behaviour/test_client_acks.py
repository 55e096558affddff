"""Acks, from the server and from the client."""

import asyncio

import pytest
from apps import WAIT, lab

from asgi_sio_testclient import EventTimeout, LeakWarning, NotConnected, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat"))


@pytest.fixture
async def client(nothing_left, app, transports):
    async with TestClient(app.app, transports=transports, timeout=2) as client:
        await client.connect("/", "/chat")
        yield client


class TestFromTheServer:
    @pytest.mark.parametrize(
        ("returned", "answer"),
        [
            (None, None),
            ((), None),
            ("one", "one"),
            ("", ""),
            (0, 0),
            (False, False),
            ([], []),
            ([1, 2], [1, 2]),
            (("one",), "one"),
            (("one", 2), ("one", 2)),
            ((None, None), (None, None)),
            ((None,), None),
            ({"a": 1}, {"a": 1}),
        ],
        ids=repr,
    )
    async def test_what_the_handler_returns(self, client, app, returned, answer):
        app.sio.on("it", lambda sid: returned)
        assert await client.call("it") == answer
        assert type(await client.call("it")) is type(answer)

    async def test_many_outstanding_each_get_their_own(self, client):
        delays = [0.05, 0.03, 0.01, 0.04, 0.0, 0.02]
        answers = await asyncio.gather(*(client.call("slow", delay, delay) for delay in delays))
        assert answers == delays

    @pytest.mark.slow
    async def test_two_hundred_at_once(self, client):
        answers = await asyncio.gather(*(client.call("echo", n) for n in range(200)))
        assert answers == list(range(200))

    async def test_namespaces_do_not_mix_up_their_ids(self, client):
        answers = await asyncio.gather(
            client.call("slow", 0.03, "root"),
            client.call("slow", 0.01, "chat", namespace="/chat"),
            client.call("echo", "root too"),
            client.call("echo", "chat too", namespace="/chat"),
        )
        assert answers == ["root", "chat", "root too", "chat too"]

    async def test_a_lone_tuple_expands(self, client):
        assert await client.call("echo", (1, 2)) == (1, 2)
        assert await client.call("echo", [1, 2]) == [1, 2]

    async def test_an_ack_without_a_request_is_ignored(self, client):
        await client.emit("verbatim", "3999[1]")
        assert await client.call("echo", "on") == "on"
        assert client.is_connected()

    async def test_the_connection_ends_while_one_is_awaited(self, client, app):
        @app.sio.on("leave_me")
        async def leave_me(sid):
            await app.sio.disconnect(sid)

        async with asyncio.timeout(WAIT):
            with pytest.raises(NotConnected) as caught:
                await client.call("leave_me", timeout=30)
        assert caught.value.reason == "server disconnect"

    async def test_the_client_disconnects_while_one_is_awaited(self, client):
        calling = asyncio.ensure_future(client.call("slow", 0.1, 1, timeout=30))
        await client.call("echo", "the call above is out")
        await client.disconnect()
        with pytest.raises(NotConnected) as caught:
            await calling
        assert caught.value.reason == "client disconnect"

    async def test_an_ack_that_comes_too_late_is_nobody_elses(self, client):
        with pytest.raises(EventTimeout):
            await client.call("slow", 0.05, "late", timeout=0.01)
        answers = await asyncio.gather(*(client.call("slow", 0.05, n) for n in range(5)))
        assert answers == list(range(5))


class TestFromTheClient:
    @pytest.mark.parametrize(
        ("returned", "answer"),
        [
            (None, None),
            ("one", "one"),
            (0, 0),
            ("", ""),
            (("one", 2), ("one", 2)),
            ([1, 2], [1, 2]),
            ((), None),
            (b"\x00\x01", b"\x00\x01"),
            (("a", b"\x01"), ("a", b"\x01")),
            ({"deep": [b"x"]}, {"deep": [b"x"]}),
        ],
        ids=repr,
    )
    async def test_the_handlers_return_value_answers_the_servers_call(
        self, client, app, returned, answer
    ):
        client.on("question", lambda *args: returned)
        await client.emit("ask", "?")
        await client.await_event("answered")
        assert app.journal.kinds("answer") == [(answer,)]

    async def test_a_coroutine_functions_value_too(self, client, app):
        @client.on("question")
        async def question(value):
            await asyncio.sleep(0)
            return value * 2

        await client.emit("ask", 21)
        await client.await_event("answered")
        assert app.journal.kinds("answer") == [(42,)]

    async def test_the_handler_gets_all_arguments(self, client):
        got = []
        client.on("question", lambda *args: got.append(args))
        await client.emit("ask", 1, {"two": 2}, [3])
        await client.await_event("answered")
        assert got == [(1, {"two": 2}, [3])]

    async def test_of_a_namespace(self, client, app):
        client.on("question", lambda: "root")
        client.on("question", lambda: "chat", namespace="/chat")
        await client.emit("ask", namespace="/chat")
        await client.await_event("answered", namespace="/chat")
        await client.emit("ask")
        await client.await_event("answered")
        assert app.journal.kinds("answer") == [("chat",), ("root",)]

    async def test_a_star_answers_too(self, client, app):
        client.on("*", lambda event, *args: [event, *args])
        await client.emit("ask", 1)
        await app.journal.until("answer")
        assert app.journal.kinds("answer") == [(["question", 1],)]

    async def test_without_a_handler_the_event_is_queued_and_not_answered(self, app, transports):
        app.patience = 0.05
        client = await TestClient(app.app, transports=transports).__aenter__()
        await client.connect()
        await client.emit("ask", "anybody?")
        assert (await client.await_event("question")).data == "anybody?"
        await app.journal.until("unanswered")
        assert app.journal.kinds("answer") == []
        with pytest.warns(LeakWarning, match="question"):
            await client.__aexit__(None, None, None)

    async def test_out_of_order(self, client, app):
        """A slow handler's ack arrives after a later handler's ack, and is matched by its id."""
        first, second = asyncio.Event(), asyncio.Event()

        @client.on("question")
        async def question(number):
            await (first if number == 1 else second).wait()
            return number

        @app.sio.on("both")
        async def both(sid):
            return await asyncio.gather(
                app.sio.call("question", 1, to=sid), app.sio.call("question", 2, to=sid)
            )

        calling = asyncio.ensure_future(client.call("both"))
        second.set()
        await client.call("echo", "a round trip later")
        first.set()
        assert await calling == [1, 2]

    async def test_an_emit_with_a_callback_on_the_server(self, client, app):
        client.on("question", lambda value: (value, "and more"))
        await app.sio.emit(
            "question", 1, to=client.sid, callback=lambda *args: app.journal.note("called", *args)
        )
        assert await app.journal.until("called") == [(1, "and more")]


async def test_a_packet_carries_an_id_only_if_an_answer_is_wanted(app):
    answered = asyncio.Event()
    async with TestClient(app.app) as client:
        await client.connect()
        await client.emit("keep", "quiet")
        await client.send("quiet")
        await client.send("loud", callback=lambda *args: answered.set())
        await asyncio.wait_for(answered.wait(), 2)
    [websocket] = app.app.of("websocket")
    texts = [message.get("text") for message in websocket.received]
    assert '42["keep","quiet"]' in texts
    assert '42["message","quiet"]' in texts
    assert '42["message","loud"]' not in texts
