"""The points of a run: where the outside decides when the program goes on, and what is held there.

A point is a packet's arrival, the timer of a `sleep` in the app's own code, a bare yield (a fake's
stand-in for I/O), or the return of a call into python-socketio. Never: a task's start, a wakeup by
a Lock, an Event, a Queue, a Future or a Task, and nothing of Engine.IO's or of the client's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import CodeType, FrameType
from typing import Any, Protocol

from asgi_sio_testclient.schedules._frames import (
    Frames,
    Owner,
    Site,
    awaited,
    is_stand_in,
    place,
    running,
)
from asgi_sio_testclient.schedules._io import Outside
from asgi_sio_testclient.schedules._schedule import START, Key, Point

__all__ = ["Recorder"]

__tracebackhide__ = True

TEST = (1,)  # the path of the test's own task
_YIELDS = {"sleep", "checkpoint"}
_SUSPENDED = ("cr_suspended", "gi_suspended")


class Tell(Protocol):
    """Takes what a story is made of."""

    def __call__(self, kind: str, *what: Any) -> None:
        """One thing happens."""

    def end(self, error: BaseException | None) -> None:
        """The scenario ends."""


class Recorder:
    """Decides for each point of one run whether it is held, and notes what a search needs.

    Args:
        holds: what is held.
        outside: what `io` names.
        frames: tells the app's code from libraries.
        records: note points, moments and the trace; else only the points of tasks with holds are
            looked at.

    Attributes:
        points: in the order in which they were reached.
        moments: times at which something happens, or was to happen.
        trace: what happened, to be compared with that of another run.
        codes: the code of all frames that stood at a point.
        came: the holds whose points were reached.
        tell: takes what a story is made of; None where nobody reads it.
        active: False while the loop is wound up.
    """

    def __init__(
        self, holds: Mapping[Key, float], outside: Outside, frames: Frames, *, records: bool
    ) -> None:
        self.holds = holds
        self.outside = outside
        self.frames = frames
        self.points: list[Point] = []
        self.moments: list[float] = []
        self.trace: list[tuple[Any, ...]] = []
        self.codes: set[CodeType] = set()
        self.came: set[Key] = set()
        self.tell: Tell | None = None
        self.active = True
        self._records = records
        self._counts: dict[tuple[int, ...], int] = {}
        self._wanted = {key[:-1] for key in holds}

    def _looks_at(self, path: tuple[int, ...]) -> bool:
        return self.active and (self._records or path in self._wanted or self.tell is not None)

    def step(self, loop: Any, task: asyncio.Task[Any], *, woken: bool) -> float:
        """How long to hold the step of a task: one that was woken, or that yielded."""
        path = loop.path(task)
        if not self._looks_at(path):
            return 0.0
        coroutine: Any = task.get_coro()
        if not woken and not any(getattr(coroutine, name, False) for name in _SUSPENDED):
            return 0.0  # its first step
        frames = awaited(task)
        site = self.frames.site(frames)
        if site is None:
            return 0.0
        length = 0.0
        if self._is_point(site, woken=woken):
            kind = "call" if woken else "yield"
            length = self._point(loop, path, kind, loop.time(), frames, task)
        if self.tell is not None and not length:
            self.tell("step", task, frames, site)
        return length

    def released(self, task: asyncio.Task[Any]) -> None:
        """A step that was held goes on."""
        if self.tell is not None:
            frames = awaited(task)
            self.tell("step", task, frames, self.frames.site(frames))

    def _is_point(self, site: Site, *, woken: bool) -> bool:
        if site.inside_client:
            return False
        if woken:
            return site.callee is Owner.SOCKETIO and site.name not in _YIELDS
        return self._may_yield(site) and self._is_io(site)

    def sleep(self, loop: Any, when: float) -> float:
        """How long to hold the timer of the `sleep` that is called now."""
        task = asyncio.current_task(loop)
        if task is None:
            return 0.0
        path = loop.path(task)
        if not self._looks_at(path):
            return 0.0
        frames = running((type(loop).create_task.__code__,))
        site = self.frames.site(_until_sleep(frames))
        if site is None or site.inside_client or not self._is_io(site):
            return 0.0
        return self._point(loop, path, "sleep", when, frames, task)

    def arrival(self, loop: Any, what: str) -> float:
        """How long to hold a packet that arrives for the current task."""
        task: Any = asyncio.current_task(loop)
        path = loop.path(task)
        if self._records:
            self.trace.append(("arrives", path, what))
        return self._point(loop, path, "packet", loop.time(), (), task)

    def sent(self, loop: Any, what: str) -> None:
        """Note what the app sends."""
        if self._records and self.active:
            task = asyncio.current_task(loop)
            self.trace.append(("sends", () if task is None else loop.path(task), what))

    def _may_yield(self, site: Site) -> bool:
        """Whether a bare yield stands for I/O: not that of a lock of anyio's, for one."""
        plain = site.callee is None or site.callee is Owner.LIBRARY
        return plain or site.name in _YIELDS

    def _is_io(self, site: Site) -> bool:
        return not self.outside or self.outside.has(site.frame)

    def _point(
        self,
        loop: Any,
        path: tuple[int, ...],
        kind: str,
        when: float,
        frames: Sequence[FrameType],
        task: asyncio.Task[Any],
    ) -> float:
        number = self._counts[path] = self._counts.get(path, 0) + 1
        key = (*path, number)
        if self._records:
            where = place(self.line(frames, of_test=path == TEST)) if frames else None
            self.codes.update(frame.f_code for frame in frames)
            self.points.append(Point(key, kind, round(when - START, 9), where))
            self.trace.append((kind, key, where))
        length = self.holds.get(key, 0.0)
        if length:
            self.came.add(key)
            if self.tell is not None and frames:
                self.tell("hold", task, frames, length, when)
        return length

    def line(self, frames: Sequence[FrameType], *, of_test: bool = False) -> FrameType:
        """The frame to be shown of some: the innermost in the file of the handler or the task, and
        not in a fake that it awaits; of the test the innermost that is no fake.
        """
        own = self.frames.own(frames)
        while len(own) > 1 and is_stand_in(own[-1].f_code):
            del own[-1]
        if of_test:
            shown = [frame for frame in own if not self.outside or not self.outside.has(frame)]
            return (shown or own)[-1]
        start = next((n for n, f in enumerate(own) if self._is_dispatched(frames, f)), 0)
        file = own[start].f_code.co_filename
        return [frame for frame in own[start:] if frame.f_code.co_filename == file][-1]

    def _is_dispatched(self, frames: Sequence[FrameType], frame: FrameType) -> bool:
        """Whether python-socketio called a frame: what is outside of that are wrappers of the
        app's.
        """
        before = frames[: frames.index(frame)]
        return bool(before) and self.frames.owner(before[-1].f_code) is Owner.SOCKETIO


def _until_sleep(frames: Sequence[FrameType]) -> Sequence[FrameType]:
    """Without what `asyncio.sleep` calls in the loop."""
    codes = [frame.f_code for frame in frames]
    return frames[: len(codes) - codes[::-1].index(asyncio.sleep.__code__)]
