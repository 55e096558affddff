"""A disturbed link: both directions of a connection with one schedule."""

import pytest

from asgi_sio_testclient._connection.link import DisturbedLink
from asgi_sio_testclient.faults import Schedule

EVENTS = ['42["a"]', '42["b"]', '42["c"]']
PING = "2"


class Timer:
    """The handle of ``call_later``; the test calls its function."""

    def __init__(self, seconds, call):
        self.seconds = seconds
        self.call = call
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class Ends:
    """A link, with the messages that arrived at each of its ends.

    Attributes:
        timers: one for each call of ``call_later``.
    """

    def __init__(self, **chances):
        self.at_transport, self.at_session, self.timers = [], [], []
        self.link = DisturbedLink(
            Schedule(0, **chances),
            self.at_transport.append,
            self.at_session.append,
            self.call_later,
        )

    def call_later(self, seconds, call):
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def send(self, *frames):
        for frame in frames:
            self.link.send(frame)


def test_without_faults_all_passes_at_once():
    ends = Ends()
    ends.send(*EVENTS)
    ends.link.receive(EVENTS[0])
    assert ends.at_transport == EVENTS
    assert ends.at_session == EVENTS[:1]
    assert not ends.link.holding
    assert not ends.timers


@pytest.mark.parametrize(
    ("chances", "arrived"), [({"lose": 1}, []), ({"duplicate": 1}, EVENTS[:1] * 2)]
)
def test_a_message_is_lost_or_doubled_and_a_heartbeat_passes(chances, arrived):
    ends = Ends(**chances)
    ends.send(EVENTS[0], PING)
    ends.link.receive(EVENTS[0])
    assert ends.at_transport == [*arrived, PING]
    assert ends.at_session == arrived


def test_a_late_message_arrives_after_its_time_and_what_follows_it_behind_it():
    ends = Ends(delay=1, hold=0.5)
    ends.send(*EVENTS)
    assert ends.link.holding
    (timer,) = ends.timers
    assert timer.seconds == 0.5
    assert ends.at_transport == []
    timer.call()
    assert ends.at_transport == EVENTS
    assert not ends.link.holding


def test_only_one_direction_may_be_late():
    ends = Ends(delay=1, directions=["received"])
    ends.send(EVENTS[0])
    ends.link.receive(EVENTS[1])
    assert ends.at_transport == EVENTS[:1]
    assert ends.at_session == []
    assert ends.link.holding


def test_a_message_is_overtaken_by_the_next_that_passes():
    ends = Ends(reorder=1)
    ends.send(EVENTS[0], PING)
    assert ends.at_transport == [PING, EVENTS[0]]
    assert ends.timers[0].cancelled
    assert not ends.link.holding


def test_flush_delivers_what_is_held_back():
    ends = Ends(delay=1)
    ends.send(EVENTS[0])
    ends.link.receive(EVENTS[1])
    ends.link.flush()
    assert ends.at_transport == EVENTS[:1]
    assert ends.at_session == EVENTS[1:2]
    assert all(timer.cancelled for timer in ends.timers)
    assert not ends.link.holding


def test_after_abort_nothing_arrives():
    ends = Ends(delay=1)
    ends.send(EVENTS[0])
    ends.link.receive(EVENTS[1])
    ends.link.abort()
    ends.link.flush()
    assert ends.at_transport == ends.at_session == []
    assert all(timer.cancelled for timer in ends.timers)
