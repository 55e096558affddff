"""The argument `io`: the files and modules whose sleeps stand for I/O."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePath
from types import FrameType, ModuleType
from typing import Any

__all__ = ["Outside"]

__tracebackhide__ = True


class Outside:
    """The files and modules whose sleeps stand for I/O. If `io` is empty, every sleep of the app
    stands for I/O.

    Args:
        io: names of files ("fakes.py", "tests/fakes.py"), names of modules or packages
            ("app.fakes"), or modules; a list of them, or a single one.

    Raises:
        TypeError: `io` has anything else in it.
    """

    def __init__(self, io: Any = ()) -> None:
        given: Iterable[Any] = (io,) if isinstance(io, str | os.PathLike | ModuleType) else io
        self.names = tuple(_name(entry) for entry in given)
        self._known: dict[tuple[str, str], bool] = {}

    def __bool__(self) -> bool:
        return bool(self.names)

    def has(self, frame: FrameType) -> bool:
        """Return whether a frame runs code of these files and modules."""
        key = frame.f_code.co_filename, str(frame.f_globals.get("__name__", ""))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = any(_is_named(name, *key) for name in self.names)
        return found


def _name(entry: Any) -> str:
    if isinstance(entry, ModuleType):
        return entry.__name__
    if isinstance(entry, str | os.PathLike):
        return os.fspath(entry)
    raise TypeError(f"io has {entry!r}; expected names of files or modules")


def _is_named(name: str, file: str, module: str) -> bool:
    if name.endswith(".py") or os.sep in name or "/" in name:
        parts, wanted = PurePath(file).parts, PurePath(name).parts
        return parts[-len(wanted) :] == wanted or wanted == parts[: len(wanted)]
    parts, wanted = tuple(module.split(".")), tuple(name.split("."))
    return (
        parts[: len(wanted)] == wanted
        or parts[-len(wanted) :] == wanted
        or (PurePath(file).stem == name)
    )
