"""The packets that a session receives, also those that the protocol does not allow."""

import asyncio

import pytest
from scripted import OPEN, client_of, over_websocket, soon

from asgi_sio_testclient import NotConnected, ProtocolError


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ("9", "unknown Engine.IO packet type"),
        ("x", "malformed Engine.IO packet"),
        ("5", "unexpected UPGRADE"),
        (OPEN, "unexpected OPEN"),
        ('42["e"', "malformed Socket.IO packet"),
        (b"x", "malformed Socket.IO packet"),
        ('40{"sid":"again"}', "CONNECT for a namespace that was not requested"),
        ('40/other,{"sid":"x"}', "CONNECT for a namespace that was not requested"),
    ],
)
async def test_what_the_protocol_does_not_allow_ends_the_session(frame, problem):
    ended = asyncio.Event()

    async def script(wire):
        await wire.open("/")
        assert await wire.receive() == '42["go"]'
        await wire.send(frame)
        await wire.until_the_end()
        ended.set()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.emit("go")
        with pytest.raises(ProtocolError, match=problem):
            await client.await_event("e")
        assert not client.is_connected()
        assert client.disconnect_reason == "transport error"
        await soon(ended.wait())


async def test_a_disconnect_of_a_namespace_that_is_not_connected_is_ignored():
    async def script(wire):
        await wire.open("/")
        await wire.send("41/other,", '42["still","here"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        assert (await client.await_event()).data == "here"


async def test_a_close_by_the_server_is_told_with_its_reason():
    async def script(wire):
        await wire.open("/")
        await wire.receive()
        await wire.close(code=4000, reason="enough")

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.emit("go")
        with pytest.raises(NotConnected, match="code 4000: enough"):
            await client.await_event("e")
        assert client.disconnect_reason == "transport close"


@pytest.mark.parametrize("first", ["4hello", "x", "0{}", b"x"])
async def test_a_handshake_that_is_none_is_a_protocol_error(first):
    async def script(wire):
        await wire.accept()
        await wire.send(first)
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        with pytest.raises(ProtocolError) as caught:
            await client.connect()
        assert caught.value.packet == first


async def test_pings_are_answered_with_their_data_and_within_the_servers_send():
    answers = []

    async def script(wire):
        await wire.open("/")
        for ping in ("2", "2data"):
            await wire.send(ping)
            answers.append(await wire.receive())
        await wire.send('42["done"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.await_event("done")
    assert answers == ["3", "3data"]


async def test_a_silent_client_answers_no_ping():
    received = []

    async def script(wire):
        await wire.open("/")
        assert await wire.receive() == '42["go"]'
        await wire.send("2", '42["after"]')
        received.extend(await wire.until_the_end())

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        client.raw.answer_pings = False
        await client.emit("go")
        await client.await_event("after")
    assert received == ["41"]


async def test_what_arrives_after_the_end_is_dropped():
    async def script(wire):
        await wire.open("/")
        await wire.receive()
        with pytest.raises(OSError, match="websocket was closed"):
            await wire.send('42["late"]')

    async with client_of(over_websocket(script)) as client:
        await client.connect()
        await client.disconnect()
        assert client.get_received() == []
