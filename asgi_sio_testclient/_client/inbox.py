"""The inbox of a client: its unread events, and the waiters for events."""

from __future__ import annotations

from collections.abc import Callable

from asgi_sio_testclient._client.unread import Numbered, Unread
from asgi_sio_testclient._client.waiters import Match, Waiter, Waiters, matches
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._waiting.deadlines import fail

__all__ = ["Inbox", "Match", "Numbered", "Waiter"]

__tracebackhide__ = True


class Inbox:
    """The unread events of one client, in the order of arrival, and its waiters."""

    __slots__ = ("_number", "_unread", "_waiters")

    def __init__(self) -> None:
        self._unread = Unread()
        self._waiters = Waiters()
        self._number = 0

    def put(self, event: ReceivedEvent) -> None:
        """Give an event to the first waiter that it fits; without one, add it to the unread
        events.
        """
        self._number = number = self._number + 1
        waiters = self._waiters
        single = waiters.single
        if single is None and not waiters.by_key:
            self._unread.add(number, event)
        elif single is not None and single.match is None and not single.future.done():
            # In the hot path: `hand_over` without its calls.
            fits = single.event is None or single.event == event.name
            if fits and single.namespace in (event.namespace, ALL):
                waiters.single, single.waits = None, False
                single.future.set_result((number, event))
            else:
                self._unread.add(number, event)
        elif not waiters.hand_over((number, event)):
            self._unread.add(number, event)

    def put_back(self, numbered: Numbered) -> None:
        """Give an event whose wait was cancelled to another waiter, or add it to the unread
        events again, in its place.
        """
        if not self._waiters.hand_over(numbered):
            self._unread.put_back(*numbered)

    def take(self, event: str | None, namespace: str, match: Match | None) -> Numbered | None:
        """Remove and return the oldest event that fits, or None."""
        unread = self._unread
        if not unread.events:
            return None
        if match is None:
            return unread.oldest(event, namespace)
        # A copy: the predicate may read the inbox. An event that it has read is not returned again.
        for numbered in unread.candidates(event, namespace):
            if matches(match, numbered[1]) and numbered[0] in unread:
                unread.remove(numbered[0])
                return numbered
        return None

    def add_waiter(self, waiter: Waiter) -> None:
        """Add a waiter for an event that has not arrived yet."""
        waiters = self._waiters
        if waiters.single is None and not waiters.by_key:
            waiters.single = waiter
        else:
            waiters.add(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Remove the waiter, if it is still there."""
        if waiter.waits:
            self._waiters.remove(waiter)

    def fail(self, namespace: str, make: Callable[[Waiter], BaseException]) -> None:
        """Fail the waiters for events of that namespace (`ALL`: of any)."""
        if self._waiters.single is None and not self._waiters.by_key:
            return
        for waiter in self._waiters:
            if namespace in (ALL, waiter.namespace):
                self._waiters.remove(waiter)
                fail(waiter.future, make(waiter))

    def raise_in_first(self, exc: BaseException) -> bool:
        """Fail the waiter that has waited longest; return whether there is one."""
        for waiter in self._waiters:
            self._waiters.remove(waiter)
            if fail(waiter.future, exc):
                return True
        return False

    def drain(self, namespace: str) -> list[ReceivedEvent]:
        """Remove and return the unread events of that namespace."""
        drained = self.peek(namespace)
        if namespace == ALL:
            self._unread.clear()
        else:
            self._unread.replace(
                [numbered for numbered in self._unread if numbered[1].namespace != namespace]
            )
        return drained

    def peek(self, namespace: str) -> list[ReceivedEvent]:
        """Return the unread events of that namespace; they stay unread."""
        return [event for _, event in self._unread if namespace in (ALL, event.namespace)]

    def matching(
        self, event: str | None, namespace: str, match: Match | None
    ) -> list[ReceivedEvent]:
        """Return the unread events that fit; they stay unread."""
        if not self._unread.events:
            return []
        found = [candidate for _, candidate in self._unread.candidates(event, namespace)]
        return found if match is None else [event for event in found if matches(match, event)]
