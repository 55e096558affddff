"""Other serializers: msgpack, Packet classes, json modules."""

import datetime as dt
import json
from types import SimpleNamespace

import engineio
import msgpack
import pytest
import socketio
from apps import lab
from socketio.msgpack_packet import MsgPackPacket

from asgi_sio_testclient import ConnectionRefused, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")

VALUES = ["text", "", 1, 1.5, None, True, b"bytes", b"", [1, b"2"], {"k": {"b": b"v"}}]


@pytest.fixture(params=["name", "class"])
def serializer(request):
    return {"name": "msgpack", "class": MsgPackPacket}[request.param]


async def test_everything_works_as_with_json(transports, serializer):
    app = lab(namespaces=("/", "/chat"), serializer="msgpack")
    async with TestClient(app.app, transports=transports, serializer=serializer) as client:
        await client.connect("/", "/chat", auth={"greet": "hello"})
        assert (await client.await_event("greeting")).data == "hello"
        for value in VALUES:
            assert await client.call("echo", "and", value) == ("and", value)
            await client.emit("reply", "and", value, namespace="/chat")
            event = await client.await_event("reply", namespace="/chat")
            assert event.args == ("and", value)
        client.on("question", lambda value: (value, b"!"))
        await client.emit("ask", b"?")
        await client.await_event("answered")
        assert app.journal.kinds("answer") == [((b"?", b"!"),)]
    assert sorted(app.disconnects) == [
        ("/", "client disconnect"),
        ("/chat", "client disconnect"),
    ]
    app.assert_released()


async def test_a_refusal(transports):
    app = lab(serializer="msgpack")
    async with TestClient(app.app, transports=transports, serializer="msgpack") as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect(auth={"refuse": ["no", {"code": 1}]})
        assert caught.value.data == {"message": "no", "data": {"code": 1}}


async def test_what_cannot_be_serialised(transports):
    app = lab(serializer="msgpack")
    async with TestClient(app.app, transports=transports, serializer="msgpack") as client:
        await client.connect()
        with pytest.raises(TypeError):
            await client.emit("echo", object())
        assert await client.call("echo", 1) == 1


async def test_a_configured_packet_class(transports):
    packet_class = MsgPackPacket.configure(
        dumps_default=lambda value: msgpack.ExtType(20, value.isoformat().encode()),
        ext_hook=lambda code, data: dt.date.fromisoformat(data.decode()),
    )
    app = lab(serializer=packet_class)
    async with TestClient(app.app, transports=transports, serializer=packet_class) as client:
        await client.connect()
        today = dt.date(2026, 1, 2)
        assert await client.call("echo", {"on": today}) == {"on": today}


async def test_a_packet_class_of_ones_own(transports):
    class Reversed(socketio.packet.Packet):
        def encode(self):
            encoded = super().encode()
            return encoded[0] + encoded[:0:-1] if isinstance(encoded, str) else encoded

        def decode(self, encoded_packet):
            return super().decode(encoded_packet[0] + encoded_packet[:0:-1])

    app = lab(serializer=Reversed)
    async with TestClient(app.app, transports=transports, serializer=Reversed) as client:
        await client.connect()
        assert await client.call("echo", "text", 1) == ("text", 1)
        await client.emit("reply", {"a": 1})
        assert (await client.await_event("reply")).data == {"a": 1}


async def test_a_json_module_of_ones_own(transports):
    used = []

    def dumps(*args, **kwargs):
        used.append("dumps")
        return json.dumps(*args, **kwargs)

    def loads(*args, **kwargs):
        used.append("loads")
        return json.loads(*args, **kwargs)

    before = (socketio.packet.Packet.json, engineio.packet.Packet.json)
    mine = SimpleNamespace(dumps=dumps, loads=loads, JSONDecodeError=json.JSONDecodeError)
    async with TestClient(lab().app, transports=transports, json=mine) as client:
        await client.connect()
        assert await client.call("echo", {"a": 1}) == {"a": 1}
        await client.emit("reply", 1)
        assert (await client.await_event("reply")).data == 1
        # python-socketio's own setting would change all servers of the process; this one is per
        # client.
        assert (socketio.packet.Packet.json, engineio.packet.Packet.json) == before
    assert "dumps" in used
    assert "loads" in used


async def test_two_clients_with_different_json_modules():
    def tagging(tag):
        return SimpleNamespace(
            dumps=lambda value, **kwargs: json.dumps(value, **kwargs).replace("TAG", tag),
            loads=json.loads,
        )

    app = lab()
    async with (
        TestClient(app.app, json=tagging("one")) as one,
        TestClient(app.app, json=tagging("two")) as two,
        TestClient(app.app) as plain,
    ):
        for client in (one, two, plain):
            await client.connect()
        assert await one.call("echo", "TAG") == "one"
        assert await two.call("echo", "TAG") == "two"
        assert await plain.call("echo", "TAG") == "TAG"
