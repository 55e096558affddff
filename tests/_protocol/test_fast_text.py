"""The fast way of text packets gives what python-socketio's packet class gives, or nothing."""

import json

import pytest
from socketio.packet import ACK, CONNECT, EVENT, Packet

from asgi_sio_testclient._protocol.fast_text import FAST_TEXT, is_stock
from asgi_sio_testclient._protocol.packets import Incoming


@pytest.mark.parametrize("id_", [None, 0, 7, 10**17])
@pytest.mark.parametrize("namespace", ["/", "/chat", "/a-b"])
@pytest.mark.parametrize("data", [["e"], ["e", 1, None, {"ü": [1.5, True]}], []], ids=len)
def test_a_packet_is_encoded_as_by_the_class(namespace, id_, data):
    expected = Packet(EVENT, data=data, namespace=namespace, id=id_).encode()
    assert FAST_TEXT.encode("2", namespace, id_, data) == expected


def circular():
    data = ["e"]
    data.append(data)
    return data


@pytest.mark.parametrize("data", [["e", b"bytes"], ["e", object()], ["e", {1j: 2}], circular()])
def test_what_is_no_json_is_left_to_the_class(data):
    assert FAST_TEXT.encode("2", "/", None, data) is None


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ('2["e"]', (EVENT, "/", ["e"], None)),
        ('2["e",1]', (EVENT, "/", ["e", 1], None)),
        ('20["e"]', (EVENT, "/", ["e"], 0)),
        ('2123["e"]', (EVENT, "/", ["e"], 123)),
        ('2/chat,["e"]', (EVENT, "/chat", ["e"], None)),
        ('2/chat,7["e"]', (EVENT, "/chat", ["e"], 7)),
        ("2" + "9" * 18 + '["e"]', (EVENT, "/", ["e"], int("9" * 18))),
        ("37[]", (ACK, "/", [], 7)),
        ("3/chat,7[1,2]", (ACK, "/chat", [1, 2], 7)),
        ('0{"sid":"x"}', (CONNECT, "/", {"sid": "x"}, None)),
        ('0/chat,{"sid":"x"}', (CONNECT, "/chat", {"sid": "x"}, None)),
        ('2["[{"]', (EVENT, "/", ["[{"], None)),
    ],
)
def test_a_packet_is_decoded(text, packet):
    assert FAST_TEXT.decode(text) == Incoming(*packet)
    # The class agrees.
    decoded = Packet(encoded_packet=text)
    seen = decoded.packet_type, decoded.namespace or "/", decoded.data, decoded.id
    assert seen == packet


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2",
        "2[]",
        "2[1]",
        '2["e"',
        '2["e"] ',
        '2["e"]x',
        "2{}",
        '2x["e"]',
        '2-1["e"]',
        '2²["e"]',
        "2" + "9" * 19 + '["e"]',
        '2/chat["e"]',
        '2/chat?token=1,["e"]',
        '2/chat,x["e"]',
        '3["no id"]',
        "3/chat,[1]",
        '0["sid"]',
        "0{}",
        '0{"sid":1',
        '4{"message":"no"}',
        "1",
        '51-["e",{"_placeholder":true,"num":0}]',
        '2["e",' + "9" * 200 + "]",
        '2["e",' + "[" * 100_000,
        b'2["e"]',
        bytearray(b"2"),
    ],
    ids=lambda text: text[:12] if isinstance(text, str) else type(text).__name__,
)
def test_all_else_is_left_to_the_class(text):
    assert FAST_TEXT.decode(text) is None


def test_only_the_stock_class_with_its_own_json_is_known(monkeypatch):
    class Own(Packet):
        """A class of the test's."""

    assert is_stock(Packet)
    assert not is_stock(Own)
    monkeypatch.setattr(Packet, "json", json)
    assert not is_stock(Packet)
