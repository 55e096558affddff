"""The client's own guarantees under many schedules: the order of events, settle, disconnects."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import NotConnected, TestClient
from asgi_sio_testclient.schedules import explored

RUNS = 25

over_each_transport = pytest.mark.parametrize(
    "transports",
    [
        pytest.param(("websocket",), id="websocket"),
        pytest.param(("polling",), id="polling", marks=pytest.mark.proof),
        pytest.param(("polling", "websocket"), id="upgrade", marks=pytest.mark.proof),
    ],
)


def build(journal):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")

    async def io():
        await asyncio.sleep(0.01)

    @sio.on("connect", namespace="*")
    async def connect(namespace, sid, environ, auth):
        await io()
        journal.append(("connect", namespace))

    @sio.on("disconnect", namespace="*")
    async def disconnect(namespace, sid, reason):
        await io()
        journal.append(("disconnect", namespace, reason))

    @sio.on("count", namespace="*")
    async def count(namespace, sid, many):
        for number in range(many):
            await io()
            await sio.emit("number", number, to=sid, namespace=namespace)
        return "counted"

    @sio.on("ask", namespace="*")
    async def ask(namespace, sid):
        return await sio.call("question", to=sid, namespace=namespace)

    @sio.on("later", namespace="*")
    async def later(namespace, sid):
        async def work():
            await io()
            await sio.emit("number", 1, to=sid, namespace=namespace)

        sio.start_background_task(work)

    add_others(sio, journal)
    return socketio.ASGIApp(sio)


def add_others(sio, journal):
    @sio.on("note", namespace="*")
    async def note(namespace, sid, number):
        journal.append(("note", number))
        await asyncio.sleep(0.01)

    @sio.on("disconnect_client", namespace="*")
    async def disconnect_client(namespace, sid, other):
        await asyncio.sleep(0.01)
        await sio.disconnect(other, namespace=namespace)


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_events_of_a_handler_arrive_in_order_and_before_its_ack(transports):
    async with TestClient(build([]), transports=transports) as a, a.clone() as b:
        await a.connect()
        await b.connect("/chat")
        answers = await asyncio.gather(a.call("count", 4), b.call("count", 3, namespace="/chat"))
        assert answers == ["counted", "counted"]
        assert [event.data for event in a.get_received()] == [0, 1, 2, 3]
        assert [event.data for event in b.get_received("/chat")] == [0, 1, 2]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_settle_waits_for_what_a_handler_began(transports):
    async with TestClient(build([]), transports=transports) as a, a.clone() as b:
        await a.connect()
        await b.connect()
        await a.emit("later")
        await b.emit("later")
        await a.settle()
        assert [event.data for event in a.get_received()] == [1]
        assert [event.data for event in b.get_received()] == [1]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_a_negative_assertion_is_not_early(transports):
    async with TestClient(build([]), transports=transports) as client:
        await client.connect()
        await client.emit("later")
        with pytest.raises(AssertionError, match="number"):
            await client.assert_not_received("number")


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_acks_both_ways(transports):
    async with TestClient(build([]), transports=transports) as client:
        await client.connect("/chat")
        client.on("question", lambda: "answer", namespace="/chat")
        calls = (client.call("ask", namespace="/chat") for _ in range(3))
        assert await asyncio.gather(*calls) == ["answer"] * 3


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_a_client_that_disconnects_is_heard_of(transports):
    journal = []
    async with TestClient(build(journal), transports=transports) as a, a.clone() as b:
        await a.connect()
        await b.connect()
        await b.disconnect()
        with pytest.raises(NotConnected):
            await b.call("count", 1)
        await a.settle()
        assert journal[2:] == [("disconnect", "/", "client disconnect")]
        assert await a.call("count", 1) == "counted"
    assert journal[3:] == [("disconnect", "/", "client disconnect")]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_a_second_connection_of_the_same_client(transports):
    journal = []
    async with TestClient(build(journal), transports=transports) as client:
        for _ in range(2):
            await client.connect("/", "/chat")
            assert await client.call("count", 2, namespace="/chat") == "counted"
            await client.disconnect()
        await client.settle()
    kinds = [entry[0] for entry in journal]
    assert kinds.count("connect") == kinds.count("disconnect") == 4


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_a_client_that_aborts(transports):
    journal = []
    async with TestClient(build(journal), transports=transports) as a, a.clone() as b:
        await a.connect()
        await b.connect()
        await b.emit("later")
        await b.abort()
        await a.settle()
        polls = transports == ("polling",)
        if polls:
            await asyncio.sleep(60)  # the server waits for a pong
        reason = "ping timeout" if polls else "transport close"
        assert journal[2:] == [("disconnect", "/", reason)]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_a_client_that_the_server_disconnects(transports):
    journal = []
    async with TestClient(build(journal), transports=transports) as a, a.clone() as b:
        await a.connect()
        await b.connect()
        await b.emit("count", 3)
        await a.call("disconnect_client", b.sid)
        await a.settle()
        assert not b.is_connected()
        assert b.disconnect_reason == "server disconnect"
        assert journal[2:] == [("disconnect", "/", "server disconnect")]
        numbers = [event.data for event in b.get_received("/")]
        assert numbers == list(range(len(numbers)))
        assert await a.call("count", 1) == "counted"


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_handlers_of_the_test_are_called_in_order_and_before_the_ack(transports):
    async with TestClient(build([]), transports=transports) as client:
        numbers = []
        client.on("number", numbers.append)
        await client.connect()
        assert await client.call("count", 4) == "counted"
        assert numbers == [0, 1, 2, 3]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_the_first_waiter_gets_the_first_event(transports):
    async with TestClient(build([]), transports=transports) as client:
        await client.connect()
        waiting = [asyncio.ensure_future(client.await_event("number")) for _ in range(3)]
        await asyncio.sleep(0)
        await client.emit("count", 3)
        assert [event.data for event in await asyncio.gather(*waiting)] == [0, 1, 2]


@pytest.mark.slow
@over_each_transport
@explored(RUNS)
async def test_packets_of_one_client_arrive_in_order(transports):
    journal = []
    async with TestClient(build(journal), transports=transports) as a, a.clone() as b:
        await a.connect("/", "/chat")
        await b.connect()
        for number in range(3):
            await a.emit("note", number)
            await a.emit("note", number, namespace="/chat")
            await b.emit("note", 10 + number)
        await a.settle()
        notes = [entry for entry in journal if entry[0] == "note"]
        assert [n for _, n in notes if n < 10] == [0, 0, 1, 1, 2, 2]
        assert [n for _, n in notes if n >= 10] == [10, 11, 12]
