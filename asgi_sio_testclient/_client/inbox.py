"""What arrived and was not read, and who waits for what. Knows futures, and nothing of how events
come.
"""

from __future__ import annotations

import asyncio
import bisect
import inspect
from collections.abc import Callable
from typing import Any

from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import reaches_test
from asgi_sio_testclient._waiting.deadlines import fail

__all__ = ["ALL", "Inbox", "Match", "Waiter"]

__tracebackhide__ = True

ALL = "*"
Match = Callable[[ReceivedEvent], Any]
Numbered = tuple[int, ReceivedEvent]


class Waiter:
    """One who waits for an event that fits."""

    __slots__ = ("event", "future", "match", "namespace")

    def __init__(
        self,
        event: str | None,
        namespace: str,
        match: Match | None,
        future: asyncio.Future[Numbered],
    ) -> None:
        self.event = event
        self.namespace = namespace
        self.match = match
        self.future = future

    def fits(self, event: ReceivedEvent) -> bool:
        """Whether that is what it waits for."""
        return (
            (self.event is None or self.event == event.name)
            and (self.namespace in (event.namespace, ALL))
            and (self.match is None or _matches(self.match, event))
        )


def _matches(match: Match, event: ReceivedEvent) -> bool:
    """What a predicate says of an event.

    Raises:
        TypeError: it returned an awaitable, which is true for every event.
    """
    result = match(event)
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError(
            f"match is async: {match!r} returned an awaitable; expected a plain function"
        )
    return bool(result)


class Inbox:
    """The unread events of one client, in the order in which they arrived."""

    def __init__(self) -> None:
        self._events: list[Numbered] = []
        self._waiters: list[Waiter] = []
        self._number = 0

    def put(self, event: ReceivedEvent) -> None:
        """Hand an event to the first waiter that it fits, or keep it."""
        self._number += 1
        if not self._waiters or not self._hand_over((self._number, event)):
            self._events.append((self._number, event))

    def put_back(self, numbered: Numbered) -> None:
        """An event that was handed over and not taken, since the wait was cancelled: as if it had
        never left.
        """
        if not self._hand_over(numbered):
            bisect.insort(self._events, numbered, key=lambda entry: entry[0])

    def take(self, event: str | None, namespace: str, match: Match | None) -> Numbered | None:
        """The oldest that fits, or None."""
        if not self._events:
            return None
        wanted = Waiter(event, namespace, match, None)  # type: ignore[arg-type]
        if match is None:
            for index, (_, candidate) in enumerate(self._events):
                if wanted.fits(candidate):
                    return self._events.pop(index)
            return None
        # A copy: the predicate may read the inbox itself. What it has read is not handed out again.
        for numbered in list(self._events):
            if wanted.fits(numbered[1]) and numbered in self._events:
                self._events.remove(numbered)
                return numbered
        return None

    def wait(self, waiter: Waiter) -> None:
        """Note one who waits."""
        self._waiters.append(waiter)

    def leave(self, waiter: Waiter) -> None:
        """It waits no longer; what it was handed and can't take goes back."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def fail(self, namespace: str, make: Callable[[Waiter], BaseException]) -> None:
        """What waits for events of that namespace (`ALL`: of any) waits in vain."""
        for waiter in list(self._waiters):
            if namespace in (ALL, waiter.namespace):
                self._waiters.remove(waiter)
                fail(waiter.future, make(waiter))

    def raise_in_first(self, exc: BaseException) -> bool:
        """Let the one who has waited longest fail with `exc`; False where nobody waits."""
        for waiter in list(self._waiters):
            self._waiters.remove(waiter)
            if fail(waiter.future, exc):
                return True
        return False

    def drain(self, namespace: str) -> list[ReceivedEvent]:
        """All of that namespace; they are read now."""
        drained = self.peek(namespace)
        self._events = [
            entry for entry in self._events if namespace not in (ALL, entry[1].namespace)
        ]
        return drained

    def peek(self, namespace: str) -> list[ReceivedEvent]:
        """All of that namespace; they stay unread."""
        return [event for _, event in self._events if namespace in (ALL, event.namespace)]

    def matching(
        self, event: str | None, namespace: str, match: Match | None
    ) -> list[ReceivedEvent]:
        """Those that fit; they stay unread."""
        wanted = Waiter(event, namespace, match, None)  # type: ignore[arg-type]
        return [candidate for _, candidate in list(self._events) if wanted.fits(candidate)]

    def _hand_over(self, numbered: Numbered) -> bool:
        # A copy: a predicate may emit, and what it sets off may end other waits.
        for waiter in list(self._waiters):
            if waiter.future.done():
                continue
            try:
                fits = waiter.fits(numbered[1])
            except BaseException as exc:
                # The test's own predicate: it belongs into the test, not into the app's send().
                if not reaches_test(exc):
                    raise
                fail(waiter.future, exc)
                continue
            if fits and waiter in self._waiters:
                self._waiters.remove(waiter)
                waiter.future.set_result(numbered)
                return True
        return False
