"""Tasks of an app that have ended with an earlier client, or that never ran, for the error of a
wait for an event of theirs.

An app that begins a loop only once, by a flag, has no such loop with the next client: the loop
ended together with the event loop, or with the last client, in which it was begun.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections.abc import Iterable
from pathlib import PurePath
from types import CodeType
from typing import Any

from asgi_sio_testclient._waiting.suspended import is_library

__all__ = ["AppTask", "ended_before", "never_run", "note_ended"]

__tracebackhide__ = True


class AppTask:
    """A task of the app, by the code of its coroutine."""

    def __init__(self, code: CodeType) -> None:
        self.code = code

    def __str__(self) -> str:
        file = PurePath(self.code.co_filename).name
        return f"{self.code.co_qualname} ({file}:{self.code.co_firstlineno})"

    def mentions(self, word: str) -> bool:
        """Return whether the code has `word` among its constants."""
        return _mentions(self.code, word)


# By Engine.IO server: the tasks that ended with its last client.
_ENDED: weakref.WeakKeyDictionary[Any, list[AppTask]] = weakref.WeakKeyDictionary()


def note_ended(eio: Any, tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Record the tasks that end with a server's last client."""
    for task in tasks:
        code = _code_of(task)
        if code is None or task.done():
            continue
        known = _ENDED.setdefault(eio, [])
        if all(other.code is not code for other in known):
            known.append(AppTask(code))


def ended_before(eio: Any, running: Iterable[asyncio.Task[Any]]) -> list[AppTask]:
    """Return the tasks that ended with an earlier client of a server and do not run again."""
    codes = [_code_of(task) for task in running]
    return [task for task in _ENDED.get(eio, ()) if task.code not in codes]


def never_run() -> list[AppTask]:
    """Return the tasks that were begun in an event loop that does not run, for example at
    import.
    """
    current = asyncio.get_running_loop()
    found = []
    for thing in gc.get_objects():
        if not issubclass(type(thing), asyncio.Task) or thing.done():
            continue
        loop, coroutine = thing.get_loop(), thing.get_coro()
        waiting = inspect.iscoroutine(coroutine) and (
            inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED
        )
        idle = loop is not current and not loop.is_running() and not loop.is_closed()
        code = _code_of(thing)
        if waiting and idle and code is not None:
            found.append(AppTask(code))
    return found


def _code_of(task: asyncio.Task[Any]) -> CodeType | None:
    """Return the code of a task's coroutine, if it is the app's own."""
    code = getattr(task.get_coro(), "cr_code", None)
    return code if inspect.iscode(code) and not is_library(code) else None


def _mentions(code: CodeType, word: str) -> bool:
    return any(
        constant == word if not inspect.iscode(constant) else _mentions(constant, word)
        for constant in code.co_consts
    )
