"""Whether a coroutine is internal code, of the servers or of this package."""

from __future__ import annotations

import asyncio
from pathlib import PurePath
from types import CodeType
from typing import Any

from asgi_sio_testclient._waiting.suspended import is_library, is_own

__all__ = ["INTERNAL_CODES", "KNOWN_INTERNAL", "is_servers_task"]

__tracebackhide__ = True


class _InternalCodes:
    """Finds out whether a coroutine's code is internal code of the servers or of this package.

    Tasks of such code wait for the client, for a timer of Engine.IO or for their next turn only,
    and each packet has some of them.

    Attributes:
        known: the answer by the id() of a code object: hashing a code object takes longer, since it
            goes over the constants, and from Python 3.12 on over the instructions.
    """

    def __init__(self) -> None:
        self.known: dict[int, bool] = {}
        self._codes: list[CodeType] = []  # held, so that no other code object gets the id

    def includes(self, code: CodeType) -> bool:
        """Return whether a code object is internal code."""
        answer = self.known.get(id(code))
        if answer is None:
            self._codes.append(code)
            answer = code in _WAITS or is_own(code) or _is_servers_own(code)
            self.known[id(code)] = answer
        return answer


def _is_servers_own(code: CodeType) -> bool:
    """Return whether code is python-engineio's, or a private part of python-socketio's. The call of
    the ASGI app does not count: if it runs in a task of its own, a middleware has begun the task.
    """
    parts = PurePath(code.co_filename).parts if is_library(code) else ()
    if "engineio" in parts:
        return code.co_qualname != "ASGIApp.__call__"
    return "socketio" in parts and code.co_name.startswith("_")


# wait_for() begins a task for these; no code of the app runs in it.
_WAITS = frozenset(
    wait.__code__
    for wait in (
        asyncio.Condition.wait,
        asyncio.Event.wait,
        asyncio.Lock.acquire,
        asyncio.Queue.get,
        asyncio.Semaphore.acquire,
    )
)
INTERNAL_CODES = _InternalCodes()
KNOWN_INTERNAL = INTERNAL_CODES.known


def is_servers_task(task: asyncio.Task[Any]) -> bool:
    """Return whether a task is one of the server's own, such as one that sends a packet."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and INTERNAL_CODES.includes(code) and not is_own(code)
