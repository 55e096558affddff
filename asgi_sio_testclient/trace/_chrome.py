"""Writes a trace as trace-event JSON, the format of Chrome's about:tracing, which Perfetto opens.

The format is described in "Trace Event Format" by the Chromium project.
"""

from __future__ import annotations

import json
from typing import Any

from asgi_sio_testclient.trace._items import Item, Span, TraceData, started

__all__ = ["render"]

__tracebackhide__ = True

_MICROSECONDS = 1_000_000
_SHORTEST = 1.0  # microseconds: an arrow begins and ends in a slice that has a length
_PROCESS = 1


def render(trace: TraceData) -> str:
    """Return the JSON text, with a thread for each lane. Spans of a lane that overlap get further
    threads.
    """
    return json.dumps({"traceEvents": _events(trace), "displayTimeUnit": "ms"}, ensure_ascii=False)


def _events(trace: TraceData) -> list[dict[str, Any]]:
    items: list[Item] = sorted([*trace.spans, *trace.marks], key=started)
    origin = started(items[0]) if items else 0.0
    last = max((_end(item) for item in items), default=origin)
    threads = _Threads(trace)
    events: list[dict[str, Any]] = []
    place: dict[int, tuple[float, int]] = {}
    for item in items:
        start = (started(item) - origin) * _MICROSECONDS
        unfinished = isinstance(item, Span) and item.end is None
        end = ((last if unfinished else _end(item)) - origin) * _MICROSECONDS
        duration = max(end - start, _SHORTEST)
        thread = threads.place(item, start, start + duration)
        place[id(item)] = start, thread
        events.append(
            {
                "name": item.title or item.kind or "packet",
                "cat": item.kind or "item",
                "ph": "X",
                "ts": start,
                "dur": duration,
                "pid": _PROCESS,
                "tid": thread,
                "args": {"detail": item.detail, "failed": item.failed},
            }
        )
    for number, arrow in enumerate(trace.arrows):
        flow = {"name": "leads to", "cat": "flow", "id": number, "pid": _PROCESS}
        start, thread = place[id(arrow.source)]
        end, target = place[id(arrow.target)]
        events.append({**flow, "ph": "s", "ts": start, "tid": thread})
        events.append({**flow, "ph": "f", "bp": "e", "ts": max(start, end), "tid": target})
    return [*threads.metadata(trace.title), *events]


def _end(item: Item) -> float:
    if isinstance(item, Span):
        return item.start if item.end is None else item.end
    return item.time


class _Threads:
    """Assigns threads to lanes: one, or more if spans overlap and are not nested."""

    def __init__(self, trace: TraceData) -> None:
        self._titles: list[str] = []
        self._rows: dict[int, list[tuple[int, list[float]]]] = {}
        for lane in trace.lanes:
            self._rows[id(lane)] = [(self._add(lane.title), [])]

    def _add(self, title: str) -> int:
        self._titles.append(title)
        return len(self._titles)

    def place(self, item: Item, start: float, end: float) -> int:
        """Return the number of an item's thread. Call this in the order of the items' start.

        Args:
            item: the item.
            start: its start, in microseconds.
            end: its end, in microseconds.
        """
        rows = self._rows[id(item.lane)]
        for thread, open_ends in rows:
            while open_ends and open_ends[-1] <= start:
                open_ends.pop()
            if not open_ends or end <= open_ends[-1]:
                open_ends.append(end)
                return thread
        thread = self._add(f"{item.lane.title} ({len(rows) + 1})")
        rows.append((thread, [end]))
        return thread

    def metadata(self, title: str) -> list[dict[str, Any]]:
        """Return the events with the names and the order of process and threads."""
        event = {"ph": "M", "pid": _PROCESS}
        events = [{**event, "name": "process_name", "args": {"name": title}}]
        for number, name in enumerate(self._titles, 1):
            events.append({**event, "tid": number, "name": "thread_name", "args": {"name": name}})
            order = {"sort_index": number}
            events.append({**event, "tid": number, "name": "thread_sort_index", "args": order})
        return events
