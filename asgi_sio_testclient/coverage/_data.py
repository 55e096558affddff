"""The counts of event coverage: handlers by namespace, event and place, and the events that servers
emitted.

This module uses neither servers nor clients. `Coverage.add` adds the counts of several processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from asgi_sio_testclient.coverage._table import report_lines

__all__ = ["Coverage", "EmittedEvent", "HandlerCounts", "HandlerKey"]

__tracebackhide__ = True

FORMAT = 1
HandlerKey = tuple[str, str, str, str, int]
EventKey = tuple[str, str]


@dataclass
class HandlerCounts:
    """One handler, registered for one event of one namespace.

    Attributes:
        namespace: the namespace of the handler; "*" for every namespace.
        event: the event's name; "connect", "disconnect", or "*" for every event.
        handler: the qualified name of the function.
        file: the file that defines the function; "" if the file is unknown.
        line: the line in that file; 0 if the line is unknown.
        ran: how often the function's body began.
        acked: how often the server sent the function's result as an ack.
        raised: how often the function raised. A refusal does not count here.
        refused: how often a connect handler refused the client.
    """

    namespace: str
    event: str
    handler: str
    file: str = ""
    line: int = 0
    ran: int = 0
    acked: int = 0
    raised: int = 0
    refused: int = 0

    @property
    def place(self) -> str:
        """``FILE:LINE`` of the definition; "" if the place is unknown."""
        return f"{self.file}:{self.line}" if self.file else ""

    @property
    def key(self) -> HandlerKey:
        """The key of the handler, which is the same in every process."""
        return self.namespace, self.event, self.handler, self.file, self.line


@dataclass
class EmittedEvent:
    """One event name that a server emitted in one namespace.

    Attributes:
        namespace: the namespace.
        event: the event's name.
        emitted: how often the server emitted the event, to any number of clients.
        received: how often a client received the event.
        read: how often a test read the event: by a method of a client, or by a handler of a client.
    """

    namespace: str
    event: str
    emitted: int = 0
    received: int = 0
    read: int = 0

    @property
    def key(self) -> EventKey:
        """The key of the event."""
        return self.namespace, self.event


class Coverage:
    """The counts of a test run.

    Attributes:
        namespaces: every namespace that a server has, "*" included.
        unhandled: how often clients sent an event that no handler takes, by namespace and event.
    """

    def __init__(self) -> None:
        self.namespaces: set[str] = set()
        self.unhandled: dict[EventKey, int] = {}
        self._handlers: dict[HandlerKey, HandlerCounts] = {}
        self._events: dict[EventKey, EmittedEvent] = {}

    # -- counting

    def handler(self, counts: HandlerCounts) -> HandlerCounts:
        """Return the counts of a handler; add `counts` for a new handler."""
        self.namespaces.add(counts.namespace)
        return self._handlers.setdefault(counts.key, counts)

    def event(self, namespace: str, event: str) -> EmittedEvent:
        """Return the counts of an event; add a new event."""
        return self._events.setdefault((namespace, event), EmittedEvent(namespace, event))

    def add(self, other: Coverage) -> None:
        """Add the counts of another process."""
        self.namespaces |= other.namespaces
        for counts in other.handlers:
            ours = self.handler(HandlerCounts(*counts.key))
            for name in ("ran", "acked", "raised", "refused"):
                setattr(ours, name, getattr(ours, name) + getattr(counts, name))
        for theirs in other.events:
            event = self.event(*theirs.key)
            event.emitted += theirs.emitted
            event.received += theirs.received
            event.read += theirs.read
        for key, count in other.unhandled.items():
            self.unhandled[key] = self.unhandled.get(key, 0) + count

    # -- results

    @property
    def handlers(self) -> list[HandlerCounts]:
        """Every handler, by namespace and event."""
        return [self._handlers[key] for key in sorted(self._handlers)]

    @property
    def events(self) -> list[EmittedEvent]:
        """Every event that a server emitted or a test read, by namespace and name."""
        return [self._events[key] for key in sorted(self._events)]

    @property
    def never_ran(self) -> list[HandlerCounts]:
        """The handlers whose body never began."""
        return [counts for counts in self.handlers if not counts.ran]

    @property
    def never_read(self) -> list[EmittedEvent]:
        """The events that a server emitted and no test read."""
        return [event for event in self.events if not event.read]

    @property
    def percent(self) -> float:
        """The percentage of handlers that ran, from 0 to 100; 100 without handlers."""
        total = len(self._handlers)
        return 100.0 if not total else 100.0 * (total - len(self.never_ran)) / total

    def report(self) -> str:
        """Return a table of the handlers, and the lists of handlers that never ran and events that
        were never read.
        """
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        return report_lines(
            self.handlers, self.never_ran, self.never_read, self.unhandled, self.percent
        )

    # -- as JSON

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        never_ran = [counts.key[:3] for counts in self.never_ran]
        return {
            "format": FORMAT,
            "handlers": [asdict(counts) for counts in self.handlers],
            "events": [asdict(event) for event in self.events],
            "namespaces": sorted(self.namespaces),
            "unhandled": [
                {"namespace": namespace, "event": event, "sent": count}
                for (namespace, event), count in sorted(self.unhandled.items())
            ],
            "never_ran": [
                dict(zip(("namespace", "event", "handler"), key, strict=True)) for key in never_ran
            ],
            "never_read": [
                {"namespace": event.namespace, "event": event.event} for event in self.never_read
            ],
            "percent": round(self.percent, 2),
        }

    def to_json(self) -> str:
        """Return the counts as JSON text, with a line break at the end."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Coverage:
        """Return the counts from a result of `to_dict`.

        Raises:
            ValueError: the counts are in another format.
        """
        if data.get("format") != FORMAT:
            raise ValueError(f"event coverage has format {data.get('format')!r}, not {FORMAT}")
        coverage = cls()
        coverage.namespaces.update(data["namespaces"])
        names = [field.name for field in fields(HandlerCounts)]
        for row in data["handlers"]:
            coverage.handler(HandlerCounts(**{name: row[name] for name in names}))
        for row in data["events"]:
            event = coverage.event(row["namespace"], row["event"])
            event.emitted, event.received = row["emitted"], row["received"]
            event.read = row["read"]
        for row in data["unhandled"]:
            coverage.unhandled[row["namespace"], row["event"]] = row["sent"]
        return coverage
