"""The timers of an event loop: when they are due, and what caused them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

__all__ = ["DueTimer", "HeapTimers", "HookedTimers", "is_bound_to"]

__tracebackhide__ = True

_SLEEP = "_set_result_unless_cancelled"  # asyncio.sleep()'s callback


def is_bound_to(callback: Any, owners: Sequence[object]) -> bool:
    """Return whether a callback is a method of one of `owners`."""
    bound = getattr(callback, "__self__", None)
    return any(bound is owner for owner in owners)


class DueTimer(NamedTuple):
    """A timer.

    Attributes:
        handle: the handle of the loop.
        when: the time at which the timer is due, by the loop's clock.
        name: the name of the callback.
        origin: the origin of the code that set the timer.
        task: the task that sleeps, or that the timeout cancels; else None.
        sleeps: whether the timer ends an ``asyncio.sleep()``.
    """

    handle: asyncio.TimerHandle
    when: float
    name: str
    origin: Any
    task: asyncio.Task[Any] | None
    sleeps: bool


class HeapTimers:
    """The timers of asyncio's own loops, read from the loop's heap.

    Args:
        loop: the event loop.
        owners: objects whose timers don't count.
        origin: the context variable of the origin.
    """

    def __init__(self, loop: Any, owners: Sequence[object], origin: ContextVar[Any]) -> None:
        self._loop = loop
        self._owners = owners
        self._origin = origin

    def hook(self) -> None:
        """Do nothing: the heap needs no hook."""

    def unhook(self) -> None:
        """Do nothing: there is no hook."""

    def none_before(self, limit: float) -> bool:
        """Return whether no timer is due up to the time `limit`."""
        heap = self._loop._scheduled
        return not heap or bool(heap[0]._when > limit)

    def due(self, limit: float) -> Iterator[DueTimer]:
        """Return the timers up to the time `limit`, in no order."""
        for handle in self._handles(limit):
            name = _name_of(handle._callback)
            yield DueTimer(
                handle,
                handle._when,
                name,
                handle._context.get(self._origin),
                _task_of(handle),
                name == _SLEEP,
            )

    def _handles(self, limit: float) -> Iterator[Any]:
        """Yield timers from the heap's root; a subtree that is due later than the limit is
        skipped.
        """
        heap = self._loop._scheduled
        indices = [0] if heap else []
        while indices:
            index = indices.pop()
            handle = heap[index]
            if handle._when > limit:
                continue
            indices += [child for child in (2 * index + 1, 2 * index + 2) if child < len(heap)]
            if handle._cancelled or is_bound_to(handle._callback, self._owners):
                continue
            yield handle


class HookedTimers:
    """The timers of loops without a readable heap, such as uvloop's: noted when they are set.

    ``call_at`` is not hooked: timers of apps are set by ``call_later``, timeouts and sleeps.
    """

    def __init__(self, loop: Any, owners: Sequence[object], origin: ContextVar[Any]) -> None:
        self._loop = loop
        self._owners = owners
        self._origin = origin
        self._call_later: Any = loop.call_later
        self._set: dict[Any, tuple[float, Any, Any]] = {}

    def hook(self) -> None:
        """Hook ``call_later`` on the loop."""
        self._call_later = self._loop.call_later
        self._loop.call_later = self._call_later_hook

    def unhook(self) -> None:
        """Remove the hook."""
        if self._loop.call_later == self._call_later_hook:
            del self._loop.call_later
        self._set.clear()

    def none_before(self, limit: float) -> bool:
        """Return whether no timer is due up to the time `limit`."""
        return not any(self.due(limit))

    def _call_later_hook(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        handle = self._call_later(delay, callback, *args, context=context)
        origin = self._origin.get()
        if origin is not None and _name_of(callback) != _SLEEP:
            self._set[handle] = self._loop.time() + delay, callback, origin
        return handle

    def due(self, limit: float) -> Iterator[DueTimer]:
        """Return the timers up to the time `limit`, in no order."""
        now = self._loop.time()
        for handle, (when, callback, origin) in list(self._set.items()):
            if when < now or handle.cancelled():
                del self._set[handle]
            elif when <= limit and not is_bound_to(callback, self._owners):
                yield DueTimer(handle, when, _name_of(callback), origin, None, sleeps=False)


def _name_of(callback: Any) -> str:
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


def _task_of(handle: Any) -> asyncio.Task[Any] | None:
    """Return the task of a timeout's timer, or the task that sleeps."""
    task = getattr(getattr(handle._callback, "__self__", None), "_task", None)
    if task is None and handle._args and isinstance(handle._args[0], asyncio.Future):
        for callback, _ in getattr(handle._args[0], "_callbacks", None) or ():
            owner = getattr(callback, "__self__", None)
            if isinstance(owner, asyncio.Task):
                return owner
    return task
