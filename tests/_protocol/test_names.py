"""Names that several folders use."""

import engineio
import pytest
import socketio
from socketio.packet import packet_names

from asgi_sio_testclient._protocol import names


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (0, "CONNECT"),
        (len(packet_names) - 1, packet_names[-1]),
        (len(packet_names), str(len(packet_names))),
        (len(packet_names) + 1, str(len(packet_names) + 1)),
    ],
)
def test_the_name_of_a_packet_type_or_its_number(kind, name):
    assert names.name_of(kind, packet_names) == name


def test_the_name_of_any_text_class_is_a_str():
    class Name(str):
        __slots__ = ()

    assert type(names.name_of(0, [Name("CONNECT")])) is str


def test_reasons_are_those_of_the_servers():
    reasons = vars(engineio.AsyncServer.reason).values()
    assert {
        names.CLIENT_DISCONNECT,
        names.SERVER_DISCONNECT,
        names.TRANSPORT_CLOSE,
        names.TRANSPORT_ERROR,
    } <= set(reasons)


def test_choices_of_transports_are_made_of_the_transports_in_the_order_of_an_upgrade():
    assert names.TRANSPORT_CHOICES["upgrade"] == names.TRANSPORTS
    assert {t for choice in names.TRANSPORT_CHOICES.values() for t in choice} == {*names.TRANSPORTS}
    default = socketio.AsyncServer(async_mode="asgi").eio.transports
    assert set(names.TRANSPORTS) == set(default)


def test_ports_of_the_schemes():
    assert names.DEFAULT_PORTS == {"http": 80, "https": 443, "ws": 80, "wss": 443}
