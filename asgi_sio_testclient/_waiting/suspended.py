"""Where a task is suspended, for error texts: read from Python's frames."""

from __future__ import annotations

import asyncio
import enum
import functools
import gc
import linecache
import os
import sys
from collections.abc import Container, Iterator, Sequence
from pathlib import PurePath
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

__all__ = [
    "Frames",
    "Suspension",
    "WaitsFor",
    "awaitable_suspended_at",
    "codes_in_thread",
    "frame_suspended_at",
    "is_library",
    "is_own",
    "suspended_at",
    "suspended_codes",
    "suspension_of",
    "thread_suspended_at",
]

__tracebackhide__ = True

_STANDARD = f"{os.path.dirname(os.__file__)}{os.sep}"  # noqa: PTH120 (as it stands in a code's name)
# Installed packages: of this environment, of another environment on the path, of `pip install
# --user`, of Debian.
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_KINDS = {"cr": "cr_await", "gi": "gi_yieldfrom", "ag": "ag_await"}
_OWN = f"{PurePath(__file__).parent.parent}{os.sep}"
Frames = tuple[tuple[CodeType, int], ...]  # code and line of each, outermost first


def suspended_at(task: asyncio.Task[Any]) -> str:
    """Return the innermost suspended frame of the app's own code in a task: file, line,
    function and source; "" for none.
    """
    return awaitable_suspended_at(task.get_coro())


def awaitable_suspended_at(awaitable: Any) -> str:
    """Return the innermost suspended frame of the app's own code in a coroutine or another
    awaitable, as `suspended_at` does.
    """
    return _innermost(list(_suspended(awaitable)))


def thread_suspended_at(ident: int) -> str:
    """Return the innermost frame of the app's own code in a thread, as `suspended_at` does."""
    return _innermost(_in_thread(ident))


def _innermost(frames: Sequence[FrameType]) -> str:
    own = [frame for frame in frames if not is_library(frame.f_code)]
    if not own:
        return ""
    return frame_suspended_at(own[-1])


def frame_suspended_at(frame: FrameType) -> str:
    """Return a frame's file, line, function and source."""
    return _place(frame.f_code, frame.f_lineno)


def place_in_traceback(traceback: TracebackType | None) -> str:
    """Return the innermost frame of the app's own code in a traceback, as `suspended_at` does."""
    place = ""
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not is_library(code):
            place = _place(code, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _place(code: CodeType, line: int) -> str:
    source = linecache.getline(code.co_filename, line).strip()
    return f"{PurePath(code.co_filename).name}:{line} in {code.co_qualname}: {source}"


def suspended_codes(task: asyncio.Task[Any]) -> list[CodeType]:
    """Return the code of every frame in which a task is suspended, outermost first."""
    return [frame.f_code for frame in _suspended(task.get_coro())]


def codes_in_thread(ident: int) -> list[CodeType]:
    """Return the code of every frame of a thread, outermost first."""
    return [frame.f_code for frame in _in_thread(ident)]


def _in_thread(ident: int) -> list[FrameType]:
    frame, frames = sys._current_frames().get(ident), []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _suspended(awaitable: Any) -> Iterator[FrameType]:
    """Return the frames of a chain of awaits, outermost first."""
    while awaitable is not None:
        prefix = _kind_of(awaitable)
        if prefix is None:
            # `async_generator.asend()`, as in a context manager that is one, has no attribute for
            # its generator; nor has the iterator of a coroutine's `__await__` for the coroutine.
            hidden = () if isinstance(awaitable, asyncio.Future) else gc.get_referents(awaitable)
            awaitable = next((thing for thing in hidden if _kind_of(thing) is not None), None)
            continue
        frame = getattr(awaitable, f"{prefix}_frame")
        if frame is None:
            return
        yield frame
        awaitable = getattr(awaitable, _KINDS[prefix])


def _kind_of(awaitable: Any) -> str | None:
    return next((kind for kind in _KINDS if hasattr(awaitable, f"{kind}_frame")), None)


def is_library(code: CodeType) -> bool:
    """Return whether code belongs to the standard library, an installed package or this package."""
    name = code.co_filename
    return name.startswith((_STANDARD, _OWN, "<frozen")) or any(
        folder in name for folder in _INSTALLED
    )


def is_own(code: CodeType) -> bool:
    """Return whether code belongs to this package."""
    return code.co_filename.startswith(_OWN)


class WaitsFor(enum.Enum):
    """What a suspended task waits for, according to its frames."""

    TIMER = "timer"  # asyncio.sleep()
    APP = "app"  # a queue, lock, event, task or future that code of the app has to set
    THREAD = "thread"  # a call that runs in an executor
    OUTSIDE = "outside"  # a library's future: a socket, a subprocess, another thread


class Suspension(NamedTuple):
    """Where a task is suspended.

    Attributes:
        frames: code and line of every frame, outermost first.
        waits_for: what has to happen for the task to go on.
        timer: the timer of ``asyncio.sleep()``, for WaitsFor.TIMER.
    """

    frames: Frames
    waits_for: WaitsFor
    timer: asyncio.TimerHandle | None = None


def suspension_of(task: asyncio.Task[Any], waiter: Any, in_executor: Container[Any]) -> Suspension:
    """Return where a task is suspended, and what it waits for.

    Args:
        task: a suspended task.
        waiter: the future that the task awaits.
        in_executor: the futures of calls in an executor.
    """
    frames = list(_suspended(task.get_coro()))
    place = tuple((frame.f_code, frame.f_lineno) for frame in frames)
    if frames and frames[-1].f_code is _SLEEP:
        return Suspension(place, WaitsFor.TIMER, frames[-1].f_locals["h"])
    return Suspension(place, _waits_for(waiter, [frame.f_code for frame in frames], in_executor))


def _waits_for(waiter: Any, codes: Sequence[CodeType], in_executor: Container[Any]) -> WaitsFor:
    """Return what a task waits for, by the code of its frames; `codes` are outermost first."""
    if not codes or isinstance(waiter, asyncio.Task):
        return WaitsFor.APP
    innermost = codes[-1]
    if waiter in in_executor or innermost.co_name == _ANYIO_THREAD or _is_chained(waiter):
        return WaitsFor.THREAD
    if any("Socket" in code.co_qualname and "anyio" in _parts(code) for code in codes):
        return WaitsFor.OUTSIDE
    parts = _parts(innermost)
    if not is_library(innermost) or is_own(innermost) or _SERVERS.intersection(parts):
        return WaitsFor.APP
    if "asyncio" in parts and parts[-1] in _ASYNCIOS_WAITS:
        return WaitsFor.APP
    if "anyio" in parts and innermost.co_qualname.startswith("TaskGroup."):
        return WaitsFor.APP
    return WaitsFor.OUTSIDE


_SLEEP = asyncio.sleep.__code__
_ANYIO_THREAD = "run_sync_in_worker_thread"
_SERVERS = frozenset({"engineio", "socketio"})
_ASYNCIOS_WAITS = frozenset(
    {"futures.py", "locks.py", "queues.py", "taskgroups.py", "tasks.py", "timeouts.py"}
)


def _is_chained(waiter: Any) -> bool:
    """Return whether a future stands for a `concurrent.futures.Future`: asyncio.wrap_future()."""
    callbacks = getattr(waiter, "_callbacks", None) or ()
    names = (getattr(callback, "__qualname__", "") for callback, _ in callbacks)
    return any(name.startswith("_chain_future") for name in names)


@functools.lru_cache(maxsize=1024)
def _parts(code: CodeType) -> tuple[str, ...]:
    return PurePath(code.co_filename).parts
