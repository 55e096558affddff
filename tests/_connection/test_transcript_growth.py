"""The cost of reading a transcript; the tests count the executed lines."""

import sys

import pytest
from socketio.packet import Packet

from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._connection.transcript_entry import RECEIVED, SENT


def steps(function):
    """Return the number of calls and lines of Python that a function executes."""
    counted = 0

    def traced(_frame, event, _argument):
        nonlocal counted
        counted += event in {"call", "line"}
        return traced

    before = sys.gettrace()
    sys.settrace(traced)
    try:
        function()
    finally:
        sys.settrace(before)
    return counted


def transcript(count):
    """Return a transcript of `count` events without a handler, each with an attachment
    and an ack.
    """
    kept = Transcript(Packet, "client", list)
    for number in range(count):
        time, id_ = float(number), number + 10_000  # the same number of digits in each
        kept.note((time, SENT, "websocket", f'451-{id_}["put",{{"_placeholder":true}}]'))
        kept.note((time, SENT, "websocket", b"attachment"))
        kept.note((time, RECEIVED, "websocket", f"43{id_}[]"))
    return kept


@pytest.mark.slow
def test_the_text_of_four_times_as_many_packets_costs_four_times_as_much():
    few, many = transcript(50), transcript(200)
    assert steps(lambda: str(many)) / steps(lambda: str(few)) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("position", [-1, -2, -3])
def test_the_last_packets_cost_the_same_however_many_there_are(position):
    few, many = transcript(400), transcript(1600)
    # The search over all notes executes no line of Python for each.
    more = steps(lambda: many[position]) - steps(lambda: few[position])
    assert more <= 20


@pytest.mark.slow
def test_a_received_packet_is_read_without_those_before_it():
    kept = transcript(400)
    assert steps(lambda: kept[-1]) * 20 < steps(lambda: kept[-2])
    assert kept[-1] == list(kept)[-1]
    assert kept[-2] == list(kept)[-2]
    assert kept[0] == next(iter(kept))
    with pytest.raises(IndexError):
        kept[-1201]


def test_a_transcript_keeps_as_many_packets_as_it_is_told():
    kept = Transcript(Packet, "client", list)
    kept.keep(3)
    for number in range(100):
        kept.note((float(number), SENT, "websocket", f"42[{number}]"))
    assert len(kept) <= 6
    assert [entry.frame for entry in kept][-1] == "42[99]"
