"""Waits until sources of idleness are idle: `settle`, and the ends of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._waiting.deadlines import EXPIRED, finish
from asgi_sio_testclient._waiting.idle import SupportsIdle
from asgi_sio_testclient._waiting.rest import RestCheck

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher

__all__ = ["settled", "wait_idle"]

__tracebackhide__ = True


async def settled(
    state: Dispatcher,
    sources: Callable[[], Iterable[SupportsIdle]],
    limit: float,
    what: str,
    rest: RestCheck | None = None,
) -> None:
    """Wait until `sources` are idle, then raise what the app raised and no call has raised yet.

    Args:
        state: the client that waits.
        sources: returns what has to be idle.
        limit: seconds.
        what: the call that waits, for the error.
        rest: tells whether the app is at rest; None where that is not asked.

    Raises:
        EventTimeout: they were not idle after `limit`.
        Exception: what the app raised because of this client.
    """
    if await wait_idle(state, sources, limit, rest) is EXPIRED:
        state.errors.raise_unretrieved()
        at_work = [] if rest is None else rest.describe()
        raise state.situation(at_work).still_running(what, limit)
    state.errors.raise_unraised()


async def wait_idle(
    state: Dispatcher,
    sources: Callable[[], Iterable[SupportsIdle]],
    limit: float,
    rest: RestCheck | None = None,
) -> Any:
    """Wait until `sources` are idle; returns `EXPIRED` after `limit` seconds."""
    services, settling = state.runtime.services, state.errors.settling
    if services.work.unnoted:
        services.work.note_resting_places()
    future: asyncio.Future[Any] = services.loop.create_future()
    settling.append(future)
    forget = services.idle.when_idle(sources, lambda: finish(future), rest)
    try:
        return await services.deadlines.wait(future, limit)
    finally:
        settling.remove(future)
        forget()
