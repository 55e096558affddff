"""The unread events of one client, by number and by name."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._protocol.names import ALL

__all__ = ["Numbered", "Unread"]

__tracebackhide__ = True

Numbered = tuple[int, ReceivedEvent]
Key = tuple[str | None, str]  # a name, or None for any; a namespace, or ALL for any
_FEW = 8  # the most events that are searched without an index
_STALE = 1024  # numbers in an index, beside four times those of unread events


class Unread:
    """Events in the order of their numbers, found by name and namespace without a search.

    There are four kinds of keys. An index of a kind is made when it is first used, and updated from
    then on. The number of an event that was read stays in an index until it is the first one.

    Attributes:
        events: all events, by number.
    """

    __slots__ = ("_in_order", "_indexed", "_indexes", "events")

    def __init__(self) -> None:
        self.events: dict[int, ReceivedEvent] = {}
        self._in_order = True
        # By whether the key has a name and whether it has a namespace.
        self._indexes: dict[tuple[bool, bool], dict[Key, deque[int]]] = {}
        self._indexed = 0

    def add(self, number: int, event: ReceivedEvent) -> None:
        """Add an event that is newer than all others."""
        self.events[number] = event
        if self._indexes:
            self._index(number, event)

    def put_back(self, number: int, event: ReceivedEvent) -> None:
        """Add an event that was removed before, in its place."""
        self.events[number] = event
        self._in_order = False
        self._indexes.clear()

    def oldest(self, name: str | None, namespace: str) -> Numbered | None:
        """Remove and return the oldest event of that name and namespace, or None."""
        events = self.events
        if not self._indexes and len(events) <= _FEW and self._in_order:
            for number, event in events.items():
                if (name is None or name == event.name) and namespace in (event.namespace, ALL):
                    del events[number]
                    return number, event
            return None
        numbers = self._numbers(name, namespace)
        events = self.events
        while numbers:
            number = numbers.popleft()
            if number in events:
                event = events.pop(number)
                if not events:
                    self.clear()
                return number, event
        return None

    def candidates(self, name: str | None, namespace: str) -> list[Numbered]:
        """Return the events of that name and namespace, oldest first; they stay unread."""
        numbers = self._numbers(name, namespace)
        events = self.events
        found = [(number, events[number]) for number in numbers if number in events]
        if len(found) < len(numbers):
            numbers.clear()
            numbers.extend(number for number, _ in found)
        return found

    def __contains__(self, number: int) -> bool:
        return number in self.events

    def remove(self, number: int) -> ReceivedEvent:
        """Remove and return an event."""
        event = self.events.pop(number)
        if not self.events:
            self.clear()
        return event

    def clear(self) -> None:
        """Remove all events."""
        # New dictionaries: a dictionary keeps the memory that it once needed.
        self.events = {}
        self._indexes = {}
        self._in_order = True

    def replace(self, left: Iterable[Numbered]) -> None:
        """Keep these events and remove all others."""
        self.clear()
        self.events.update(left)

    def __iter__(self) -> Iterator[Numbered]:
        self._sort()
        return iter(list(self.events.items()))

    def _numbers(self, name: str | None, namespace: str) -> deque[int]:
        kind = name is not None, namespace != ALL
        index = self._indexes.get(kind)
        if index is None:
            index = self._indexes[kind] = {}
            self._sort()
            self._indexed = len(self.events)
            for number, event in self.events.items():
                _add(index, kind, number, event)
        return index.get((name, namespace)) or deque()

    def _index(self, number: int, event: ReceivedEvent) -> None:
        self._indexed += 1
        if self._indexed > 4 * len(self.events) + _STALE:
            # Mostly numbers of events that were read by another kind of key.
            self._indexes.clear()
            self.events = dict(self.events)  # a new dictionary, without the memory of read events
            return
        for kind, index in self._indexes.items():
            _add(index, kind, number, event)

    def _sort(self) -> None:
        if not self._in_order:
            self.events = dict(sorted(self.events.items()))
            self._in_order = True


def _add(
    index: dict[Key, deque[int]], kind: tuple[bool, bool], number: int, event: ReceivedEvent
) -> None:
    key = event.name if kind[0] else None, event.namespace if kind[1] else ALL
    numbers = index.get(key)
    if numbers is None:
        numbers = index[key] = deque()
    numbers.append(number)
