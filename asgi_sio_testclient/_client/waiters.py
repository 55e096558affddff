"""The waiters for events of one client, found by event name and namespace."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from asgi_sio_testclient._client.unread import Key, Numbered
from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._test_endings import reaches_test
from asgi_sio_testclient._waiting.deadlines import fail

__all__ = ["Match", "Waiter", "Waiters", "matches"]

__tracebackhide__ = True

Match = Callable[[ReceivedEvent], Any]


class Waiter:
    """A wait for an event: its name, its namespace and a predicate."""

    __slots__ = ("event", "future", "match", "namespace", "order", "waits")

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
        self.order = 0
        self.waits = True

    def fits(self, event: ReceivedEvent) -> bool:
        """Return whether `event` has the name and the namespace, and passes the predicate."""
        return (
            (self.event is None or self.event == event.name)
            and (self.namespace in (event.namespace, ALL))
            and (self.match is None or matches(self.match, event))
        )


def matches(match: Match, event: ReceivedEvent) -> bool:
    """Return the answer of a predicate.

    Raises:
        TypeError: the predicate returned an awaitable, which would be true for every event.
    """
    result = match(event)
    if result is True or result is False:
        return result
    if inspect.isawaitable(result):
        if inspect.iscoroutine(result):
            result.close()
        raise with_advice(
            TypeError(f"match is async: {match!r} returned an awaitable; expected a plain function")
        )
    return bool(result)


class Waiters:
    """The waiters of one client, in the order in which they began, found by event name and
    namespace.

    Attributes:
        single: the only waiter, which is in no index; None without one, or with several.
        by_key: all waiters if there are several, by name and namespace.
    """

    __slots__ = ("_last_order", "by_key", "single")

    def __init__(self) -> None:
        self.single: Waiter | None = None
        self.by_key: dict[Key, deque[Waiter]] = {}
        self._last_order = 0

    def add(self, waiter: Waiter) -> None:
        """Add a waiter beside others."""
        single = self.single
        if single is not None:
            self.single = None
            self._put(single)
        self._put(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Remove the waiter."""
        waiter.waits = False
        if waiter is self.single:
            self.single = None
            return
        key = waiter.event, waiter.namespace
        same = self.by_key[key]
        # A waiter in the middle of the queue is removed when it comes to an end of the queue.
        while same and not same[0].waits:
            same.popleft()
        while same and not same[-1].waits:
            same.pop()
        if not same:
            del self.by_key[key]

    def hand_over(self, numbered: Numbered) -> bool:
        """Give an event to the first waiter that it fits; return whether there is one."""
        single = self.single
        if single is not None:
            return self._give(single, numbered)
        return any(self._give(waiter, numbered) for waiter in self._candidates(numbered[1]))

    def __iter__(self) -> Iterator[Waiter]:
        """Iterate over all waiters, in the order in which they began."""
        if self.single is not None:
            return iter((self.single,))
        queues = self.by_key.values()
        waiting = [waiter for queue in queues for waiter in queue if waiter.waits]
        return iter(sorted(waiting, key=_order))

    def _put(self, waiter: Waiter) -> None:
        waiter.order = self._last_order = self._last_order + 1
        key = waiter.event, waiter.namespace
        same = self.by_key.get(key)
        if same is None:
            same = self.by_key[key] = deque()
        same.append(waiter)

    def _candidates(self, event: ReceivedEvent) -> Iterator[Waiter]:
        """Yield the waiters for events of that name and namespace, in the order in which they
        began.

        The first waiter without a predicate ends the search, so that the rest is not sorted.
        """
        name, namespace = event.name, event.namespace
        keys: tuple[Key, ...] = ((name, namespace), (name, ALL), (None, namespace), (None, ALL))
        queues = [queue for key in keys if (queue := self.by_key.get(key))]
        if len(queues) == 1 and queues[0][0].match is None:
            yield queues[0][0]
        # A copy: a predicate may emit, and so end other waits.
        waiting = [waiter for queue in queues for waiter in queue if waiter.waits]
        yield from sorted(waiting, key=_order)

    def _give(self, waiter: Waiter, numbered: Numbered) -> bool:
        """Give an event to a waiter if the event fits; return whether the waiter took it."""
        if waiter.future.done() or not waiter.waits:
            return False
        try:
            fits = waiter.fits(numbered[1])
        except BaseException as exc:
            # An error of the test's predicate: raised in the test, not in the app's send().
            if not reaches_test(exc):
                raise
            fail(waiter.future, exc)
            return False
        if not fits or not waiter.waits:
            return False
        self.remove(waiter)
        waiter.future.set_result(numbered)
        return True


def _order(waiter: Waiter) -> int:
    return waiter.order
