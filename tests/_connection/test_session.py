"""The session of a client, `client.raw`, with servers that break the protocol."""

import asyncio

import pytest
from scripted import client_of, over_websocket, soon

from asgi_sio_testclient import UsageError

# -- without a connection


async def test_a_namespace_can_be_left_where_no_python_server_is_known():
    async def script(wire):
        await wire.open("/", "/chat")
        assert await wire.receive() == "41/chat,"
        await wire.send('42["left"]')
        await wire.until_the_end()

    async with client_of(over_websocket(script)) as client:
        await client.connect("/", "/chat")
        await client.disconnect("/chat")
        await client.await_event("left")
        assert client.is_connected("/")
        with pytest.raises(UsageError, match="pass server="):
            await client.settle()


async def test_a_second_connect_joins_the_handshake_of_the_first():
    async with client_of(over_websocket(_opens_two)) as client:
        await soon(asyncio.gather(client.connect("/"), client.connect("/chat")))
        assert client.get_sid("/chat") == "/chat"


async def _opens_two(wire):
    await wire.open("/", "/chat")
    await wire.until_the_end()
