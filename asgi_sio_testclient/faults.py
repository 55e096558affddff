"""A bad network, on demand: messages that are lost, doubled, overtaken or late, by a seed.

A `Schedule` decides what happens to each message, and writes it down. The same seed decides the
same, message by message in each direction, so that a failing run can be run again.

This module works on encoded packets and has no clock and no connection: whoever
has one makes `Wire` objects of the schedule, one a direction, and sends through them.
"""

from __future__ import annotations

import enum
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from asgi_sio_testclient._protocol.names import EncodedPacket

__all__ = ["Direction", "Fate", "Fault", "Schedule", "Timer", "Wire", "carries_event", "is_message"]

__tracebackhide__ = True

Direction = Literal["sent", "received"]

DIRECTIONS: tuple[Direction, ...] = ("sent", "received")
SHOWN = 60  # characters of a frame in a line of text


class Fate(enum.Enum):
    """What happens to a message."""

    PASS = "passed"  # noqa: S105 (no password)
    LOSE = "lost"
    DUPLICATE = "doubled"
    REORDER = "overtaken"
    DELAY = "late"


@dataclass(frozen=True)
class Fault:
    """One thing that a schedule did.

    Attributes:
        direction: "sent" by the client, or "received" by it.
        fate: what happened.
        frame: to which Engine.IO packet, as it travels.
    """

    direction: Direction
    fate: Fate
    frame: EncodedPacket

    def __str__(self) -> str:
        frame = self.frame if isinstance(self.frame, str) else self.frame.hex(" ")
        text = frame if len(frame) <= SHOWN else f"{frame[:SHOWN]}..."
        return f"{self.direction:8} {self.fate.value:9} {text}"


def is_message(frame: EncodedPacket) -> bool:
    """Whether an Engine.IO packet is a MESSAGE: all that Socket.IO sends, attachments included."""
    return not isinstance(frame, str) or frame.startswith("4")


def carries_event(frame: EncodedPacket) -> bool:
    """Whether an Engine.IO packet is a whole event or ack of Socket.IO's: one without attachments.

    A packet whose attachments don't follow is a malformed one, which is another kind of fault.
    """
    return isinstance(frame, str) and frame.startswith(("42", "43"))


class Schedule:
    """What happens to messages, decided by a seed.

    Args:
        seed: any number; the same one decides the same.
        lose: probability that a message never arrives.
        duplicate: probability that it arrives twice.
        reorder: probability that the next one arrives before it.
        delay: probability that it, and what follows it, arrives `hold` seconds later.
        hold: seconds that a message is held back at the most; a message that is to be overtaken by
            the next goes on alone when none came until then.
        directions: "sent", "received", or both.
        applies_to: which Engine.IO packets; events and acks without attachments by default, so that
            connections can be made and kept. `is_message` is all of Socket.IO.

    Attributes:
        faults: what it did so far, in order.

    Raises:
        ValueError: probabilities below 0, or above 1 together, or a `hold` that is not above 0.
    """

    def __init__(
        self,
        seed: int,
        *,
        lose: float = 0.0,
        duplicate: float = 0.0,
        reorder: float = 0.0,
        delay: float = 0.0,
        hold: float = 0.01,
        directions: Sequence[Direction] = DIRECTIONS,
        applies_to: Callable[[EncodedPacket], bool] = carries_event,
    ) -> None:
        chances = {
            Fate.LOSE: lose,
            Fate.DUPLICATE: duplicate,
            Fate.REORDER: reorder,
            Fate.DELAY: delay,
        }
        if min(chances.values()) < 0 or sum(chances.values()) > 1:
            raise ValueError("probabilities are at least 0, and at most 1 together")
        if hold <= 0:
            raise ValueError(f"hold is {hold}; expected seconds above 0")
        if not set(directions) <= set(DIRECTIONS):
            raise ValueError(f"directions are {directions!r}; expected some of {DIRECTIONS}")
        self.seed = seed
        self.hold = hold
        self.faults: list[Fault] = []
        self._fates = [*chances, Fate.PASS]
        self._weights = [*chances.values(), 1 - sum(chances.values())]
        self._applies_to = applies_to
        # One a direction: how the two take turns differs from run to run.
        self._random = {name: random.Random(f"{seed}, {name}") for name in directions}  # noqa: S311

    def decide(self, direction: Direction, frame: EncodedPacket) -> Fate:
        """What happens to the next message in that direction; a fault is written down."""
        generator = self._random.get(direction)
        if generator is None or not self._applies_to(frame):
            return Fate.PASS
        (fate,) = generator.choices(self._fates, self._weights)
        if fate is not Fate.PASS:
            self.faults.append(Fault(direction, fate, frame))
        return fate

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {len(self.faults)} faults"]
        return "\n".join([*lines, *(f"  {fault}" for fault in self.faults)])


class Timer(Protocol):
    """What ``loop.call_later`` returns."""

    def cancel(self) -> None:
        """It is not to be called any more."""


class Wire:
    """One direction of a connection, with a schedule on it.

    Args:
        schedule: decides.
        direction: which way.
        deliver: takes what arrives at the other end.
        call_later: ``loop.call_later``.
    """

    def __init__(
        self,
        schedule: Schedule,
        direction: Direction,
        deliver: Callable[[EncodedPacket], None],
        call_later: Callable[[float, Callable[[], None]], Timer],
    ) -> None:
        self._schedule = schedule
        self._direction = direction
        self._deliver = deliver
        self._call_later = call_later
        self._overtaken: list[EncodedPacket] = []
        self._line: list[EncodedPacket] = []
        self._timer: Timer | None = None

    @property
    def holding(self) -> bool:
        """Whether something is under way that is still to arrive."""
        return self._timer is not None or bool(self._line)

    def carry(self, frame: EncodedPacket) -> None:
        """Send a frame: it is delivered now, later, twice or never."""
        fate = self._schedule.decide(self._direction, frame)
        if fate is Fate.REORDER:
            self._overtaken.append(frame)
            self._set_timer()
            return
        if fate is Fate.DELAY:
            self._set_timer()
        late = fate is Fate.DELAY or bool(self._line)
        if fate is Fate.LOSE:
            return
        passing = [frame, frame] if fate is Fate.DUPLICATE else [frame]
        overtaken, self._overtaken = self._overtaken, []
        self._line += [*passing, *overtaken]
        if not late:
            self._stop_timer()
            self._deliver_line()

    def flush(self) -> None:
        """Deliver at once what is held back."""
        self._stop_timer()
        overtaken, self._overtaken = self._overtaken, []
        self._line += overtaken
        self._deliver_line()

    def _deliver_line(self) -> None:
        # One at a time: until the last is delivered the wire holds something, and whoever asks in
        # between has to wait for it.
        while self._line:
            self._deliver(self._line.pop(0))

    def cut(self) -> None:
        """The connection is over: what is held back never arrives."""
        self._stop_timer()
        self._line, self._overtaken = [], []

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(self._schedule.hold, self.flush)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
