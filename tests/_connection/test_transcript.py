"""The transcript describes every packet, also malformed ones."""

import asyncio
import time

import pytest
import socketio
from hypothesis import given, strategies as st
from socketio.packet import Packet

from asgi_sio_testclient._connection.transcript import MAX_PACKETS, Transcript
from asgi_sio_testclient._connection.transcript_entry import (
    RECEIVED,
    SENT,
    TranscriptEntry,
    shorten,
)
from asgi_sio_testclient._server.instrumentation import instrument, restore
from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._waiting.services import LoopServices

PLACEHOLDER = '{"_placeholder":true,"num":0}'


class Recording:
    """A transcript with the methods that a session calls."""

    def __init__(self, name="client1", others=()):
        self.all = [*others, self]
        self.transcript = Transcript(Packet, name, lambda: [one.transcript for one in self.all])
        self.transcript.begin()

    def note(self, direction, *frames, at=None, transport="websocket"):
        when = time.perf_counter() if at is None else at
        for frame in frames:
            self.transcript.note((when, direction, transport, frame))
        return self

    def sent(self, *frames, **options):
        return self.note(SENT, *frames, **options)

    def received(self, *frames, **options):
        return self.note(RECEIVED, *frames, **options)


def only(frame, direction=RECEIVED):
    [entry] = Recording().note(direction, frame).transcript
    return entry


@pytest.fixture
async def instrumentation():
    """The instrumentation of a server with a handler for "e"."""
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.on("e")
    async def handler(sid):
        """Never called: the test notes runs of this handler itself."""

    current = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    yield current
    assert restore(current) == []


# -- entries


@pytest.mark.parametrize(
    ("frame", "kind", "args"),
    [
        ("0{}", "OPEN", ({},)),
        ('0{"sid":"x"}', "OPEN", ({"sid": "x"},)),
        ("1", "CLOSE", ()),
        ("2", "PING", ()),
        ("2probe", "PING", ("probe",)),
        ("3", "PONG", ()),
        ("5", "UPGRADE", ()),
        ("6", "NOOP", ()),
        ("", "MALFORMED", ("",)),
        ("x", "MALFORMED", ("x",)),
        ("7", "MALFORMED", ("7",)),
    ],
)
def test_an_engineio_packet(frame, kind, args):
    entry = only(frame)
    assert (entry.engineio_type, entry.args, entry.frame) == (kind, args, frame)
    assert (entry.socketio_type, entry.namespace, entry.event) == (None, None, None)
    assert (entry.direction, entry.transport) == (RECEIVED, "websocket")


@pytest.mark.parametrize(
    ("frame", "kind", "namespace", "event", "args", "id"),
    [
        ("40", "CONNECT", "/", None, (), None),
        ('40/chat,{"sid":"x"}', "CONNECT", "/chat", None, ({"sid": "x"},), None),
        ("41/chat,", "DISCONNECT", "/chat", None, (), None),
        ('42["e"]', "EVENT", "/", "e", (), None),
        ('42/chat,7["e",1,[2]]', "EVENT", "/chat", "e", (1, [2]), 7),
        ("437[]", "ACK", "/", None, (), 7),
        ("437[1,2]", "ACK", "/", None, (1, 2), 7),
        ('44{"message":"no"}', "CONNECT_ERROR", "/", None, ({"message": "no"},), None),
        ('42{"a":1}', "EVENT", "/", None, ({"a": 1},), None),
        ("42[]", "MALFORMED", None, None, ("2[]",), None),
        ("4x", "MALFORMED", None, None, ("x",), None),
        (b"\x01", "MALFORMED", None, None, (b"\x01",), None),
    ],
)
def test_a_socketio_packet(frame, kind, namespace, event, args, id):
    entry = only(frame)
    assert (entry.engineio_type, entry.socketio_type) == ("MESSAGE", kind)
    assert (entry.namespace, entry.event, entry.args, entry.id) == (namespace, event, args, id)
    assert entry.frame == frame


@pytest.mark.parametrize("part", [b"\x01", "bAQ=="], ids=["binary", "base64"])
def test_attachments_are_put_into_their_event_and_stand_below_it(part):
    recording = Recording().received(f'451-["e",{PLACEHOLDER}]', part, '42["next"]')
    event, attachment, following = recording.transcript
    assert (event.socketio_type, event.event, event.attachments) == ("BINARY_EVENT", "e", 1)
    assert event.args == (b"\x01",)
    assert (attachment.socketio_type, attachment.args) == ("ATTACHMENT", (b"\x01",))
    assert following.event == "next"


def test_attachments_of_both_directions_do_not_mix():
    recording = Recording()
    recording.sent(f'451-["out",{PLACEHOLDER}]').received(f'451-["in",{PLACEHOLDER}]')
    recording.received(b"in").sent(b"out")
    out, into, *parts = recording.transcript
    assert (out.args, into.args) == ((b"out",), (b"in",))
    assert [part.socketio_type for part in parts] == ["ATTACHMENT", "ATTACHMENT"]


@pytest.mark.parametrize(
    "following", [[], ['42["next"]'], ['42["next"]', b"late"], ["no packet", b"late"]]
)
def test_an_event_whose_attachments_are_missing_shows_their_places(following):
    event = Recording().received(f'451-["e",{PLACEHOLDER}]', *following).transcript[0]
    assert event.args == ({"_placeholder": True, "num": 0},)


def test_the_time_is_counted_from_the_first_connect():
    recording = Recording()
    recording.transcript.begin()
    began = time.perf_counter()
    recording.sent("2", at=began + 1).sent("2", at=began + 2)
    first, second = recording.transcript
    assert 1 <= first.time < 2
    assert second.time - first.time == pytest.approx(1)


def test_an_entry_is_a_value():
    assert only("2") != only("6")
    assert TranscriptEntry(1.0, SENT, "polling", "PING") == TranscriptEntry(
        1.0, SENT, "polling", "PING"
    )


# -- handlers


async def test_an_event_knows_the_run_of_its_handler(instrumentation):
    recording = Recording()
    run = HandlerRun(instrumentation.handlers, None, "e", "/", "sid", 7)
    recording.transcript.note(run)
    recording.sent('427["e"]', '427["e"]', '42["e"]').received('427["e"]')
    assert [entry.handler for entry in recording.transcript] == [run, None, None, None]
    assert recording.transcript.handlers == [run]
    assert "handler:" not in str(recording.transcript[0]), "it has not ended"
    run.started = 5.0
    run.ended = run.started + 0.0015
    assert str(recording.transcript[0]).endswith("handler: 1.50 ms]")


async def test_a_run_without_a_handler_of_the_app_is_not_shown(instrumentation):
    recording = Recording()
    recording.transcript.note(
        HandlerRun(instrumentation.handlers, None, "connect", "/", "sid", None)
    )
    recording.sent("40")
    assert recording.transcript[0].handler is None


# -- the transcript as a sequence


def test_the_transcript_is_a_sequence():
    transcript = Recording().sent("2", "6").received('42["e"]').transcript
    assert len(transcript) == 3
    assert [entry.engineio_type for entry in transcript] == ["PING", "NOOP", "MESSAGE"]
    assert transcript[0].engineio_type == "PING"
    assert transcript[-1].event == "e"
    assert [entry.engineio_type for entry in transcript[:2]] == ["PING", "NOOP"]
    assert transcript[1] == list(transcript)[1]
    with pytest.raises(IndexError):
        transcript[3]


def test_an_empty_one_says_so():
    transcript = Recording().transcript
    assert not transcript
    assert transcript.dropped == 0
    assert str(transcript) == "(no packets)"
    assert transcript.tail(3) == []
    assert repr(transcript) == "<Transcript of client1: 0 packets>"


def test_before_the_first_connect_its_clock_stands_at_the_process_one():
    transcript = Transcript(Packet, "client1", list)
    transcript.note((5.0, SENT, "websocket", "2"))
    assert transcript[0].time == 5.0


def test_without_a_client_its_address_is_the_one_by_default(tmp_path):
    transcript = Transcript(Packet, "client1", list)
    transcript.note((5.0, SENT, "websocket", "2"))
    text = transcript.to_har(tmp_path / "session.har").read_text(encoding="utf-8")
    assert "ws://testserver/socket.io/?EIO=4&transport=websocket" in text


@pytest.mark.slow
def test_the_last_ten_thousand_packets_are_kept():
    recording = Recording().sent(*["2"] * (MAX_PACKETS + 3))
    assert len(recording.transcript) == MAX_PACKETS
    assert recording.transcript.dropped == 3
    assert str(recording.transcript).startswith("(3 older packets were dropped)\n")


@pytest.mark.slow
async def test_an_entry_read_alone_is_the_same_as_among_all(instrumentation):
    recording = Recording()
    for number in range(300):
        run = HandlerRun(instrumentation.handlers, None, "e", "/", "sid", number)
        recording.sent(f'42{number}["e"]')
        recording.transcript.note(run)
        recording.received(f'451-["e",{PLACEHOLDER}]', b"x")
    entries = list(recording.transcript)
    for index in (0, 450, 700, 898, 899, -1):
        assert recording.transcript[index] == entries[index]
        assert recording.transcript[index].handler is entries[index].handler
    assert recording.transcript.tail(2) == [str(entry) for entry in entries[-2:]]


def test_events_that_arrived_are_counted():
    transcript = (
        Recording().received('42["e"]', '42/chat,["e"]', '42["f"]').sent('42["e"]').transcript
    )
    assert transcript.count_received("e", "/") == 1
    assert transcript.count_received("e", "*") == 2
    assert transcript.count_received("g", "*") == 0


anything = st.text(max_size=6) | st.binary(max_size=3) | st.sampled_from(
    ['42["e"]', "42[]", "451-[]", "452-[1]", f'451-["e",{PLACEHOLDER}]', "40", "b", "4", "bAQ=="]
)  # fmt: skip


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from([SENT, RECEIVED]), anything), max_size=8))
def test_whatever_travelled_can_be_read_and_shown(frames):
    recording = Recording()
    for direction, frame in frames:
        recording.note(direction, frame)
    assert [entry.frame for entry in recording.transcript] == [frame for _, frame in frames]
    assert len(str(recording.transcript).splitlines()) >= bool(frames)
    assert recording.transcript.to_mermaid().startswith("sequenceDiagram")


# -- text


@pytest.mark.parametrize(
    ("direction", "frame", "label"),
    [
        (SENT, "2probe", 'PING "probe"'),
        (SENT, '40/chat,{"token":"secret"}', "CONNECT /chat ***"),
        (RECEIVED, '40{"sid":"x"}', 'CONNECT {"sid": "x"}'),
        (SENT, '42/chat,7["e","é"]', "EVENT /chat #7 'e' \"é\""),
        (RECEIVED, "430[1,null]", "ACK #0 1 null"),
        (RECEIVED, '451-["e",5]', "BINARY_EVENT 'e' (1 attachment) 5"),
        (RECEIVED, '452-["e"]', "BINARY_EVENT 'e' (2 attachments)"),
        (RECEIVED, "", 'MALFORMED ""'),
    ],
)  # fmt: skip
def test_a_label_is_for_people(direction, frame, label):
    assert only(frame, direction).label == label


def test_a_line_fits_a_terminal():
    recording = Recording().sent('42["e",' + ",".join(["12345678901234567890"] * 20) + "]")
    [line] = str(recording.transcript).splitlines()
    assert len(line) == 100
    assert line.endswith("...")
    assert " ms -> websocket EVENT 'e' 12345678901234567890" in line
    received = Recording().received("2", transport="polling")
    assert str(received.transcript).endswith(" ms <- polling   PING")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", '"é"'),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        (b"abc", "<3 bytes>"),
        (bytearray(b"abc"), "<3 bytes>"),
        ({1, 2}, "{1, 2}"),
        ([b"abc"], "[b'abc']"),
        ("x" * 100, '"' + "x" * 56 + "..."),
        ("x" * 58, '"' + "x" * 58 + '"'),
    ],
)
def test_values_are_shortened_for_people(value, text):
    assert shorten(value) == text


def test_a_circle_is_shown_by_its_repr():
    circle = []
    circle.append(circle)
    assert shorten(circle) == "[[...]]"


def test_a_diagram_has_all_clients_of_the_app_in_the_order_of_time():
    began = time.perf_counter()
    other = Recording("client2").received('42["b"]', at=began + 2)
    recording = Recording("client1", [other]).sent('42["a;#"]', at=began + 1)
    recording.received("2", at=began + 3)
    assert recording.transcript.to_mermaid().splitlines() == [
        "sequenceDiagram",
        "    participant client2",
        "    participant client1",
        "    participant server",
        "    client1->>server: EVENT 'a#59;#35;'",
        "    server->>client2: EVENT 'b'",
        "    server->>client1: PING",
    ]


def test_a_transcript_without_others_draws_itself():
    transcript = Transcript(Packet, "client1", list)
    assert transcript.to_mermaid().splitlines()[1] == "    participant client1"


# -- packets that errors show


async def test_when_packets_of_a_kind_came_or_went():
    recording = Recording()
    transcript, start = recording.transcript, time.perf_counter()
    assert (transcript.last_sent(), transcript.last_received("e", "/")) == (0.0, 0.0)
    assert transcript.connected_since() == {}
    recording.sent("40", at=start + 1).sent("40/chat,", at=start + 2)
    recording.received('40{"sid":"a"}', at=start + 3).received('40/chat,{"sid":"b"}', at=start + 4)
    recording.sent("40/refused,", at=start + 5)
    recording.received('44/refused,{"message":"no"}', at=start + 6)
    recording.received('42["e"]', at=start + 7).received('42/chat,["e"]', at=start + 8)
    recording.received('42["other"]', at=start + 9).sent('42["e"]', at=start + 10)
    assert transcript.connected_since() == {
        "/": pytest.approx(start + 3),
        "/chat": pytest.approx(start + 4),
    }
    assert transcript.last_sent() == start + 10
    assert transcript.last_received("e", "/") == pytest.approx(start + 7)
    assert transcript.last_received("e", "*") == pytest.approx(start + 8)
    assert [transcript.count_received("e", where) for where in ("/", "/chat", "*")] == [1, 1, 2]
    assert transcript.sizes_sent(3) == [7]
    assert transcript.sizes_sent(100) == [2, 8, 11, 7]


async def test_a_trace_has_the_clients_name_or_a_title():
    transcript = Recording().sent('42["e"]').transcript
    assert transcript.to_trace().title == "Socket.IO trace of client1"
    assert transcript.to_trace(title="An order").title == "An order"
