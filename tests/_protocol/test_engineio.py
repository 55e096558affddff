"""The client's side of Engine.IO v4, compared with python-engineio's packet classes."""

import itertools
import json

import pytest
from engineio.packet import Packet
from engineio.payload import Payload
from hypothesis import example, given, strategies as st

from asgi_sio_testclient import ProtocolError
from asgi_sio_testclient._protocol.engineio import (
    CLOSE,
    MESSAGE,
    NOOP,
    OPEN,
    PING,
    PONG,
    UPGRADE,
    EngineIO,
    State,
    batches,
    decode,
    encode,
    encode_payload,
    packet_name,
    split_payload,
)

HANDSHAKE = {
    "sid": "abc",
    "upgrades": ["websocket"],
    "pingInterval": 25000,
    "pingTimeout": 20000,
    "maxPayload": 1000000,
}
SEPARATOR = "\x1e"

anything_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
# The separator of packets in a payload can't be part of a packet.
packet_text = st.text(st.characters(codec="utf-8", exclude_characters=SEPARATOR), min_size=1)
frames = st.lists(packet_text | st.binary(), max_size=40)


def handshake(**changes):
    fields = {**HANDSHAKE, **changes}
    return "0" + json.dumps({key: value for key, value in fields.items() if value is not ...})


def opened():
    engine = EngineIO()
    engine.receive(handshake())
    return engine


# -- the handshake


def test_open_tells_everything_about_the_session():
    engine = EngineIO()
    assert engine.state is State.OPENING
    assert (engine.sid, engine.upgrades, engine.max_payload) == ("", (), None)
    assert (engine.ping_interval, engine.ping_timeout, engine.probing) == (0, 0, False)
    assert engine.receive(handshake()) == (OPEN, HANDSHAKE)
    assert engine.state is State.OPEN
    assert engine.sid == "abc"
    assert engine.upgrades == ("websocket",)
    assert engine.ping_interval == 25
    assert engine.ping_timeout == 20
    assert engine.max_payload == 1000000


def test_milliseconds_become_fractions_of_a_second():
    engine = EngineIO()
    engine.receive(handshake(pingInterval=1500, pingTimeout=250))
    assert (engine.ping_interval, engine.ping_timeout) == (1.5, 0.25)


def test_a_sub_second_ping_interval_is_announced_as_zero():
    engine = EngineIO()
    engine.receive(handshake(pingInterval=0))
    assert engine.ping_interval == 0


def test_a_server_may_set_no_limit_to_a_payload():
    engine = EngineIO()
    engine.receive(handshake(maxPayload=...))
    assert engine.max_payload is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sid": ...},
        {"upgrades": ...},
        {"upgrades": None},
        {"upgrades": 5},
        {"pingInterval": ...},
        {"pingInterval": "soon"},
        {"pingTimeout": None},
        {"maxPayload": "big"},
    ],
)
def test_a_malformed_handshake_is_a_protocol_error_and_opens_nothing(changes):
    engine, frame = EngineIO(), handshake(**changes)
    with pytest.raises(ProtocolError, match="malformed handshake") as caught:
        engine.receive(frame)
    assert caught.value.packet == frame
    assert engine.state is State.OPENING


@pytest.mark.parametrize("frame", ["0", "0[]", "0null", "0text", "05", '0{"sid":"x"'])
def test_a_handshake_that_is_no_json_object_is_malformed(frame):
    with pytest.raises(ProtocolError, match="malformed handshake"):
        EngineIO().receive(frame)


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("1", "CLOSE"),
        ("2", "PING"),
        ("3", "PONG"),
        ("40", "MESSAGE"),
        ("6", "NOOP"),
        (b"x", "MESSAGE"),
    ],
)
def test_nothing_comes_before_open(frame, name):
    with pytest.raises(ProtocolError, match=f"{name} instead of OPEN") as caught:
        EngineIO().receive(frame)
    assert caught.value.packet == frame


# -- packets of an open session


@pytest.mark.parametrize(
    ("frame", "packet"),
    [
        ("2", (PING, "")),
        ("2probe", (PING, "probe")),
        ("6", (NOOP, "")),
        ("4", (MESSAGE, "")),
        ("40", (MESSAGE, "0")),
        ("4hello", (MESSAGE, "hello")),
        (b"", (MESSAGE, b"")),
        (b"\x00\x01", (MESSAGE, b"\x00\x01")),
        ("bAAE=", (MESSAGE, b"\x00\x01")),
    ],
)
def test_an_open_session_takes_messages_pings_and_noops(frame, packet):
    engine = opened()
    assert engine.receive(frame) == packet
    assert engine.state is State.OPEN


@pytest.mark.parametrize(
    ("frame", "name"),
    [(handshake(), "OPEN"), ("3", "PONG"), ("3probe", "PONG"), ("5", "UPGRADE")],
)
def test_what_the_server_may_not_send_is_a_protocol_error(frame, name):
    engine = opened()
    with pytest.raises(ProtocolError, match=f"unexpected {name}") as caught:
        engine.receive(frame)
    assert caught.value.packet == frame


@pytest.mark.parametrize(
    ("frame", "problem"),
    [
        ("", "malformed"),
        ("x", "malformed"),
        ("-1", "malformed"),
        ("²", "malformed"),
        ("bA", "malformed"),
        ("7", "unknown"),
        ("9x", "unknown"),
    ],
)
def test_what_is_no_packet_is_a_protocol_error(frame, problem):
    with pytest.raises(ProtocolError, match=f"{problem} Engine.IO packet") as caught:
        opened().receive(frame)
    assert caught.value.packet == frame


def test_a_packet_too_deep_to_read_is_a_protocol_error():
    with pytest.raises(ProtocolError, match="malformed"):
        opened().receive("4" + "[" * 100_000)


def test_close_ends_the_session_and_what_was_under_way_is_read_and_ignored():
    engine = opened()
    assert engine.receive("1") == (CLOSE, "")
    assert engine.state is State.CLOSED
    assert engine.receive("3late") == (PONG, "late")
    assert engine.receive(handshake())[0] == OPEN
    assert engine.state is State.CLOSED


def test_the_client_can_close_by_itself():
    engine = opened()
    engine.close()
    assert engine.state is State.CLOSED


# -- the probe


def test_a_probe_is_answered_once():
    engine = opened()
    assert engine.probe() == "2probe"
    assert engine.probing
    assert engine.receive("3probe") == (PONG, "probe")
    assert not engine.probing
    with pytest.raises(ProtocolError, match="unexpected PONG"):
        engine.receive("3probe")


def test_another_answer_than_the_probe_is_a_protocol_error():
    engine = opened()
    engine.probe()
    with pytest.raises(ProtocolError, match="unexpected PONG"):
        engine.receive("3something")
    assert engine.probing


# -- compared with python-engineio


@pytest.mark.slow
@given(st.text() | st.builds("4{}".format, st.text()) | st.binary())
@example("4٣x")
@example("4²")
@example("4½")
@example("41e5")
@example('4{"a":1}')
@example("4null")
@example("4")
def test_an_open_session_reads_a_message_as_python_engineio_does(frame):
    engine = opened()
    try:
        expected = Packet(encoded_packet=frame)
    except ValueError:
        with pytest.raises(ProtocolError):
            engine.receive(frame)
        return
    if expected.packet_type == MESSAGE:
        kind, data = engine.receive(frame)
        assert kind == MESSAGE
        assert type(data) is type(expected.data)
        assert repr(data) == repr(expected.data)  # repr: nan is not equal to itself


@given(st.integers(0, 6), st.none() | st.text())
def test_packets_are_encoded_as_python_engineio_does(kind, data):
    assert encode(kind, data) == Packet(kind, data).encode()


@given(st.binary())
def test_a_binary_message_is_encoded_as_it_is(data):
    assert encode(MESSAGE, data) == data


@pytest.mark.slow
@given(st.integers(0, 6), packet_text.filter(lambda text: not text[0].isnumeric()))
def test_what_is_encoded_can_be_decoded(kind, text):
    packet = decode(encode(kind, text))
    assert packet.packet_type == kind
    # The reprs are compared, because NaN is not equal to itself.
    assert repr(packet.data) == repr(Packet(encoded_packet=f"{kind}{text}").data)


@pytest.mark.slow
@given(st.text() | st.binary() | st.builds(lambda data: "0" + json.dumps(data), anything_json))
def test_whatever_comes_first_is_a_handshake_or_a_protocol_error(frame):
    engine = EngineIO()
    try:
        engine.receive(frame)
        expected = State.OPEN
    except ProtocolError:
        expected = State.OPENING
    assert engine.state is expected


def test_every_kind_has_its_name_and_others_their_number():
    kinds = (OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP)
    names = ["OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP"]
    assert [packet_name(kind) for kind in kinds] == names
    assert packet_name(7) == "7"


# -- payloads


@pytest.mark.slow
@given(frames)
def test_a_payload_is_read_by_python_engineio_as_the_packets_that_went_in(sent):
    sent = [f"4{frame}" if isinstance(frame, str) else frame for frame in sent]
    for batch in batches(sent, None):
        read = Payload(encoded_payload=encode_payload(batch).decode()).packets
        expected = [Packet(encoded_packet=frame) for frame in batch]
        assert [(p.packet_type, p.binary) for p in read] == [
            (p.packet_type, p.binary) for p in expected
        ]
        assert repr([p.data for p in read]) == repr([p.data for p in expected])


@given(st.lists(packet_text, max_size=40))
def test_what_is_joined_is_split_again_however_many_packets_it_has(sent):
    assert split_payload(encode_payload(sent)) == sent


@pytest.mark.slow
@given(st.lists(packet_text | st.binary(), max_size=16))
def test_a_payload_of_the_server_is_split_into_its_packets(sent):
    packets = [Packet(MESSAGE, data) for data in sent]
    body = Payload(packets=packets).encode().encode()
    read = [decode(frame) for frame in split_payload(body)]
    assert [packet.binary for packet in read] == [packet.binary for packet in packets]
    expected = [Packet(encoded_packet=p.encode(b64=True)) for p in packets]
    assert repr([p.data for p in read]) == repr([p.data for p in expected])


def test_an_empty_body_holds_no_packets():
    assert split_payload(b"") == []
    assert encode_payload([]) == b""


def test_binary_packets_travel_in_base64():
    assert encode_payload(["4a", b"\x00\x01", "2"]) == b"4a\x1ebAAE=\x1e2"


@pytest.mark.parametrize(
    ("body", "frames"),
    [
        (b"bAAE=", [b"\x00\x01"]),
        (b"4a\x1ebAAE=\x1e2", ["4a", b"\x00\x01", "2"]),
        (b"b", [b""]),
        (b"bA\x1e4a", ["bA", "4a"]),
        (b"4\xc3\xa9\x1ebAAE=", ["4é", "bAAE="]),
        (b"b\xff", ["b\ufffd"]),
        (b"4a\x1e", ["4a", ""]),
    ],
    ids=str,
)
def test_binary_packets_come_as_over_a_websocket_where_they_can_be_read(body, frames):
    assert split_payload(body) == frames


# -- batches


@pytest.mark.slow
@given(frames, st.none() | st.integers(0, 200))
def test_batches_lose_nothing_keep_the_order_and_fit(sent, max_payload):
    cut = [list(batch) for batch in batches(sent, max_payload)]
    assert [frame for batch in cut for frame in batch] == sent
    for batch in cut:
        assert 1 <= len(batch) <= Payload.max_decode_packets
        size = len(encode_payload(batch))
        assert max_payload is None or size <= max_payload or len(batch) == 1


@pytest.mark.slow
@given(frames, st.integers(0, 200))
def test_no_batch_could_have_taken_the_next_packet(sent, max_payload):
    cut = [list(batch) for batch in batches(sent, max_payload)]
    for batch, following in itertools.pairwise(cut):
        more = [*batch, following[0]]
        assert len(more) > Payload.max_decode_packets or len(encode_payload(more)) > max_payload


def test_sixteen_packets_are_one_post_and_the_seventeenth_begins_the_next():
    assert [len(batch) for batch in batches(["2"] * 33, None)] == [16, 16, 1]


def test_nothing_to_send_is_no_batch():
    assert list(batches([], None)) == []


@pytest.mark.parametrize(
    "frame", ["é", b"\x00", b"\x00" * 6, b"\x00" * 7], ids=["text in UTF-8", "base64", "6", "7"]
)
def test_a_payload_is_measured_in_bytes_as_they_travel(frame):
    size = len(encode_payload([frame, frame]))
    assert len(list(batches([frame, frame], size))) == 1
    assert len(list(batches([frame, frame], size - 1))) == 2


def test_a_packet_that_is_too_large_goes_alone():
    cut = [list(batch) for batch in batches(["4a", "4" + "x" * 100, "4b"], 10)]
    assert cut == [["4a"], ["4" + "x" * 100], ["4b"]]
