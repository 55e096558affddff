"""Records the waits of a test while a `trace.recording` is active."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._waiting.suspended import frame_suspended_at, is_library
from asgi_sio_testclient.trace import Recording, Wait

if TYPE_CHECKING:
    from asgi_sio_testclient._client.client import TestClient

__all__ = ["record_awaits"]

__tracebackhide__ = True

_METHODS = ("connect", "call", "await_event", "await_events", "settle", "assert_not_received")


def record_awaits(client: TestClient, recording: Recording) -> None:
    """Replace the awaited methods of this one client by recorded ones."""
    for name in _METHODS:
        setattr(client, name, _recorded(client, getattr(client, name), recording))


def _recorded(
    client: TestClient, method: Callable[..., Coroutine[Any, Any, Any]], recording: Recording
) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return a method that does the same, and adds a `Wait` to the recording."""

    @functools.wraps(method)
    async def awaited(*args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        caller = sys._getframe().f_back
        wait = Wait(perf_counter(), _call(method.__name__, args), client=client.transcript.name)
        if caller is not None and not is_library(caller.f_code):
            wait.place = frame_suspended_at(caller)
        recording.waits.append(wait)
        try:
            return await method(*args, **options)
        except BaseException as exc:
            wait.error = exc
            raise
        finally:
            wait.end = perf_counter()

    return awaited


def _call(name: str, args: tuple[Any, ...]) -> str:
    """Return the call as a line, without the auth payload and other data."""
    shown = [repr(arg) for arg in args[:2] if isinstance(arg, str | int)]
    return f"{name}({', '.join(shown)})"
