"""The data of a trace: lanes, and on them spans and marks, joined by arrows."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "Arrow",
    "Item",
    "Lane",
    "Mark",
    "Problem",
    "Span",
    "TraceData",
    "started",
]

__tracebackhide__ = True


@dataclass(eq=False, slots=True)
class Lane:
    """One column of a trace.

    Attributes:
        title: the heading of the column.
        kind: "test", "client", "server", "handler", "http" or "schedule"; other kinds have no
            colour.
        detail: more about the lane, such as the handler's file and line.
    """

    title: str
    kind: str = ""
    detail: str = ""


@dataclass(eq=False, slots=True)
class Span:
    """An item with a duration.

    Attributes:
        lane: the lane of the span.
        title: one line.
        start: seconds, of a clock that all items of the trace share.
        end: seconds; None if the span had not ended when the trace was written.
        kind: "handler", "wait", "request" or "hold"; other kinds have no colour.
        failed: whether the span is drawn as an error.
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
    """An item without a duration.

    Attributes:
        lane: the lane of the mark.
        title: one line.
        time: seconds.
        kind: "sent", "received", "emit", "error" or "assertion"; other kinds have no colour.
        failed: whether the mark is drawn as an error.
        detail: further lines.
        group: marks of one group can be hidden together: "events", "acks", "connects",
            "heartbeat", ...
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
    """An arrow from an item to an item that it caused.

    Attributes:
        source: the cause.
        target: the effect.
        inferred: whether the cause is inferred from the order in time.
    """

    source: Item
    target: Item
    inferred: bool = False


@dataclass(eq=False, slots=True)
class Problem:
    """A line at the top of the page.

    Attributes:
        text: one line.
        item: the item to which the line belongs, or None.
    """

    text: str
    item: Item | None = None


@dataclass(eq=False, slots=True)
class TraceData:
    """The data of a trace. Use the ``add_*`` methods, in any order, to add items.

    Attributes:
        title: the title of the page, such as the test's name.
        outcome: "passed", "failed" or "".
        lanes: the columns, from left to right.
        spans: the items with a duration.
        marks: the items without a duration.
        arrows: the arrows from causes to effects.
        problems: the lines at the top of the page.
    """

    title: str = "Socket.IO trace"
    outcome: str = ""
    lanes: list[Lane] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def lane(self, title: str, kind: str = "", detail: str = "") -> Lane:
        """Return the lane of that title and kind; add a new lane."""
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


def started(item: Item) -> float:
    """Return the start of a span or the time of a mark, in seconds."""
    return item.start if isinstance(item, Span) else item.time
