"""The packet class for `serializer=` and `json=`, and the packets that it accepts."""

import json
import types

import pytest
from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import (
    ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
)

from asgi_sio_testclient._protocol.packets import (
    is_valid_packet,
    packet_class_for,
    packet_name,
)


class OwnPacket(Packet):
    pass


@pytest.mark.parametrize(
    ("serializer", "packet_class"),
    [("default", Packet), ("msgpack", MsgPackPacket), (OwnPacket, OwnPacket)],
)
def test_the_packet_class(serializer, packet_class):
    assert packet_class_for(serializer, None) is packet_class


def test_a_json_module_is_set_for_this_client_only():
    before = Packet.json
    own = types.SimpleNamespace(dumps=json.dumps, loads=json.loads)
    packet_class = packet_class_for("default", own)
    assert issubclass(packet_class, Packet)
    assert packet_class.json is own
    assert Packet.json is before


@pytest.mark.parametrize(
    ("serializer", "json_module", "kind", "words"),
    [
        ("pickle", None, ValueError, "serializer is 'pickle'; expected one of"),
        (None, None, TypeError, "serializer is None; expected one of"),
        (dict, None, TypeError, "serializer is <class 'dict'>; expected one of"),
        ("default", 5, TypeError, "json is 5; expected a module with dumps() and loads()"),
        ("default", types.SimpleNamespace(dumps=repr), TypeError, "json is namespace("),
    ],
)
def test_what_is_neither(serializer, json_module, kind, words):
    with pytest.raises(kind) as caught:
        packet_class_for(serializer, json_module)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("kind", "name"), [(EVENT, "EVENT"), (ACK, "ACK"), (9, "9")])
def test_names(kind, name):
    assert packet_name(kind) == name


@pytest.mark.parametrize(
    ("kind", "data", "id", "valid"),
    [
        (EVENT, ["news"], None, True),
        (EVENT, ["news", 1], 7, True),
        (EVENT, [], None, False),
        (EVENT, [5], None, False),
        (EVENT, "news", None, False),
        (ACK, [], 0, True),
        (ACK, [], None, False),
        (ACK, None, 1, False),
        (CONNECT, {"sid": "x"}, None, True),
        (CONNECT, {}, None, False),
        (CONNECT, None, None, False),
        (DISCONNECT, None, None, True),
        (CONNECT_ERROR, {"message": "no"}, None, True),
        (BINARY_EVENT, ["news"], None, False),
    ],
)
def test_valid_packets(kind, data, id, valid):
    assert is_valid_packet(kind, data, id) is valid
