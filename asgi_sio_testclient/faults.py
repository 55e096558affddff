"""A bad network: messages are lost, duplicated, reordered or delayed, as decided by a seed.

A `Schedule` decides what happens to each message, and records its decisions. The same seed gives
the same decisions, message by message in each direction, so that a failing run can be repeated.

This module works on encoded packets, without a clock or a connection. A connection creates one
`Wire` for each direction, and sends its packets through them.
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
SHOWN = 60  # characters of a packet in a line of text


class Fate(enum.Enum):
    """What happens to a message."""

    PASS = "passed"  # noqa: S105 (no password)
    LOSE = "lost"
    DUPLICATE = "doubled"
    REORDER = "overtaken"
    DELAY = "late"


@dataclass(frozen=True)
class Fault:
    """One message that a schedule lost, duplicated, reordered or delayed.

    Attributes:
        direction: "sent" or "received", from the client's point of view.
        fate: what happened to the message.
        frame: the encoded Engine.IO packet.
    """

    direction: Direction
    fate: Fate
    frame: EncodedPacket

    def __str__(self) -> str:
        frame = self.frame if isinstance(self.frame, str) else self.frame.hex(" ")
        text = frame if len(frame) <= SHOWN else f"{frame[:SHOWN]}..."
        return f"{self.direction:8} {self.fate.value:9} {text}"


def is_message(frame: EncodedPacket) -> bool:
    """Return whether an Engine.IO packet is a MESSAGE, which all packets of Socket.IO are, with
    their attachments.
    """
    return not isinstance(frame, str) or frame.startswith("4")


def carries_event(frame: EncodedPacket) -> bool:
    """Return whether an Engine.IO packet is an event or ack of Socket.IO without attachments.

    If an attachment were lost, the packet would be malformed, which is another kind of fault.
    """
    return isinstance(frame, str) and frame.startswith(("42", "43"))


class Schedule:
    """Decides by a seed what happens to messages.

    Args:
        seed: any number; the same seed gives the same decisions.
        lose: the probability that a message never arrives.
        duplicate: the probability that a message arrives twice.
        reorder: the probability that a message arrives after the next message.
        delay: the probability that a message, and the messages after it, arrive `hold` seconds
            later.
        hold: the most seconds for which a message is held back. A reordered message is delivered
            after this time if no further message has come.
        directions: "sent", "received", or both.
        applies_to: returns whether faults may happen to an Engine.IO packet. The default is events
            and acks without attachments, so that connections still work. `is_message` is all
            packets of Socket.IO.

    Attributes:
        faults: the faults so far, in order.

    Raises:
        ValueError: a probability is below 0, or their sum is above 1; `hold` is not above 0; or a
            direction is unknown.
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
        # One generator for each direction: the order of the two directions differs from run to run.
        self._random = {name: random.Random(f"{seed}, {name}") for name in directions}  # noqa: S311

    def decide(self, direction: Direction, frame: EncodedPacket) -> Fate:
        """Return what happens to the next message in a direction, and record a fault."""
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
    """A timer, as ``loop.call_later`` returns one."""

    def cancel(self) -> None:
        """Cancel the call."""


class Wire:
    """One direction of a connection, on which a schedule decides what happens to messages.

    Args:
        schedule: decides what happens to each message.
        direction: "sent" or "received".
        deliver: called with each packet that arrives.
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
        """Whether a packet is held back and will still arrive."""
        return self._timer is not None or bool(self._line)

    def carry(self, frame: EncodedPacket) -> None:
        """Send a packet, which is delivered now, later, twice or never."""
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
        """Deliver all packets that are held back now."""
        self._stop_timer()
        overtaken, self._overtaken = self._overtaken, []
        self._line += overtaken
        self._deliver_line()

    def _deliver_line(self) -> None:
        # One packet at a time, so that `holding` is true until the last packet is delivered.
        while self._line:
            self._deliver(self._line.pop(0))

    def cut(self) -> None:
        """Drop all packets that are held back: the connection has ended."""
        self._stop_timer()
        self._line, self._overtaken = [], []

    def _set_timer(self) -> None:
        if self._timer is None:
            self._timer = self._call_later(self._schedule.hold, self.flush)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
