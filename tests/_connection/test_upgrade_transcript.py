"""The transcript of an upgrade, packet by packet."""

import socketio

from asgi_sio_testclient import TestClient


async def test_each_packet_of_an_upgrade_is_in_the_transcript():
    sio = socketio.AsyncServer(async_mode="asgi")
    async with TestClient(socketio.ASGIApp(sio), transports=("polling", "websocket")) as client:
        await client.connect()
        await client.settle()
        packets = [
            (entry.transport, entry.direction, entry.engineio_type, entry.frame)
            for entry in client.transcript
        ]
    assert [packet[:3] for packet in packets] == [
        ("polling", "received", "OPEN"),
        ("websocket", "sent", "PING"),
        ("websocket", "received", "PONG"),
        ("polling", "received", "NOOP"),
        ("websocket", "sent", "UPGRADE"),
        ("websocket", "sent", "MESSAGE"),
        ("websocket", "received", "NOOP"),
        ("websocket", "received", "MESSAGE"),
    ]
    assert [packet[3] for packet in packets[1:3]] == ["2probe", "3probe"]
