"""The report of event coverage as lines of text."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgi_sio_testclient.coverage._data import EmittedEvent, HandlerCounts

__all__ = ["report_lines"]

__tracebackhide__ = True

TITLES = ("namespace", "event", "handler", "ran", "acked", "raised", "refused")
_LEFT = 3  # columns of text; the others are numbers


def report_lines(
    handlers: Sequence[HandlerCounts],
    never_ran: Sequence[HandlerCounts],
    never_read: Iterable[EmittedEvent],
    unhandled: Mapping[tuple[str, str], int],
    percent: float,
) -> Iterator[str]:
    """Yield the lines of the table, then of the handlers that never ran, of the events that were
    never read and of the events without a handler, then of the total.
    """
    if handlers:
        yield from _table(handlers)
    for counts in never_ran:
        where = counts.handler + (counts.place and f", {counts.place}")
        yield f"never ran: {counts.namespace} {counts.event} ({where})"
    for event in never_read:
        times = _times(event.emitted or event.received)
        yield f"emitted, never read: {event.namespace} {event.event} ({times})"
    for (namespace, event_name), count in sorted(unhandled.items()):
        yield f"sent, no handler: {namespace} {event_name} ({_times(count)})"
    if handlers:
        ran = len(handlers) - len(never_ran)
        yield f"{ran} of {len(handlers)} handlers ran: {math.floor(percent)} %"
    else:
        yield "no server with handlers was used by a client"


def _table(handlers: Iterable[HandlerCounts]) -> Iterator[str]:
    rows = [TITLES, *(_row(counts) for counts in handlers)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if index < _LEFT else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _row(counts: HandlerCounts) -> tuple[str, ...]:
    numbers = (counts.ran, counts.acked, counts.raised, counts.refused)
    return (counts.namespace, counts.event, counts.handler, *map(str, numbers))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
