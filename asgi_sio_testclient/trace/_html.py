"""Writes a trace as one HTML file: the data as JSON, and a script that draws the data."""

from __future__ import annotations

import html
import json
from importlib import resources
from typing import Any

from asgi_sio_testclient.trace._items import Item, Span, TraceData, started
from asgi_sio_testclient.trace._text import one_line

__all__ = ["render"]

__tracebackhide__ = True

_BUDGET = 700_000  # characters that all details together may have: 1,000 packets stay under 1 MB
_DETAIL = 4_000  # the most characters of one detail
_SHORTEST = 200  # the least limit to which details are cut
_TITLE = 160  # characters
_MICROSECONDS = 1_000_000


def render(trace: TraceData) -> str:
    """Return the page as HTML."""
    folder = resources.files("asgi_sio_testclient.trace") / "page"
    page, style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    # "<" is the only character that could end the script element.
    data = json.dumps(_data(trace), ensure_ascii=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )
    parts = {
        "TITLE": html.escape(trace.title),
        "STYLE": style,
        "DATA": data,
        "SCRIPT": script,
    }
    head, *rest = page.split("@@")
    return head + "".join(parts.get(part, part) for part in rest)


def _data(trace: TraceData) -> dict[str, Any]:
    items: list[Item] = [*trace.spans, *trace.marks]
    # A packet comes before the span that it starts at the same time.
    items.sort(key=lambda item: (started(item), isinstance(item, Span)))
    index = {id(item): number for number, item in enumerate(items)}
    lanes = {id(lane): number for number, lane in enumerate(trace.lanes)}
    origin = started(items[0]) if items else 0.0
    limit = _limit([item.detail for item in items])
    strings = _Strings(limit)
    return {
        "title": trace.title,
        "outcome": trace.outcome,
        "lanes": [[lane.title, lane.kind, lane.detail] for lane in trace.lanes],
        "items": [_item(item, lanes[id(item.lane)], origin, strings) for item in items],
        "arrows": [
            [index[id(arrow.source)], index[id(arrow.target)], int(arrow.inferred)]
            for arrow in trace.arrows
        ],
        "problems": [
            [one_line(problem.text, 400), -1 if problem.item is None else index[id(problem.item)]]
            for problem in trace.problems
        ],
        "strings": strings.table,
    }


def _item(item: Item, lane: int, origin: float, strings: _Strings) -> list[Any]:
    """Return the values of an item for the page's script: lane, start, duration, kind, group,
    title, detail, failed. Times are in microseconds; the duration is -1 for a mark, and -2 for a
    span that has not ended.
    """
    start = round((started(item) - origin) * _MICROSECONDS)
    duration, group = -1, ""
    if isinstance(item, Span):
        open_ended = item.end is None
        duration = -2 if open_ended else max(0, round((_end(item) - item.start) * _MICROSECONDS))
    else:
        group = item.group
    title = strings.add(one_line(item.title, _TITLE))
    detail = strings.add(item.detail)
    return [lane, start, duration, item.kind, group, title, detail, int(item.failed)]


def _end(span: Span) -> float:
    return span.start if span.end is None else span.end


def _limit(details: list[str]) -> int:
    """Return the most characters of a detail, so that all details together fit the budget."""
    lengths = [len(detail) for detail in set(details)]
    limit = _DETAIL
    while limit > _SHORTEST and sum(min(length, limit) for length in lengths) > _BUDGET:
        limit //= 2
    return limit


class _Strings:
    """A table in which each text is once: a broadcast has the same text for each recipient."""

    def __init__(self, limit: int) -> None:
        self.table: list[str] = []
        self._limit = limit
        self._index: dict[str, int] = {}

    def add(self, text: str) -> int:
        """Return the index of a text in the table; add a new text."""
        if len(text) > self._limit:
            text = f"{text[: self._limit]}\n({len(text) - self._limit} more characters)"
        if text not in self._index:
            self._index[text] = len(self.table)
            self.table.append(text)
        return self._index[text]
