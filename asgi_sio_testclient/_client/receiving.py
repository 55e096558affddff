"""Waits for events, and the assertion that none arrived: `TestClient`'s receiving methods."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._client.inbox import Match, Numbered, Waiter
from asgi_sio_testclient._client.options import check_event, check_match
from asgi_sio_testclient._client.settling import settle
from asgi_sio_testclient._connection import virtual_time
from asgi_sio_testclient._connection.arguments import check_timeout
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import NotConnected, UnexpectedEvent, UsageError
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._waiting.deadlines import EXPIRED

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher

__all__ = ["NoEvent", "next_event", "next_events"]

__tracebackhide__ = True


async def next_event(
    dispatcher: Dispatcher, event: str | None, namespace: str, match: Match | None, limit: float
) -> Numbered | None:
    """Take the next event that fits from the inbox, or wait for it.

    Args:
        dispatcher: the client that waits.
        event: the event's name; None for any.
        namespace: "*" for all.
        match: a predicate of the event.
        limit: seconds.

    Returns:
        The event with its number; None if no event arrived in time.
    """
    loop = asyncio.get_running_loop()
    if loop is not dispatcher.running_app.loop or match is not None or event.__class__ is not str:
        dispatcher.require_loop()
        check_event(event)
        check_match(match)
    found = dispatcher.inbox.take(event, namespace, match)
    if found is not None:
        return found
    if dispatcher.errors.unraised or dispatcher.running_app.test_endings:
        dispatcher.errors.raise_unraised()
    if namespace not in dispatcher.sids:
        dispatcher.require_running()
        dispatcher.require_connected_or_connecting(namespace)
    future: asyncio.Future[Any] = loop.create_future()
    waiter = Waiter(event, namespace, match, future)
    dispatcher.inbox.add_waiter(waiter)
    try:
        numbered = await dispatcher.running_app.services.deadlines.bound(future, limit)
    except asyncio.CancelledError:
        _hand_back(dispatcher, future)
        raise
    finally:
        if waiter.waits:
            dispatcher.inbox.remove(waiter)
    return None if numbered is EXPIRED else numbered


def _hand_back(dispatcher: Dispatcher, future: asyncio.Future[Any]) -> None:
    """Put back the result of a wait that was cancelled in the same turn of the event loop."""
    if not future.done() or future.cancelled():
        return
    exc = future.exception()
    if exc is None and future.result() is not EXPIRED:
        dispatcher.inbox.put_back(future.result())
    elif exc in dispatcher.errors.all:
        dispatcher.errors.unraised.append(exc)


async def next_events(
    dispatcher: Dispatcher,
    count: int,
    event: str | None,
    namespace: str,
    match: Match | None,
    limit: float,
) -> list[ReceivedEvent]:
    """Return the next `count` events that fit; if fewer arrive in time, all of them stay unread.

    The arguments are those of `next_event`; `limit` is for all events together.

    Raises:
        EventTimeout: fewer events arrived in time.
    """
    dispatcher.require_loop()
    deadline = asyncio.get_running_loop().time() + limit
    taken: list[Numbered] = []
    try:
        while len(taken) < count:
            left = deadline - asyncio.get_running_loop().time()
            numbered = await next_event(dispatcher, event, namespace, match, left)
            if numbered is None:
                break
            taken.append(numbered)
        if len(taken) == count:
            return [received for _, received in taken]
    except BaseException:
        _put_back(dispatcher, taken)
        raise
    _put_back(dispatcher, taken)
    dispatcher.errors.raise_unretrieved()
    some = f"{len(taken)} of {count}" if taken else ""
    raise dispatcher.diagnostics().no_event(event, namespace, match, limit, some)


def _put_back(dispatcher: Dispatcher, taken: list[Numbered]) -> None:
    for numbered in taken:
        dispatcher.inbox.put_back(numbered)


class NoEvent:
    """The assertion that no event that fits arrives.

    Args:
        dispatcher: the client that asserts it.
        event: the event's name; None for any.
        namespace: "*" for all.
        match: a predicate of the event.
        within: seconds that the assertion holds for; None for until the app is at rest.

    Raises:
        TypeError, ValueError: an argument is wrong.
        UsageError: outside ``async with``; or the server is elsewhere and `within` is None.
        NotConnected: the client was never connected to `namespace`.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        event: str | None,
        namespace: str,
        match: Match | None,
        within: float | None,
    ) -> None:
        check_event(event)
        check_match(match)
        if within is not None:
            check_timeout(within, "within")
        dispatcher.require_running()
        if within is None and dispatcher.running_app.elsewhere is not None:
            raise UsageError(
                "assert_not_received() needs within= (seconds) where the server is elsewhere: "
                f"{dispatcher.running_app.elsewhere}"
            )
        dispatcher.require_readable(namespace)
        self._dispatcher = dispatcher
        self._event = event
        self._namespace = namespace
        self._match = match
        self._within = within

    async def check(self, limit: float, grace: float | None) -> None:
        """Settle, wait for `within` further seconds if given, and check the inbox.

        Args:
            limit: seconds; the bound of each `settle`.
            grace: as in `TestClient.settle`.

        Raises:
            UnexpectedEvent: an event that fits arrived.
            Exception: as in `TestClient.settle`.
        """
        if self._within is None or self._dispatcher.instrumentation is not None:
            await settle(self._dispatcher, limit, grace)
        events = self._matching()
        if self._within is not None and not events:
            await self._wait(self._within, limit)
            events = self._matching()
        if events:
            from asgi_sio_testclient._client.diagnosis import (  # noqa: PLC0415 (where it fails)
                show_event,
            )

            wanted = "no event" if self._event is None else f"no {self._event!r}"
            everywhere = self._namespace == ALL
            where = "any namespace" if everywhere else f"namespace {self._namespace!r}"
            first = f"expected {wanted} in {where}, but {len(events)} arrived: "
            raise UnexpectedEvent(first + show_event(events[0]), events)

    def _matching(self) -> list[ReceivedEvent]:
        return self._dispatcher.inbox.matching(self._event, self._namespace, self._match)

    async def _wait(self, seconds: float, limit: float) -> None:
        """Return after `seconds` (virtual ones within `time_travel`), or when an event arrives that
        fits; the event stays unread.
        """
        dispatcher, running_app = self._dispatcher, self._dispatcher.running_app
        if virtual_time.is_travelling(running_app.loop):
            await virtual_time.advance(running_app, seconds, limit)
            await settle(dispatcher, limit, None)
            return
        future: asyncio.Future[Any] = running_app.loop.create_future()
        waiter = Waiter(self._event, self._namespace, self._match, future)
        dispatcher.inbox.add_waiter(waiter)
        try:
            numbered = await running_app.services.deadlines.wait(future, seconds)
        except NotConnected:
            return  # no further event can arrive
        finally:
            dispatcher.inbox.remove(waiter)
        if numbered is not EXPIRED:
            dispatcher.inbox.put_back(numbered)
