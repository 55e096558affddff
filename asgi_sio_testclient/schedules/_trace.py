"""Compares two runs of a scenario without a schedule: if they differ, schedules have no meaning."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import FrameType
from typing import Any

from asgi_sio_testclient import TestClientError
from asgi_sio_testclient.schedules._frames import Frames, Owner, names_of, place, profiled

__all__ = ["ClockReads", "NotRepeatable", "compare"]

__tracebackhide__ = True

_RANDOM = {"urandom", "getrandbits"}
_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", *_RANDOM}
_OUTWARDS = 4  # frames from a clock's read to the line of the app: uuid4() reads os.urandom()
_SHOWN = 3  # reads that are shown


class NotRepeatable(TestClientError):
    """Raised when two runs under one schedule differ, or when the point of a hold is not reached.

    Attributes:
        step: the number of the first step that differs, from 0; None if a point was not reached.
        first: the step of the first run, in words.
        second: the step of the second run, in words.
        hint: what to do.
    """

    def __init__(self, step: int | None, first: str, second: str, hint: str = "") -> None:
        super().__init__(step, first, second)
        self.step = step
        self.first = first
        self.second = second
        self.hint = hint

    def __str__(self) -> str:
        if self.step is None:
            text = f"not repeatable: {self.first}; {self.second}"
        else:
            text = (
                f"not repeatable: two plain runs differ at step {self.step}: first {self.first}, "
                f"then {self.second}"
            )
        return f"{text}. {self.hint}" if self.hint else text


Step = tuple[Any, ...]


def compare(
    first: Sequence[Step], second: Sequence[Step], error: BaseException | None
) -> tuple[int, str, str] | None:
    """Return the first step in which two runs differ; None if the runs are equal.

    Args:
        first: the trace of the first run.
        second: the trace of the second run.
        error: the exception of the second run, or None.

    Returns:
        The number of the step, and both steps in words.
    """
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number, _words(one), _words(other)
    if len(first) == len(second) and error is None:
        return None
    number = min(len(first), len(second))
    ends = "the end" if error is None else f"{type(error).__name__}: {error}"
    before = _words(first[number]) if number < len(first) else "the end"
    after = _words(second[number]) if number < len(second) else ends
    return number, before, after


def _words(step: Step) -> str:
    kind, _, what = step
    if kind in {"arrives", "sends"}:
        return f"{what!r} {'arrives' if kind == 'arrives' else 'is sent'}"
    where = "the network" if what is None else "{} (`{}`)".format(*names_of(what))
    return f"a point ({kind}) at {where}"


class ClockReads:
    """Finds the lines of the app that read the real clock, or random bytes of the system."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._found: dict[str, str] = {}

    def noted(self) -> AbstractContextManager[None]:
        """Record reads within the block."""
        return profiled(self._note)

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and getattr(argument, "__name__", "") in _CLOCKS:
            self._note_line(frame, argument.__name__)

    def _note_line(self, frame: FrameType | None, name: str) -> None:
        for _ in range(_OUTWARDS):
            if frame is None:
                return
            if self._frames.owner(frame.f_code) is Owner.APP:
                where, source = names_of(place(frame))
                self._found[f"{where} reads {name}() (`{source}`)"] = name
                return
            frame = frame.f_back

    @property
    def kind(self) -> str:
        """What the app has read, in words."""
        random = [name in _RANDOM for name in self._found.values()]
        if all(random):
            return "Random bytes of the system"
        return "The real clock, or random bytes," if any(random) else "The real clock"

    def __str__(self) -> str:
        return "; ".join(list(self._found)[:_SHOWN])
