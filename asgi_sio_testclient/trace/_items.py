"""The data of a trace: lanes, and on them spans and marks, joined by arrows."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "Arrow",
    "Item",
    "Lane",
    "Mark",
    "Path_",
    "Problem",
    "Span",
    "TraceData",
    "started",
    "write",
]

__tracebackhide__ = True

Path_ = str | os.PathLike[str]


@dataclass(eq=False, slots=True)
class Lane:
    """One column of a trace.

    Attributes:
        title: what the column's head says.
        kind: "test", "client", "server", "handler", "http" or "schedule"; any other is drawn plain.
        detail: more about the lane, such as the handler's file and line.
    """

    title: str
    kind: str = ""
    detail: str = ""


@dataclass(eq=False, slots=True)
class Span:
    """Something that took time.

    Attributes:
        lane: where it is drawn.
        title: one line.
        start: seconds, of any clock that all items of the trace share.
        end: seconds; None where it had not ended when the trace was written.
        kind: "handler", "wait", "request" or "hold"; any other is drawn plain.
        failed: whether it is drawn as an error.
        detail: further lines, such as arguments or a traceback.
    """

    lane: Lane
    title: str
    start: float
    end: float | None = None
    kind: str = ""
    failed: bool = False
    detail: str = ""


@dataclass(eq=False, slots=True)
class Mark:
    """Something that happened at one moment.

    Attributes:
        lane: where it is drawn.
        title: one line.
        time: seconds.
        kind: "sent", "received", "emit", "error" or "assertion"; any other is drawn plain.
        failed: whether it is drawn as an error.
        detail: further lines.
        group: what the reader can hide together: "events", "acks", "connects", "heartbeat", ...
    """

    lane: Lane
    title: str
    time: float
    kind: str = ""
    failed: bool = False
    detail: str = ""
    group: str = ""


Item = Span | Mark


@dataclass(eq=False, slots=True)
class Arrow:
    """What one item led to.

    Attributes:
        source: the cause.
        target: the effect.
        inferred: whether the connection is inferred from the order in time, not known.
    """

    source: Item
    target: Item
    inferred: bool = False


@dataclass(eq=False, slots=True)
class Problem:
    """A line at the top of the page.

    Attributes:
        text: one line.
        item: where it happened.
    """

    text: str
    item: Item | None = None


@dataclass(eq=False, slots=True)
class TraceData:
    """What happened, as data. Fill it with the ``add_*`` methods, in any order.

    Attributes:
        title: for people, such as the test's name.
        outcome: "passed", "failed" or "".
        lanes: the columns, from left to right.
        spans: what took time.
        marks: what happened at one moment.
        arrows: what led to what.
        problems: what is shown first.
    """

    title: str = "Socket.IO trace"
    outcome: str = ""
    lanes: list[Lane] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def lane(self, title: str, kind: str = "", detail: str = "") -> Lane:
        """The lane of that title and kind; added where there is none."""
        for lane in self.lanes:
            if (lane.title, lane.kind) == (title, kind):
                return lane
        lane = Lane(title, kind, detail)
        self.lanes.append(lane)
        return lane

    def add_span(
        self,
        lane: Lane,
        title: str,
        start: float,
        end: float | None = None,
        *,
        kind: str = "",
        failed: bool = False,
        detail: str = "",
    ) -> Span:
        """Add a span, see `Span`, and return it."""
        span = Span(lane, title, start, end, kind, failed, detail)
        self.spans.append(span)
        return span

    def add_mark(
        self,
        lane: Lane,
        title: str,
        time: float,
        *,
        kind: str = "",
        failed: bool = False,
        detail: str = "",
        group: str = "",
    ) -> Mark:
        """Add a mark, see `Mark`, and return it."""
        mark = Mark(lane, title, time, kind, failed, detail, group)
        self.marks.append(mark)
        return mark

    def add_arrow(self, source: Item, target: Item, *, inferred: bool = False) -> Arrow:
        """Add an arrow, see `Arrow`, and return it."""
        arrow = Arrow(source, target, inferred)
        self.arrows.append(arrow)
        return arrow

    def add_problem(self, text: str, item: Item | None = None) -> Problem:
        """Add a line to the top of the page, and return it."""
        problem = Problem(text, item)
        self.problems.append(problem)
        return problem


def write(path: Path_, text: str) -> Path:
    """Write a file in UTF-8, with its folders, and return its path."""
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def started(item: Item) -> float:
    """When a span or a mark began, in seconds."""
    return item.start if isinstance(item, Span) else item.time
