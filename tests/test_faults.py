"""`Schedule` and `Wire` alone: the decisions of a seed, and the effects on messages."""

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from asgi_sio_testclient.faults import Fate, Fault, Schedule, Wire, carries_event, is_message

FATES = ("lose", "duplicate", "reorder", "delay")


class Clock:
    """A clock whose timers the test runs."""

    def __init__(self):
        self.due = []

    def call_later(self, seconds, callback):
        timer = Timer(self, seconds, callback)
        self.due.append(timer)
        return timer

    def pass_by(self):
        for timer in list(self.due):
            self.due.remove(timer)
            timer.callback()


class Timer:
    def __init__(self, clock, seconds, callback):
        self.clock, self.seconds, self.callback = clock, seconds, callback

    def cancel(self):
        if self in self.clock.due:
            self.clock.due.remove(self)


class Line:
    """A wire with a scripted schedule: the word before the colon of a message is its fate."""

    def __init__(self):
        self.arrived = []
        self.clock = Clock()
        self.schedule = Schedule(1, hold=0.5)
        self.schedule.decide = lambda direction, frame: Fate[frame.split(":")[0].upper()]
        self.wire = Wire(self.schedule, "sent", self.take, self.clock.call_later)

    def take(self, frame):
        self.arrived.append(frame.split(":")[1])

    def carry(self, *frames):
        for frame in frames:
            self.wire.carry(frame)
        return self.arrived


@pytest.fixture
def line():
    return Line()


def test_pass_lose_duplicate(line):
    assert line.carry("pass:1", "lose:2", "duplicate:3", "pass:4") == ["1", "3", "3", "4"]
    assert not line.wire.holding


def test_overtaken_by_the_next(line):
    assert line.carry("reorder:1") == []
    assert line.wire.holding
    assert line.carry("pass:2") == ["2", "1"]
    assert not line.wire.holding
    assert line.clock.due == []


def test_two_in_a_row_are_overtaken_by_the_next(line):
    assert line.carry("reorder:1", "reorder:2", "pass:3") == ["3", "1", "2"]


def test_a_lost_one_overtakes_nobody(line):
    assert line.carry("reorder:1", "lose:2") == []
    assert line.wire.holding
    assert line.carry("pass:3") == ["3", "1"]


def test_a_message_that_no_other_one_overtakes(line):
    line.carry("reorder:1")
    assert [timer.seconds for timer in line.clock.due] == [0.5]
    line.clock.pass_by()
    assert line.arrived == ["1"]
    assert not line.wire.holding


def test_late_with_all_that_follows(line):
    assert line.carry("delay:1", "pass:2", "lose:3", "delay:4", "duplicate:5") == []
    assert len(line.clock.due) == 1
    line.clock.pass_by()
    assert line.arrived == ["1", "2", "4", "5", "5"]
    assert not line.wire.holding


def test_overtaken_in_a_line_that_is_late(line):
    line.carry("delay:1", "reorder:2", "pass:3", "reorder:4")
    line.clock.pass_by()
    assert line.arrived == ["1", "3", "2", "4"]


def test_flush(line):
    line.carry("delay:1", "pass:2")
    line.wire.flush()
    assert line.arrived == ["1", "2"]
    assert line.clock.due == []
    assert line.carry("pass:3") == ["1", "2", "3"]


def test_cut(line):
    line.carry("delay:1", "reorder:2")
    line.wire.cut()
    assert line.clock.due == []
    assert line.carry("pass:3") == ["3"]


# -- the decisions of a seed

chances = st.fixed_dictionaries({name: st.floats(0, 0.25) for name in FATES})
frames = st.lists(st.text("abc", max_size=3).map(lambda text: f'42["{text}"]'), max_size=30)


def through(schedule, messages, direction="sent"):
    arrived, clock = [], Clock()
    wire = Wire(schedule, direction, arrived.append, clock.call_later)
    for message in messages:
        wire.carry(message)
    wire.flush()
    return arrived


@pytest.mark.slow
@given(st.integers(), chances, frames)
def test_the_same_seed_does_the_same(seed, probabilities, messages):
    one, two = Schedule(seed, **probabilities), Schedule(seed, **probabilities)
    assert through(one, messages) == through(two, messages)
    assert one.faults == two.faults


@pytest.mark.slow
@given(st.integers(), chances, frames)
def test_a_direction_knows_nothing_of_the_other(seed, probabilities, messages):
    one, two = Schedule(seed, **probabilities), Schedule(seed, **probabilities)
    through(two, messages, "received")
    assert through(one, messages) == through(two, messages)


@pytest.mark.slow
@given(st.integers(), chances, frames)
def test_what_arrives_is_what_was_sent_but_for_the_faults(seed, probabilities, messages):
    schedule = Schedule(seed, **probabilities)
    arrived = Counter(through(schedule, messages))
    for fault in schedule.faults:
        arrived[fault.frame] += {Fate.LOSE: 1, Fate.DUPLICATE: -1}.get(fault.fate, 0)
    assert arrived == Counter(messages)


@given(st.integers(), st.floats(0, 1), frames)
def test_a_delay_keeps_the_order(seed, delay, messages):
    assert through(Schedule(seed, delay=delay), messages) == messages


def test_each_fate_comes_as_often_as_it_is_asked_for():
    schedule = Schedule(3, lose=0.1, duplicate=0.2, reorder=0.3, delay=0.05)
    for _ in range(4000):
        schedule.decide("sent", "42[]")
    count = Counter(fault.fate.name.lower() for fault in schedule.faults)
    assert count["lose"] == pytest.approx(400, abs=80)
    assert count["duplicate"] == pytest.approx(800, abs=80)
    assert count["reorder"] == pytest.approx(1200, abs=80)
    assert count["delay"] == pytest.approx(200, abs=80)


def test_directions():
    schedule = Schedule(1, lose=1, directions=["received"])
    assert schedule.decide("sent", "42[]") is Fate.PASS
    assert schedule.decide("received", "42[]") is Fate.LOSE


@pytest.mark.parametrize(
    ("frame", "message", "event"),
    [
        ('42["a"]', True, True),
        ("43/chat,1[]", True, True),
        ("40", True, False),
        ('451-["a",{"_placeholder":true,"num":0}]', True, False),
        (b"4", True, False),
        ("2", False, False),
        ("", False, False),
    ],
)
def test_which_frames(frame, message, event):
    assert is_message(frame) is message
    assert carries_event(frame) is event
    assert (Schedule(1, lose=1).decide("sent", frame) is Fate.LOSE) is event
    assert (
        Schedule(1, lose=1, applies_to=is_message).decide("sent", frame) is Fate.LOSE
    ) is message


def test_what_it_says():
    schedule = Schedule(7, lose=1, applies_to=is_message)
    schedule.decide("sent", '42["a"]')
    schedule.decide("received", b"\x01\x02")
    schedule.decide("received", "4" + "x" * 100)
    assert schedule.faults[0] == Fault("sent", Fate.LOSE, '42["a"]')
    assert str(schedule).splitlines() == [
        "seed 7, 3 faults",
        '  sent     lost      42["a"]',
        "  received lost      01 02",
        f"  received lost      4{'x' * 59}...",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"lose": -0.1},
        {"lose": 0.6, "delay": 0.6},
        {"hold": 0},
        {"directions": ["upwards"]},
    ],
)
def test_wrong_arguments(wrong):
    with pytest.raises(ValueError, match=r"expected|probabilities"):
        Schedule(1, **wrong)


@pytest.mark.parametrize(
    "frames", [("delay:1", "pass:2", "pass:3"), ("reorder:2", "reorder:3", "pass:1")]
)
def test_a_wire_holds_something_until_the_last_message_is_delivered(frames):
    holding = []

    class Asking(Line):
        def take(self, frame):
            super().take(frame)
            holding.append(self.wire.holding)

    line = Asking()
    line.carry(*frames)
    line.clock.pass_by()
    assert line.arrived == ["1", "2", "3"]
    assert holding == [True, True, False]
