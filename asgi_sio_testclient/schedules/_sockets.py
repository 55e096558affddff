"""Refuses real sockets and processes: the virtual clock can't wait for another process."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import PurePath
from types import FrameType
from typing import Any

from socketio.async_pubsub_manager import AsyncPubSubManager

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules._frames import awaited, running

__all__ = ["refuse"]

__tracebackhide__ = True

_MANAGER = "use AsyncInMemoryManager of asgi_sio_testclient.pubsub in this test, or an AsyncManager"
_OTHER = "use a stand-in in this test, or name the module that opens the {what} in io="


def refuse(name: str) -> Any:
    """Return a method for the loop that refuses to open a socket or begin a process, unless a
    function of a file in `io` calls the method.

    Args:
        name: the name of the method of asyncio's loop.
    """
    real = getattr(asyncio.SelectorEventLoop, name)

    async def method(loop: Any, *args: Any, **options: Any) -> Any:
        *callers, _ = running()
        frames = callers[::-1]
        if not any(loop.recorder.outside.has(frame) for frame in frames if loop.recorder.outside):
            loop.fatal = _refusal(loop, name, frames)
            raise loop.fatal
        return await real(loop, *args, **options)

    method.__name__ = name
    return method


def _refusal(loop: Any, name: str, frames: list[FrameType]) -> UsageError:
    for frame in frames:
        owner = frame.f_locals.get("self")
        if isinstance(owner, AsyncPubSubManager):
            return UsageError(
                f"a real socket: {type(owner).__name__} connects to its broker over the network, "
                f"and schedules are explored in virtual time: {_MANAGER}"
            )
    frame = [*_own_frames(loop, frames), *frames, sys._getframe()][0]
    where = f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
    what = "process" if name.startswith("subprocess") else "socket"
    return UsageError(
        f"a real {what}: {where} leads to {name}(), and schedules are explored in virtual time: "
        f"{_OTHER.format(what=what)}"
    )


def _own_frames(loop: Any, frames: list[FrameType]) -> list[FrameType]:
    """Return the app's frames, innermost first: of the current task, then of the tasks that created
    the current task.
    """
    path = loop.path(asyncio.current_task(loop))
    tasks = {loop.path(task): task for task in asyncio.all_tasks(loop)}
    above = [path[:end] for end in range(len(path) - 1, 0, -1)]
    stacks = [awaited(tasks[creator])[::-1] for creator in above if creator in tasks]
    return loop.recorder.frames.own(itertools.chain(frames, *stacks))  # type: ignore[no-any-return]
