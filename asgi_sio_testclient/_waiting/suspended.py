"""Where a task is suspended, for people. Knows Python's frames and nothing else."""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from types import CodeType, FrameType
from typing import Any

__all__ = [
    "codes_in_thread",
    "is_library",
    "place_in_thread",
    "place_of",
    "place_of_awaitable",
    "place_of_frame",
    "suspended_codes",
]

_LIBRARIES = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")})
_KINDS = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}
_OWN = f"{PurePath(__file__).parent.parent}{os.sep}"


def place_of(task: asyncio.Task[Any]) -> str:
    """The innermost suspended frame of the app's own in a task: file, line, function and source; ""
    for none.
    """
    return place_of_awaitable(task.get_coro())


def place_of_awaitable(awaitable: Any) -> str:
    """The innermost suspended frame of the app's own in a coroutine or another awaitable, as in
    `place_of`.
    """
    return _innermost(list(_suspended(awaitable)))


def place_in_thread(ident: int) -> str:
    """The innermost frame of the app's own in a thread, as in `place_of`."""
    return _innermost(_in_thread(ident))


def _innermost(frames: Sequence[FrameType]) -> str:
    own = [frame for frame in frames if not is_library(frame.f_code)]
    if not own:
        return ""
    return place_of_frame(own[-1])


def place_of_frame(frame: FrameType) -> str:
    """A frame's file, line, function and source."""
    code = frame.f_code
    source = linecache.getline(code.co_filename, frame.f_lineno).strip()
    return f"{PurePath(code.co_filename).name}:{frame.f_lineno} in {code.co_qualname}: {source}"


def suspended_codes(task: asyncio.Task[Any]) -> list[CodeType]:
    """The code of every frame that a task is suspended in, outermost first."""
    return [frame.f_code for frame in _suspended(task.get_coro())]


def codes_in_thread(ident: int) -> list[CodeType]:
    """The code of every frame that a thread is in, outermost first."""
    return [frame.f_code for frame in _in_thread(ident)]


def _in_thread(ident: int) -> list[FrameType]:
    frame, frames = sys._current_frames().get(ident), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _suspended(awaitable: Any) -> Iterator[FrameType]:
    """The frames of a chain of awaits, outermost first."""
    while awaitable is not None:
        prefix = next((kind for kind in _KINDS if hasattr(awaitable, f"{kind}_frame")), None)
        if prefix is None:
            # `async_generator.asend()`, as in a context manager that is one, hides its generator.
            hidden = gc.get_referents(awaitable)
            awaitable = next((thing for thing in hidden if hasattr(thing, "ag_frame")), None)
            continue
        frame = getattr(awaitable, f"{prefix}_frame")
        if frame is None:
            return
        yield frame
        awaitable = getattr(awaitable, _KINDS[prefix])


def is_library(code: CodeType) -> bool:
    """Whether code belongs to the standard library, an installed package or this package."""
    return code.co_filename.startswith((*_LIBRARIES, _OWN, "<frozen"))
