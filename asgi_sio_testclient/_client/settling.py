"""Waits until sources of idleness are idle: `settle`, and the ends of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._client.server_access import require_local_server, require_server
from asgi_sio_testclient._connection.arguments import check_timeout
from asgi_sio_testclient._waiting.deadlines import EXPIRED, finish
from asgi_sio_testclient._waiting.idle import SupportsIdle
from asgi_sio_testclient._waiting.rest import RestCheck

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher

__all__ = ["settle", "wait_disconnected", "wait_idle", "wait_idle_and_raise"]

__tracebackhide__ = True


async def settle(dispatcher: Dispatcher, limit: float, grace: float | None) -> None:
    """See `TestClient.settle`.

    Args:
        dispatcher: the client that waits.
        limit: seconds.
        grace: seconds; None for the client's grace.
    """
    dispatcher.require_running()
    running_app = dispatcher.running_app
    instead = ": await an event that comes after it"
    require_local_server(running_app, "settle()", instead)
    if dispatcher.session is not None:
        require_server(dispatcher)
    if grace is None:
        grace = dispatcher.options.grace
    else:
        check_timeout(grace, "grace")
    waiting_handler = running_app.own_handler_of_current_task()
    if waiting_handler:
        raise dispatcher.diagnostics().settles_in_handler(waiting_handler)
    rest = RestCheck(running_app.services.work, grace)
    await wait_idle_and_raise(dispatcher, running_app.idle_sources, limit, "settle", rest)


async def wait_disconnected(
    dispatcher: Dispatcher, session: SupportsIdle | None, what: str
) -> None:
    """Wait until the app's disconnect handler has ended in `session`; None needs no wait.

    Raises:
        EventTimeout: the handler did not end within the client's timeout; `what` is the call.
        Exception: what the app raised because of this client.
    """
    if session is not None:
        limit = dispatcher.options.timeout
        await wait_idle_and_raise(dispatcher, lambda: [session], limit, what)


async def wait_idle_and_raise(
    dispatcher: Dispatcher,
    sources: Callable[[], Iterable[SupportsIdle]],
    limit: float,
    what: str,
    rest: RestCheck | None = None,
) -> None:
    """Wait until `sources` are idle, then raise an exception of the app that no call has raised
    yet.

    Args:
        dispatcher: the client that waits.
        sources: returns the sources of idleness.
        limit: seconds.
        what: the call that waits, for the error.
        rest: checks whether the app is at rest; None if only the sources matter.

    Raises:
        EventTimeout: a source was not idle after `limit` seconds.
        Exception: what the app raised because of this client.
    """
    if await wait_idle(dispatcher, sources, limit, rest) is EXPIRED:
        dispatcher.errors.raise_unretrieved()
        at_work = [] if rest is None else rest.describe()
        raise dispatcher.diagnostics(at_work).still_running(what, limit)
    dispatcher.errors.raise_unraised()


async def wait_idle(
    dispatcher: Dispatcher,
    sources: Callable[[], Iterable[SupportsIdle]],
    limit: float,
    rest: RestCheck | None = None,
) -> Any:
    """Wait until `sources` are idle; return `EXPIRED` after `limit` seconds."""
    services, settling = dispatcher.running_app.services, dispatcher.errors.settling
    if services.work.unnoted:
        services.work.note_resting_places()
    future: asyncio.Future[Any] = services.loop.create_future()
    settling.append(future)
    remove = services.idle.when_idle(sources, lambda: finish(future), rest)
    try:
        return await services.deadlines.wait(future, limit)
    finally:
        settling.remove(future)
        remove()
