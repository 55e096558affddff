"""Which event a packet has, and which handler it starts."""

import pytest
from socketio.packet import ACK, BINARY_EVENT, CONNECT, DISCONNECT, EVENT, Packet

from asgi_sio_testclient._server.origins import packet_event


@pytest.mark.parametrize(
    ("kind", "data", "event"),
    [
        (CONNECT, None, "connect"),
        (DISCONNECT, None, "disconnect"),
        (EVENT, ["ask", "first", "last"], "ask"),
        (EVENT, ["ask"], "ask"),
        (EVENT, [], None),
        (EVENT, "ask", None),
        (BINARY_EVENT, ["ask", b"1"], "ask"),
        (ACK, ["ask"], None),
    ],
)
def test_the_event_whose_handler_runs_within_the_servers_own_call(kind, data, event):
    packet = Packet(EVENT, data=data, namespace="/")
    packet.packet_type = kind
    assert packet_event(packet, inline=True) == event


@pytest.mark.parametrize("kind", [EVENT, BINARY_EVENT])
def test_an_event_in_a_task_of_its_own_has_none(kind):
    packet = Packet(EVENT, data=["ask"], namespace="/")
    packet.packet_type = kind
    assert packet_event(packet, inline=False) is None
