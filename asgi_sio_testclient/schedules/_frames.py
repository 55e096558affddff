"""Finds the owner of a frame's code (the app, or a library), and the frames of a suspended task."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import gc
import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import CodeType, FrameType, ModuleType
from typing import Any

import anyio
import engineio
import socketio

__all__ = [
    "Frames",
    "Owner",
    "Site",
    "awaited",
    "chain",
    "is_stand_in",
    "names_of",
    "place",
    "profiled",
    "running",
]

__tracebackhide__ = True


class Owner(enum.Enum):
    """Where the code of a frame comes from."""

    APP = "app"
    LIBRARY = "library"
    ASYNCIO = "asyncio"
    ANYIO = "anyio"
    SOCKETIO = "socketio"
    CLIENT = "client"  # this package
    ENTRY = "entry"  # engineio.AsyncServer.handle_request: outer frames are not the app's handlers


def _folder(module: ModuleType) -> str:
    return str(PurePath(str(module.__file__)).parent) + os.sep


_PACKAGES = (
    (str(Path(__file__).parent.parent) + os.sep, Owner.CLIENT),
    (_folder(socketio), Owner.SOCKETIO),
    (_folder(engineio), Owner.SOCKETIO),
    (_folder(anyio), Owner.ANYIO),
    (_folder(asyncio), Owner.ASYNCIO),
)
_STANDARD = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_ENTRY = engineio.AsyncServer.handle_request.__code__
_DISPATCH = {"_trigger_event", "trigger_event"}
_STEP = asyncio.Handle._run.__code__
_LINES_OF_A_FAKE = 2  # the line of its `def`, and one statement
_KINDS = (
    ("cr_frame", "cr_await"),
    ("gi_frame", "gi_yieldfrom"),
    ("ag_frame", "ag_await"),
)


def _installed(file: str) -> tuple[str, str, str]:
    """Split a file's path at the directory of installed packages; (path, "", "") for other
    files.
    """
    return next((file.partition(part) for part in _INSTALLED if part in file), (file, "", ""))


def chain(awaitable: Any) -> Iterator[FrameType]:
    """Yield the frames of a suspended coroutine, outermost first."""
    while awaitable is not None:
        kind = next((kind for kind in _KINDS if getattr(awaitable, kind[0], None)), None)
        if kind is None:
            # The objects of `async_generator.asend()`, as in an async context manager, and of a
            # coroutine's `__await__` have no attribute for the coroutine in them.
            awaitable = _hidden(awaitable)
            continue
        yield getattr(awaitable, kind[0])
        awaitable = getattr(awaitable, kind[1])


def _hidden(awaitable: Any) -> Any:
    if isinstance(awaitable, asyncio.Future) or type(awaitable).__module__ != "builtins":
        return None
    found = gc.get_referents(awaitable)
    return next((thing for thing in found if _has_frame(thing)), None)


def _has_frame(thing: Any) -> bool:
    return any(getattr(thing, name, None) is not None for name, _ in _KINDS)


def running(stop: Iterable[CodeType] = ()) -> list[FrameType]:
    """Return the frames of the task step that runs now, outermost first.

    Args:
        stop: code objects; frames from a frame of this code outwards are left out.
    """
    ends = {_STEP, *stop}
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code not in ends:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


@contextlib.contextmanager
def profiled(note: Callable[[FrameType, str, Any], object]) -> Iterator[None]:
    """Call `note` for each call and return within the block, as `sys.setprofile` does."""
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)


def awaited(task: asyncio.Task[Any]) -> list[FrameType]:
    """Return the frames of a suspended task, outermost first."""
    return list(chain(task.get_coro()))


@dataclass(frozen=True, slots=True)
class Site:
    """The place where code of the app waits.

    Attributes:
        frame: the innermost frame of the app's code.
        callee: the owner of the function that the app's code awaits; None without a function.
        name: the name of that function.
        inside_client: whether a function of this package is awaited, directly or not.
    """

    frame: FrameType
    callee: Owner | None
    name: str
    inside_client: bool


class Frames:
    """Distinguishes the app's code from the code of libraries."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}
        self._installed_apps: list[str] = []

    def owner(self, code: CodeType) -> Owner:
        """Return the owner of a code object."""
        if code is _ENTRY:
            return Owner.ENTRY
        name = code.co_filename  # not `code`: equal code objects may be of different files
        owner = self._owners.get(name)
        if owner is None:
            owner = self._owners[name] = self._find_owner(name)
        return owner

    def _find_owner(self, name: str) -> Owner:
        for folder, owner in _PACKAGES:
            if name.startswith(folder):
                return owner
        if _installed(name)[1]:
            return Owner.APP if name.startswith(tuple(self._installed_apps)) else Owner.LIBRARY
        return Owner.LIBRARY if name.startswith((*_STANDARD, "<frozen")) else Owner.APP

    def _add_installed_app(self, code: CodeType) -> None:
        """Count an installed package as the app's code: the package has a handler."""
        root, part, rest = _installed(code.co_filename)
        if part:
            top, separator, _ = rest.partition(os.sep)
            self._installed_apps.append(f"{root}{part}{top}{separator}")
            self._owners.clear()

    def site(self, frames: Sequence[FrameType]) -> Site | None:
        """Return the place where the app's code waits.

        Args:
            frames: the frames of a task, outermost first.

        Returns:
            The place; None if no frame is of the app's code.
        """
        app: FrameType | None = None
        callee: Owner | None = None
        name, inside_client, dispatched = "", False, False
        for frame in frames:
            code = frame.f_code
            owner = self.owner(code)
            if dispatched and owner is Owner.LIBRARY:
                self._add_installed_app(code)
                owner = self.owner(code)
            if owner is Owner.ENTRY:
                app, callee, inside_client = None, None, False
            elif owner is Owner.APP:
                app, callee, inside_client = frame, None, False
            elif app is not None:
                if callee is None:
                    callee, name = owner, code.co_name
                inside_client = inside_client or owner is Owner.CLIENT
            dispatched = owner is Owner.SOCKETIO and code.co_name in _DISPATCH
        if app is None:
            return None
        return Site(app, callee, name, inside_client)

    def own(self, frames: Iterable[FrameType]) -> list[FrameType]:
        """Return the frames of the app's code."""
        return [frame for frame in frames if self.owner(frame.f_code) is Owner.APP]


def is_stand_in(code: CodeType) -> bool:
    """Return whether a function has one statement only, as the fake of a database call has."""
    return len({line for _, _, line in code.co_lines() if line}) <= _LINES_OF_A_FAKE


def place(frame: FrameType) -> tuple[str, int]:
    """Return the file and the line of a frame, for `names_of`."""
    return frame.f_code.co_filename, frame.f_lineno


def names_of(where: tuple[str, int]) -> tuple[str, str]:
    """Return a place as FILE:LINE, and its source line."""
    file, line = where
    source = linecache.getline(file, line).partition("  #")[0].strip()
    return f"{PurePath(file).name}:{line}", source
