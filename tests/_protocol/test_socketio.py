"""The client's side of Socket.IO v5, compared with python-socketio's packet classes."""

import json
import subprocess
import sys
import types

import engineio.json
import msgpack
import pytest
from hypothesis import example, given, strategies as st
from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
)

from asgi_sio_testclient import ProtocolError
from asgi_sio_testclient._protocol.fast_text import FAST_TEXT
from asgi_sio_testclient._protocol.packets import Incoming, packet_class_for, packet_name
from asgi_sio_testclient._protocol.socketio import SocketIO

wild_text = st.text(st.characters(codec=None, categories=None))  # with surrogates
huge = st.integers(-(10**120), 10**120)
scalars = st.none() | st.booleans() | st.integers() | huge | st.floats() | wild_text
keys = wild_text | st.integers() | st.booleans() | st.none() | st.floats()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=10,
)
blobs = st.binary() | st.binary().map(bytearray)
with_bytes = st.recursive(
    st.booleans() | st.integers(-(10**90), 10**90) | st.floats() | wild_text | blobs,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(wild_text, inner, max_size=4),
    max_leaves=10,
)
names = wild_text.filter(lambda name: name not in RESERVED) | st.sampled_from(
    ["message", "1-", "/", ","]
)
RESERVED = {"connect", "connect_error", "disconnect"}
odd_namespaces = st.sampled_from(
    ["/", "/chat", "/a/b", "/1", "/12-", "/chat?token=1", "/?", "/a,b", "/,", '/["x"]', "/é", ""]
) | wild_text.map("/{}".format)
ids = st.none() | st.integers(0, 10**20)


def same(one, other):
    """Return whether two values are equal, where nan equals itself and 1, 1.0 and True differ."""
    return repr(one) == repr(other)


def encoded(kind, namespace, id, data):
    """Return the messages of python-socketio's own packet class, or TypeError for any error."""
    try:
        result = Packet(kind, data=data, namespace=namespace, id=id).encode()
    except (TypeError, ValueError, RecursionError):
        return TypeError
    return result if isinstance(result, list) else [result]


def encoded_event(name, args, namespace="/", id=None):
    """Return the same for an event; a lone tuple is expanded to several arguments."""
    args = args[0] if len(args) == 1 and isinstance(args[0], tuple) else args
    return encoded(EVENT, namespace, id, [name, *args])


def messages_or_type_error(encode):
    try:
        return list(encode())
    except TypeError:
        return TypeError


def event(name, args, namespace="/", id=None, packet_class=Packet):
    protocol = SocketIO(packet_class)
    return messages_or_type_error(lambda: protocol.event(name, tuple(args), namespace, id))


def ack(namespace, id, given_values):
    return messages_or_type_error(lambda: SocketIO().ack("e", tuple(given_values), namespace, id))


# -- encoding, compared with python-socketio's own class


@pytest.mark.slow
@given(names, st.lists(values, max_size=4), odd_namespaces, ids)
def test_a_text_event_is_encoded_byte_for_byte_as_python_socketio_does(name, args, namespace, id):
    assert event(name, args, namespace, id) == encoded_event(name, args, namespace, id)


@pytest.mark.slow
@given(names, st.lists(with_bytes, max_size=4), odd_namespaces, ids)
def test_an_event_with_bytes_is_encoded_as_python_socketio_does(name, args, namespace, id):
    assert event(name, args, namespace, id) == encoded_event(name, args, namespace, id)


@pytest.mark.slow
@given(odd_namespaces, st.integers(0, 10**20), st.lists(values | with_bytes, max_size=4))
def test_an_ack_is_encoded_as_python_socketio_does(namespace, id, given_values):
    assert ack(namespace, id, given_values) == encoded(ACK, namespace, id, given_values)


class _Unserialisable:
    pass


CIRCLE = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    "argument",
    [
        _Unserialisable(),
        {1, 2},
        1j,
        {"deep": [object()]},
        {b"bytes": 1},
        {(1, 2): 3},
        [(b"bytes in a tuple",)],
        CIRCLE,
    ],
    ids=[
        "object",
        "set",
        "complex",
        "deep",
        "bytes key",
        "tuple key",
        "bytes in a tuple",
        "circle",
    ],
)
def test_what_can_not_be_serialised_is_a_type_error_as_it_is_an_error_there(argument):
    assert encoded(EVENT, "/", 1, ["e", argument]) is TypeError
    protocol = SocketIO()
    with pytest.raises(TypeError, match="can't serialise the arguments of 'e': ") as caught:
        protocol.event("e", (argument,), "/", 1)
    assert caught.value.__cause__ is not None
    with pytest.raises(TypeError, match="can't serialise the ack of 'e': "):
        protocol.ack("e", (argument,), "/", 1)
    with pytest.raises(TypeError, match="can't serialise the auth of namespace '/': "):
        protocol.connect("/", argument)


def test_a_lone_tuple_is_several_arguments():
    assert event("e", [(1, 2)]) == ['2["e",1,2]']
    assert event("e", [()]) == ['2["e"]']
    assert event("e", [(1, 2), 3]) == ['2["e",[1,2],3]']
    assert event("e", [((1, 2),)]) == ['2["e",[1,2]]']


@pytest.mark.parametrize("name", [None, 5, b"e", ["e"]])
def test_the_name_of_an_event_is_a_str(name):
    with pytest.raises(TypeError, match="expected its name, a str"):
        SocketIO().event(name, (), "/")


def test_after_an_error_the_next_event_is_whole():
    protocol = SocketIO()
    with pytest.raises(TypeError):
        protocol.event("e", (["half", object()],), "/")
    assert protocol.event("e", ("whole",), "/") == ('2["e","whole"]',)


@pytest.mark.slow
@given(odd_namespaces, st.none() | values)
def test_connect_is_encoded_as_python_socketio_does(namespace, auth):
    sent = messages_or_type_error(lambda: SocketIO().connect(namespace, auth))
    assert sent == encoded(CONNECT, namespace, None, auth)


def test_connect_without_auth_has_no_payload_and_an_empty_auth_has_one():
    assert list(SocketIO().connect("/", None)) == ["0"]
    assert list(SocketIO().connect("/chat", {})) == ["0/chat,{}"]
    assert list(SocketIO().connect("/", "")) == ['0""']


@given(odd_namespaces)
def test_disconnect_is_encoded_as_python_socketio_does(namespace):
    assert list(SocketIO().disconnect(namespace)) == encoded(DISCONNECT, namespace, None, None)


def test_attachments_follow_their_event():
    sent = event("e", [{"a": [b"1", {"b": b"2"}]}], "/chat", 7)
    assert sent == [
        '52-/chat,7["e",{"a":[{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]}]',
        b"1",
        b"2",
    ]


def test_ids_are_counted_from_one_for_each_namespace():
    protocol = SocketIO()
    assert [protocol.next_id("/"), protocol.next_id("/"), protocol.next_id("/chat")] == [1, 2, 1]


# -- decoding, compared with python-socketio's own class


def read_by_python_socketio(message):
    """Return the packet as python-socketio's class decodes it; None if the protocol does not allow
    it.
    """
    try:
        packet = Packet(encoded_packet=message)
    except (ValueError, RecursionError):
        return None
    data, kind = packet.data, packet.packet_type
    allowed = {
        EVENT: isinstance(data, list) and bool(data) and isinstance(data[0], str),
        ACK: isinstance(data, list) and packet.id is not None,
        CONNECT: isinstance(data, dict) and "sid" in data,
        DISCONNECT: True,
        CONNECT_ERROR: True,
    }
    if not allowed.get(kind, False):
        return None
    return Incoming(kind, packet.namespace or "/", data, packet.id)


def assert_read_alike(message):
    expected = read_by_python_socketio(message)
    if expected is None:
        with pytest.raises(ProtocolError) as caught:
            SocketIO().receive(message)
        assert caught.value.packet == message
    else:
        assert same(SocketIO().receive(message), expected)


@pytest.mark.slow
@given(
    st.sampled_from("23"),
    odd_namespaces,
    st.none() | st.integers(0, 10**25) | st.just("007"),
    st.lists(values, max_size=4),
    st.booleans(),
)
def test_events_and_acks_are_read_as_python_socketio_reads_them(kind, space, id, data, ascii_only):
    number = "" if id is None else str(id)
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=ascii_only)
    assert_read_alike(f"{kind}{number}{text}" if space == "/" else f"{kind}{space},{number}{text}")


# Packets made of random pieces that have a meaning at some position.
marks = [*'0123456789[]{}",-/? \n\t', "/chat,", "/chat", "1-", "-1", "²", "٣", "\ud800"]
fragments = ['["a"]', '["a",b', "[1]", '{"sid":"x"}', "NaN", "1e999", "9" * 101, "9" * 99, "null"]
pieces = st.lists(st.sampled_from([*marks, *fragments]), max_size=8).map("".join)


@pytest.mark.slow
@given(st.builds("{}{}".format, st.sampled_from(["2", "3", "2", "3", "0", "1", "4", ""]), pieces))
@example('2["a"] ')
@example('2 ["a"]')
@example('2["a"]x')
@example('2["a"')
@example("2[]")
@example("2[1]")
@example("2")
@example("3[]")
@example('31-["a"]')
@example('21-["a"]')
@example('2/chat["a"]')
@example('2/chat?a=1,["a"]')
@example('2/a,b,["a"]')
@example('2²["a"]')
@example('2٣["a"]')
@example(f'2{"1" * 18}["a"]')
@example(f'2{"1" * 19}["a"]')
@example(f'2{"1" * 101}["a"]')
@example(f'2["a",{"1" * 101}]')
@example('2["a",NaN,Infinity,-Infinity]')
def test_text_of_any_kind_is_read_as_python_socketio_reads_it(message):
    if message[:1] in {"5", "6"}:
        return
    assert_read_alike(message)


@pytest.mark.parametrize("message", ["2" + "[" * 100_000, '2["a",' + "[" * 100_000])
def test_a_packet_too_deep_to_read_is_a_protocol_error(message):
    with pytest.raises(ProtocolError, match="malformed"):
        SocketIO().receive(message)


@pytest.mark.parametrize(
    ("message", "incoming"),
    [
        ('0{"sid":"x"}', Incoming(CONNECT, "/", {"sid": "x"})),
        ('0/chat,{"sid":"x"}', Incoming(CONNECT, "/chat", {"sid": "x"})),
        ("1", Incoming(DISCONNECT, "/", None)),
        ("1/chat,", Incoming(DISCONNECT, "/chat", None)),
        ('4{"message":"no"}', Incoming(CONNECT_ERROR, "/", {"message": "no"})),
        ('4/chat,"no"', Incoming(CONNECT_ERROR, "/chat", "no")),
        ('2["e"]', Incoming(EVENT, "/", ["e"])),
        ('2/chat,7["e",1]', Incoming(EVENT, "/chat", ["e", 1], 7)),
        ("30[]", Incoming(ACK, "/", [], 0)),
    ],
)
def test_each_packet_of_the_server(message, incoming):
    assert SocketIO().receive(message) == incoming


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "7",
        "0",
        "0{}",
        "0[]",
        "0null",
        "2",
        "2{}",
        "2[]",
        "2[1]",
        '2"e"',
        "3[]",
        "31",
        "31{}",
        "-1",
        "0{",
        {"a": 1},
        None,
        5,
    ],
    ids=repr,
)
def test_what_the_protocol_does_not_allow_is_a_protocol_error_with_the_packet(message):
    with pytest.raises(ProtocolError, match="malformed Socket") as caught:
        SocketIO().receive(message)
    assert caught.value.packet == message
    assert caught.value.__cause__ is not None


# -- attachments


@pytest.mark.slow
@given(
    names,
    st.lists(with_bytes, max_size=4).map(lambda args: [b"at least one", *args]),
    odd_namespaces.filter(lambda namespace: namespace and "," not in namespace),
    ids,
)
def test_what_was_taken_apart_is_put_together_again(name, args, namespace, id):
    sent = encoded(EVENT, namespace, id, [name, *args])
    protocol = SocketIO()
    *parts, whole = [protocol.receive(message) for message in sent]
    assert parts == [None] * len(parts)
    assert whole.kind == EVENT
    assert whole.namespace == namespace.partition("?")[0]  # decode() takes "?" as a query
    assert whole.id == id
    assert same(whole.data, [name, *args])


def test_a_half_received_packet_says_what_it_waits_for():
    protocol = SocketIO()
    assert protocol.incomplete is None
    protocol.receive('52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]')
    assert protocol.incomplete == ("e", 0, 2)
    protocol.receive(b"x")
    assert protocol.incomplete == ("e", 1, 2)
    protocol.receive(b"y")
    assert protocol.incomplete is None
    protocol.receive("61-7[]")
    assert protocol.incomplete == ("ACK", 0, 1)


def test_a_binary_ack_is_an_ack():
    protocol = SocketIO()
    assert protocol.receive('61-7[{"_placeholder":true,"num":0}]') is None
    assert protocol.receive(b"x") == Incoming(ACK, "/", [b"x"], 7)


def test_a_binary_event_without_attachments_is_whole():
    assert SocketIO().receive('50-["e"]') == Incoming(EVENT, "/", ["e"])


def test_an_attachment_that_nobody_announced_is_a_protocol_error():
    with pytest.raises(ProtocolError) as caught:
        SocketIO().receive(b"x")
    assert caught.value.packet == b"x"


@pytest.mark.parametrize("message", ['2["e"]', "1", '0{"sid":"x"}'])
def test_another_packet_in_the_place_of_an_attachment_is_a_protocol_error(message):
    protocol = SocketIO()
    protocol.receive('51-["e",{"_placeholder":true,"num":0}]')
    with pytest.raises(ProtocolError) as caught:
        protocol.receive(message)
    assert caught.value.packet == message


@pytest.mark.parametrize(
    "message",
    [
        '51-["e",{"_placeholder":true,"num":1}]',
        '51-["e",{"_placeholder":true,"num":"x"}]',
        '51-[{"_placeholder":true,"num":0}]',
        '51-{"_placeholder":true,"num":0}',
        '61-[{"_placeholder":true,"num":0}]',
    ],
    ids=["no such part", "a number that is none", "name", "no list", "ack without an id"],
)
def test_attachments_that_make_no_packet_are_a_protocol_error_and_the_next_packet_is_read(message):
    protocol = SocketIO()
    assert protocol.receive(message) is None
    with pytest.raises(ProtocolError):
        protocol.receive(b"x")
    assert protocol.receive('2["e"]') == Incoming(EVENT, "/", ["e"])


def test_a_reset_removes_a_half_received_packet():
    protocol = SocketIO()
    protocol.receive('51-["e",{"_placeholder":true,"num":0}]')
    protocol.reset()
    assert protocol.receive('2["next"]') == Incoming(EVENT, "/", ["next"])


@pytest.mark.slow
@given(st.lists(pieces | st.binary(max_size=3) | st.sampled_from(["51-[]", "52-", "61-1[]"])))
def test_no_sequence_of_messages_raises_anything_but_a_protocol_error(messages):
    protocol = SocketIO()
    for message in messages:
        try:
            incoming = protocol.receive(message)
        except ProtocolError:
            protocol.reset()
        else:
            assert incoming is None or incoming.kind in {0, 1, 2, 3, 4}
    protocol.reset()
    assert protocol.receive('2["e"]') == Incoming(EVENT, "/", ["e"])


# -- without the C accelerator of json

WITHOUT_ACCELERATOR = """
import sys
for name in ["_json", "json", "json.encoder", "json.decoder", "json.scanner"]:
    sys.modules.pop(name, None)
sys.modules["_json"] = None
import json
assert json.encoder.c_make_encoder is None
from asgi_sio_testclient._protocol.socketio import SocketIO
protocol = SocketIO()
assert protocol.event("e", ("é", 1.5, None), "/", 1) == ('21["e","\\\\u00e9",1.5,null]',)
assert protocol.receive('2["e",{"a":[1]}]').data == ["e", {"a": [1]}]
"""


@pytest.mark.slow
def test_the_protocol_works_with_the_python_version_of_json():
    subprocess.run([sys.executable, "-c", WITHOUT_ACCELERATOR], check=True, timeout=60)


# -- other packet classes


simple = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.slow
@given(st.text(), st.lists(simple, max_size=4), st.sampled_from(["/", "/chat"]), ids)
def test_msgpack_packets_are_whole_in_one_message(name, args, namespace, id):
    id = None if id is None else id % 2**64
    protocol = SocketIO(MsgPackPacket)
    [message] = protocol.event(name, (*args, None), namespace, id)
    assert isinstance(message, bytes)
    assert protocol.receive(message) == Incoming(EVENT, namespace, [name, *args, None], id)


def test_every_packet_of_a_packet_class_is_coded_by_it():
    protocol = SocketIO(MsgPackPacket)
    sent = [
        *protocol.connect("/chat", None),
        *protocol.connect("/", {"token": "x"}),
        *protocol.disconnect("/chat"),
        *protocol.ack("e", (1, b"x"), "/", 7),
    ]
    read = [MsgPackPacket(encoded_packet=message) for message in sent]
    assert [(p.packet_type, p.namespace, p.data, p.id) for p in read] == [
        (CONNECT, "/chat", None, None),
        (CONNECT, "/", {"token": "x"}, None),
        (DISCONNECT, "/chat", None, None),
        (ACK, "/", [1, b"x"], 7),
    ]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        msgpack.packb(5),
        msgpack.packb({}),
        msgpack.packb({"type": 2, "data": {}, "nsp": "/"}),
        msgpack.packb({"type": [], "data": ["e"], "nsp": "/"}),
        msgpack.packb({"type": 9, "data": ["e"], "nsp": "/"}),
        "2",
    ],
    ids=repr,
)
def test_what_is_no_msgpack_packet_is_a_protocol_error(message):
    with pytest.raises(ProtocolError):
        SocketIO(MsgPackPacket).receive(message)


class Shouting(Packet):
    """A user's packet class: text is sent in upper case."""

    def encode(self):
        encoded_packet = super().encode()
        return encoded_packet.upper() if isinstance(encoded_packet, str) else encoded_packet


def test_a_packet_class_of_the_users_own_does_the_coding():
    assert event("e", ["a"], packet_class=Shouting) == ['2["E","A"]']
    assert SocketIO(Shouting).receive('2["e","a"]') == Incoming(EVENT, "/", ["e", "a"])


class Broken(Packet):
    def decode(self, encoded_packet):
        raise ArithmeticError("of its own")


def test_what_a_packet_class_raises_while_it_reads_is_a_protocol_error():
    with pytest.raises(ProtocolError):
        SocketIO(Broken).receive('2["e"]')


def _json_like(calls):
    def dumps(data, **options):
        calls.append("dumps")
        return json.dumps(data, default=str, **options)

    def loads(text):
        calls.append("loads")
        return json.loads(text)

    return types.SimpleNamespace(dumps=dumps, loads=loads)


def test_a_json_module_is_used_both_ways_and_for_this_client_alone():
    calls = []
    packet_class = packet_class_for("default", _json_like(calls))
    protocol = SocketIO(packet_class)
    assert protocol.event("e", (object,), "/") == ('2["e","<class \'object\'>"]',)
    assert protocol.receive('2["e"]') == Incoming(EVENT, "/", ["e"])
    assert calls == ["dumps", "loads"]
    assert Packet.json is engineio.json


def test_serializers_by_name_and_by_class():
    assert packet_class_for("default", None) is Packet
    assert packet_class_for("msgpack", None) is MsgPackPacket
    assert packet_class_for(Shouting, None) is Shouting


@pytest.mark.parametrize(
    ("serializer", "error", "words"),
    [
        ("pickle", ValueError, "serializer is 'pickle'; expected one of"),
        (5, TypeError, "serializer is 5; expected one of"),
        (dict, TypeError, "or a Packet class"),
        (None, TypeError, "serializer is None"),
    ],
)
def test_an_unknown_serializer_is_said_with_what_was_expected(serializer, error, words):
    with pytest.raises(error, match=words):
        packet_class_for(serializer, None)


@pytest.mark.parametrize(
    "json_module",
    [5, types.SimpleNamespace(dumps=json.dumps), types.SimpleNamespace(loads=json.loads)],
    ids=["number", "no loads", "no dumps"],
)
def test_what_is_no_json_module_is_a_type_error(json_module):
    with pytest.raises(TypeError, match=r"expected a module with dumps\(\) and loads\(\)"):
        packet_class_for("default", json_module)


def test_every_kind_has_its_name_and_others_their_number():
    kinds = (CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK)
    assert [packet_name(kind) for kind in kinds] == [
        "CONNECT", "DISCONNECT", "EVENT", "ACK", "CONNECT_ERROR", "BINARY_EVENT", "BINARY_ACK",
    ]  # fmt: skip
    assert packet_name(7) == "7"


@pytest.mark.parametrize("odd", [{"nsp": ["/"]}, {"id": [1]}], ids=repr)
def test_a_namespace_is_a_str_and_an_id_an_int_also_in_msgpack(odd):
    message = msgpack.dumps({"type": EVENT, "data": ["e"], "nsp": "/", **odd})
    with pytest.raises(ProtocolError, match=r"malformed Socket\.IO packet"):
        SocketIO(MsgPackPacket).receive(message)


@pytest.mark.parametrize(
    ("text", "incoming"),
    [
        ('2["e",1]', Incoming(EVENT, "/", ["e", 1], None)),
        ('2/chat,["e"]', Incoming(EVENT, "/chat", ["e"], None)),
        ('2/chat,12["e"]', Incoming(EVENT, "/chat", ["e"], 12)),
        ('3/chat,0["a"]', Incoming(ACK, "/chat", ["a"], 0)),
        ("2/chat", None),
        ('2/chat?token=1,["e"]', None),
        ('2/chat,x["e"]', None),
        ('2["e"]x', None),
    ],
)
def test_which_packets_are_decoded_the_short_way(text, incoming):
    assert FAST_TEXT.decode(text) == incoming
