"""Bytes in events and acks, at any depth, on every transport."""

import asyncio

import pytest
from apps import lab

from asgi_sio_testclient import TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")

ALL_BYTES = bytes(range(256))
SHAPES = [
    b"",
    b"\x00",
    ALL_BYTES,
    b"4text that looks like a packet",
    [b"a", b"b"],
    {"k": b"v"},
    {"deep": [{"er": [b"x", {"est": b""}]}], "text": "t"},
    [[], [b"only"], {}],
    {"same": [b"same", b"same"]},
    {"_placeholder": False, "num": 3, "b": b"x"},
]


@pytest.fixture
def app():
    return lab(namespaces=("/", "/chat"))


@pytest.fixture
async def client(nothing_left, app, transports):
    async with TestClient(app.app, transports=transports, timeout=2) as client:
        await client.connect("/", "/chat")
        yield client


@pytest.mark.parametrize("value", SHAPES, ids=repr)
async def test_events_and_acks_both_ways(client, value):
    await client.emit("reply", value)
    assert (await client.await_event("reply")).args == (value,)
    assert await client.call("echo", value) == value


async def test_among_other_arguments(client):
    args = (1, b"one", "two", {"three": b"3"}, None)
    await client.emit("reply", *args)
    assert (await client.await_event("reply")).args == args
    assert await client.call("echo", *args) == args


async def test_the_app_gets_bytes(client, app):
    await client.emit("keep", b"plain", bytearray(b"array"))
    [(plain, array)] = await app.journal.until("keep")
    assert (plain, array) == (b"plain", b"array")
    assert type(plain) is bytes


async def test_the_test_gets_bytes(client, app):
    await app.sio.emit("it", (bytearray(b"array"), b"plain"), to=client.sid)
    event = await client.await_event("it")
    assert event.args == (b"array", b"plain")
    assert [type(arg) for arg in event.args] == [bytes, bytes]


async def test_in_a_namespace(client):
    assert await client.call("echo", b"chat", namespace="/chat") == b"chat"
    await client.emit("reply", {"b": b"chat"}, namespace="/chat")
    assert (await client.await_event("reply", namespace="/chat")).data == {"b": b"chat"}


@pytest.mark.parametrize("count", [15, 16, 17, 40])
async def test_many_attachments(client, count):
    """The client splits a POST: the server drops all packets of a POST with more than sixteen."""
    chunks = [bytes([number]) * number for number in range(count)]
    assert await client.call("echo", chunks) == chunks


async def test_a_large_one(client):
    data = ALL_BYTES * 1000
    assert await client.call("echo", data) == data


async def test_many_senders_at_once_do_not_mix_their_attachments(client):
    values = [{"n": n, "b": [bytes([n]) * 3, bytes([n + 100])]} for n in range(40)]
    assert await asyncio.gather(*(client.call("echo", value) for value in values)) == values


async def test_text_between_binary(client):
    for number in range(5):
        await client.emit("reply", bytes([number]))
        await client.emit("reply", number)
    got = [event.data for event in await client.await_events(10, "reply")]
    assert got == [b"\x00", 0, b"\x01", 1, b"\x02", 2, b"\x03", 3, b"\x04", 4]


async def test_a_callback_gets_bytes(client):
    answers = asyncio.Queue()
    await client.emit("echo", b"x", 1, callback=lambda *args: answers.put_nowait(args))
    assert await asyncio.wait_for(answers.get(), 2) == (b"x", 1)


async def test_a_handler_gets_bytes_and_answers_with_bytes(client, app):
    client.on("question", lambda value: value + b"!")
    await client.emit("ask", b"?")
    await client.await_event("answered")
    assert app.journal.kinds("answer") == [(b"?!",)]


async def test_bytes_are_raw_over_websocket_and_base64_over_polling(app):
    async with TestClient(app.app) as client:
        await client.connect()
        await client.call("echo", b"\x00\x01")
    [websocket] = app.app.of("websocket")
    assert b"\x00\x01" in [m.get("bytes") for m in websocket.received]

    app.app.exchanges.clear()
    async with TestClient(app.app, transports=("polling",)) as client:
        await client.connect()
        await client.call("echo", b"\x00\x01")
    posted = b"\x1e".join(
        m["body"] for e in app.app.of("http") for m in e.received if m.get("body")
    )
    assert b"bAAE=" in posted.split(b"\x1e")
