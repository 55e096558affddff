"""The points of a run: the places where a schedule can hold the program.

A point is a place where the network or I/O decides when the program goes on: the arrival of a
packet, the timer of a `sleep` in the app's code, a bare yield (with which a fake stands for I/O),
or the return of a call into python-socketio. These are never points: the start of a task, a wakeup
by a Lock, an Event, a Queue, a Future or a Task, and code of Engine.IO and of the client.
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


class Listener(Protocol):
    """Is called for each event of a run, for the text of the run."""

    def __call__(self, kind: str, *what: Any) -> None:
        """Called when something happens, such as the arrival of a packet."""

    def end(self, error: BaseException | None) -> None:
        """Called when the scenario ends."""


class Recorder:
    """Decides for each point of one run whether to hold the point, and records the run.

    Args:
        holds: the holds of the schedule, by point.
        outside: the files and modules of `io`.
        frames: distinguishes the app's code from libraries.
        records: whether to record points, moments and the trace. If not, only the points of tasks
            with holds are found.

    Attributes:
        points: the points in the order in which they were reached.
        moments: times at which something happened, or was due.
        trace: the events of the run, for a comparison with another run.
        codes: the code objects of all frames at points.
        reached: the keys of the holds whose points were reached.
        listener: called for each event of the run; None if no text of the run is made.
        active: whether points are found; False while the loop is closed.
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
        self.reached: set[Key] = set()
        self.listener: Listener | None = None
        self.active = True
        self._records = records
        self._counts: dict[tuple[int, ...], int] = {}
        self._wanted = {key[:-1] for key in holds}

    def _is_observed(self, path: tuple[int, ...]) -> bool:
        return self.active and (self._records or path in self._wanted or self.listener is not None)

    def step(self, loop: Any, task: asyncio.Task[Any], *, woken: bool) -> float:
        """Return how long to hold a step of a task; see `Schedule` for the unit.

        Args:
            loop: the event loop.
            task: the task.
            woken: whether a future has woken the task; else the task has yielded, or is new.
        """
        path = loop.path(task)
        if not self._is_observed(path):
            return 0.0
        coroutine: Any = task.get_coro()
        if not woken and not any(getattr(coroutine, name, False) for name in _SUSPENDED):
            return 0.0  # the first step of the task
        frames = awaited(task)
        site = self.frames.site(frames)
        if site is None:
            return 0.0
        length = 0.0
        if self._is_point(site, woken=woken):
            kind = "call" if woken else "yield"
            length = self._point(loop, path, kind, loop.time(), frames, task)
        if self.listener is not None and not length:
            self.listener("step", task, frames, site)
        return length

    def released(self, task: asyncio.Task[Any]) -> None:
        """Called when a step that was held goes on."""
        if self.listener is not None:
            frames = awaited(task)
            self.listener("step", task, frames, self.frames.site(frames))

    def _is_point(self, site: Site, *, woken: bool) -> bool:
        if site.inside_client:
            return False
        if woken:
            return site.callee is Owner.SOCKETIO and site.name not in _YIELDS
        return self._may_yield(site) and self._is_io(site)

    def sleep(self, loop: Any, when: float) -> float:
        """Return how long to hold the timer of the `sleep` that is called now and is due `when`."""
        task = asyncio.current_task(loop)
        if task is None:
            return 0.0
        path = loop.path(task)
        if not self._is_observed(path):
            return 0.0
        frames = running((type(loop).create_task.__code__,))
        site = self.frames.site(_until_sleep(frames))
        if site is None or site.inside_client or not self._is_io(site):
            return 0.0
        return self._point(loop, path, "sleep", when, frames, task)

    def arrival(self, loop: Any, what: str) -> float:
        """Return how long to hold a packet that arrives for the current task.

        Args:
            loop: the event loop.
            what: the packet as text.
        """
        task: Any = asyncio.current_task(loop)
        path = loop.path(task)
        if self._records:
            self.trace.append(("arrives", path, what))
        return self._point(loop, path, "packet", loop.time(), (), task)

    def sent(self, loop: Any, what: str) -> None:
        """Record a packet that the app sends."""
        if self._records and self.active:
            task = asyncio.current_task(loop)
            self.trace.append(("sends", () if task is None else loop.path(task), what))

    def _may_yield(self, site: Site) -> bool:
        """Return whether a bare yield may stand for I/O; the yield of an anyio lock does not."""
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
        """Record a point, and return how long to hold it; 0 for no hold."""
        number = self._counts[path] = self._counts.get(path, 0) + 1
        key = (*path, number)
        if self._records:
            where = place(self.line(frames, of_test=path == TEST)) if frames else None
            self.codes.update(frame.f_code for frame in frames)
            self.points.append(Point(key, kind, round(when - START, 9), where))
            self.trace.append((kind, key, where))
        length = self.holds.get(key, 0.0)
        if length:
            self.reached.add(key)
            if self.listener is not None and frames:
                self.listener("hold", task, frames, length, when)
        return length

    def line(self, frames: Sequence[FrameType], *, of_test: bool = False) -> FrameType:
        """Return the frame to show of a task: the innermost frame in the file of the handler or of
        the task's function, without the fakes that it awaits; for the test's own task, the
        innermost frame that is not in a file of `io`.
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
        """Return whether python-socketio called the function of a frame; the app's frames outside
        of that frame are middleware.
        """
        before = frames[: frames.index(frame)]
        return bool(before) and self.frames.owner(before[-1].f_code) is Owner.SOCKETIO


def _until_sleep(frames: Sequence[FrameType]) -> Sequence[FrameType]:
    """Return the frames without the calls that `asyncio.sleep` makes in the loop."""
    codes = [frame.f_code for frame in frames]
    return frames[: len(codes) - codes[::-1].index(asyncio.sleep.__code__)]
