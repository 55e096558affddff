"""Instruments servers, each once in an event loop, and restores them after the last user."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import engineio

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._server.asyncio_server import AsyncioInstrumentation
from asgi_sio_testclient._server.find import socketio_server_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from asgi_sio_testclient._server.protocol import ServerInstrumentation
    from asgi_sio_testclient._waiting.services import LoopServices

__all__ = ["instrument", "restore"]

__tracebackhide__ = True

# By server, the instrumentation of each event loop that uses the server; later hooks are on top.
_INSTRUMENTATIONS: weakref.WeakKeyDictionary[Any, list[ServerInstrumentation]] = (
    weakref.WeakKeyDictionary()
)


def instrument(eio: Any, services: LoopServices) -> ServerInstrumentation:
    """Return the instrumentation of a server in an event loop. Call `restore` once for each call.

    The server may be in use in another loop that does not run at present, such as pytest-asyncio's
    session loop during a test with another loop: each loop has its own instrumentation.

    Raises:
        UsageError: a client of the same server is in use in another loop that runs, in another
            thread; or, for a server in threads, in another loop that is not closed. Or the server
            is not supported: see `ThreadedInstrumentation`.
    """
    others = _INSTRUMENTATIONS.setdefault(eio, [])
    current = next((other for other in others if other.services is services), None)
    if current is None:
        for other in list(others):
            _release_closed_loop(other, services, others)
        # The hooks of another loop have replaced the server's own handler.
        sio = others[-1].sio if others else socketio_server_of(eio)
        current = _kind_of(eio)(eio, sio, services)
        _put_on_top(current, others)
    current.users += 1
    return current


def _kind_of(eio: Any) -> Callable[[Any, Any, LoopServices], ServerInstrumentation]:
    if not isinstance(eio, engineio.Server):
        return AsyncioInstrumentation
    from asgi_sio_testclient._server.threaded_server import (  # noqa: PLC0415 (few servers)
        ThreadedInstrumentation,
    )

    return ThreadedInstrumentation


def _release_closed_loop(
    other: ServerInstrumentation,
    services: LoopServices,
    instrumentations: list[ServerInstrumentation],
) -> None:
    """Remove the instrumentation of a closed loop, whose client was never closed.

    Raises:
        UsageError: the other loop is not closed, and the server can't run in both.
    """
    loop = other.services.loop
    if loop is services.loop or loop.is_closed():
        _take_away(other, instrumentations)
        other.release()
    elif loop.is_running() or not other.shares:
        parked = "" if loop.is_running() else ", which does not run now but is not closed"
        raise UsageError(
            f"the app's server is in use by a client in another event loop{parked}, and can't "
            "run in two at once: exit that client first, or use its clone() for another user"
        )


def _put_on_top(
    current: ServerInstrumentation, instrumentations: list[ServerInstrumentation]
) -> None:
    current.install(instrumentations[-1].hooks if instrumentations else None)
    instrumentations.append(current)


def _take_away(
    current: ServerInstrumentation, instrumentations: list[ServerInstrumentation]
) -> None:
    """Remove the hooks of one instrumentation; hooks on top are removed before, and put back
    after.
    """
    if len(instrumentations) == 1:
        current.restore()
        instrumentations.clear()
        return
    position = instrumentations.index(current)
    above = instrumentations[position + 1 :]
    for other in [*reversed(above), current]:
        other.restore()
    del instrumentations[position:]
    for other in above:
        _put_on_top(other, instrumentations)


def restore(current: ServerInstrumentation) -> list[asyncio.Task[Any]]:
    """Undo one call of `instrument`; after the last one, return the tasks to wait for."""
    current.users -= 1
    if current.users:
        return []
    instrumentations = _INSTRUMENTATIONS.get(current.eio, [])
    if current in instrumentations:
        _take_away(current, instrumentations)
    return current.stop_tasks()
