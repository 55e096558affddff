"""The tasks, executor calls and timers of an app in an event loop, each with its `origin`.

Two methods of the loop instance are hooked from the start of the first client to the exit of the
last, because up to Python 3.11 a task's context can't be read: ``create_task`` and
``run_in_executor``. Hooks on the instance outlive a task factory that the test sets.
`_waiting.rest` checks whether the app is at rest.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import threading
import weakref
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextvars import Context
from pathlib import PurePath
from time import perf_counter
from types import CoroutineType
from typing import Any, cast

from asgi_sio_testclient._waiting.internal_codes import INTERNAL_CODES, KNOWN_INTERNAL
from asgi_sio_testclient._waiting.origin import (
    INTERNAL,
    MIDDLEWARE,
    ORIGIN,
    WORKER,
    begun_by,
    is_from_client,
)
from asgi_sio_testclient._waiting.suspended import (
    Frames,
    Suspension,
    WaitsFor,
    is_library,
    is_own,
    suspended_at,
    suspension_of,
)
from asgi_sio_testclient._waiting.timers import HeapTimers, HookedTimers

__all__ = [
    "TrackedTask",
    "Work",
    "describe_call",
]

__tracebackhide__ = True


_MANY_FRESH = 32  # with so many fresh tasks, they are checked at most once in a turn of the loop
_SWEEP = 64  # records of ended tasks that are kept, beside twice the number of running tasks


class TrackedTask:
    """A task of the app or of the test.

    Attributes:
        ref: a weak reference to the task: an unretrieved exception is reported when the task is
            collected.
        origin: the origin of the task.
        resting_places: the places at which the task was found at rest, if no client caused the
            task.
        waiter: a weak reference to the future that the task awaited when it was last found at rest.
        is_ticker: whether the task loops with short sleeps, or is always ready to run.
    """

    __slots__ = (
        "_suspension",
        "_suspension_of",
        "is_ticker",
        "origin",
        "ref",
        "resting_places",
        "waiter",
    )

    def __init__(self, ref: weakref.ref[asyncio.Task[Any]], origin: Any) -> None:
        self.ref = ref
        self.origin = origin
        self.resting_places: set[Frames] | None = None
        self.waiter: Callable[[], Any] = _nothing
        self.is_ticker = False
        self._suspension_of: Callable[[], Any] = _nothing
        self._suspension: Suspension | None = None

    def suspension(
        self, task: asyncio.Task[Any], waiter: Any, in_executor: Container[Any]
    ) -> Suspension:
        """Return where the task is suspended. The frames are read once for each future that the
        task awaits: if many clients close at once, each of them checks the tasks of all.
        """
        at = self._suspension
        if at is None or self._suspension_of() is not waiter:
            at = self._suspension = suspension_of(task, waiter, in_executor)
            self._suspension_of = weakref.ref(waiter)
        return at

    def rests_at(self, place: Frames, waiter: Any = None) -> None:
        """Note a place at which the task was found at rest, and the future that the task awaits
        there.
        """
        if waiter is not None:
            self.waiter = weakref.ref(waiter)
        # A test that waits in a call of this package is no worker of the app.
        if not any(is_own(code) for code, _ in place):
            if self.resting_places is None:
                self.resting_places = set()
            self.resting_places.add(place)

    @property
    def reports_to_a_client(self) -> bool:
        """Whether a known client caused the task."""
        return is_from_client(self.origin) and self.origin[1] is not None

    @property
    def is_over(self) -> bool:
        """Whether the task has ended without an exception that has to be reported."""
        task = self.ref()
        if task is None:
            return True
        return task.done() and not (
            self.reports_to_a_client and getattr(task, "_log_traceback", False)
        )

    def __str__(self) -> str:
        task = self.ref()
        if task is None:
            return "a task"
        where = suspended_at(task)
        return f"{_title(task)}{begun_by(self.origin)}{where and f' at {where}'}"


class Work:
    """The tasks, executor calls and timers of one event loop that a running app may have begun.

    Args:
        loop: the event loop.
        owners: objects whose timers and callbacks never count.
        failed: called with an unretrieved exception of a task that a client caused: origin,
            exception, the task's title.

    Attributes:
        tracked: the tasks that may still run.
        fresh: the tasks whose resting place is not known yet.
        unnoted: whether there are fresh tasks, or tasks from before the hooks.
        executor_calls: the calls in executors that a client caused, with their origins.
        in_executor: the futures of all of the app's calls in executors.
        timers: the loop's timers.
        has_middleware: whether a middleware began tasks, which may carry packets.
        ticking_timers: names of callbacks that always set their own timer again.
        has_ready_queue: whether the ready queue of the loop can be read.
        create_untracked: the loop's ``create_task`` without the hook: for runs of handlers, which
            are tracked separately.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        owners: Sequence[object],
        failed: Callable[[Any, BaseException, str], None],
    ) -> None:
        self.loop = loop
        self.owners = owners
        self.tracked: dict[weakref.ref[asyncio.Task[Any]], TrackedTask] = {}
        self.fresh: list[TrackedTask] = []
        self.unnoted = False
        self._tracks_earlier_tasks = False
        self.executor_calls: dict[asyncio.Future[Any], tuple[str, Any]] = {}
        self.in_executor: set[asyncio.Future[Any]] = set()
        self.has_ready_queue = hasattr(loop, "_ready")
        timers = HeapTimers if self.has_ready_queue else HookedTimers
        self.timers: HeapTimers | HookedTimers = timers(loop, owners, ORIGIN)
        self.create_untracked = loop.create_task
        self.ticking_timers: set[str] = set()
        self.has_middleware = False
        self._failed = failed
        self._run_in_executor: Any = loop.run_in_executor
        self._sweep_at = _SWEEP
        self._checked_in_this_turn = False

    @functools.cached_property
    def _outside(self) -> weakref.WeakKeyDictionary[Any, tuple[WaitsFor | None, float]]:
        """The kind of I/O of each checked future (a thread, or something outside of the process),
        and since when.
        """
        return weakref.WeakKeyDictionary()

    # -- hooks

    def hook(self) -> None:
        """Hook the loop."""
        loop: Any = self.loop
        self.create_untracked, self._run_in_executor = loop.create_task, loop.run_in_executor
        loop.create_task, loop.run_in_executor = self._create_task_hook, self._executor_hook
        self.timers.hook()
        self.unnoted = True

    def unhook(self) -> None:
        """Remove the hooks; a hook on top of them stays."""
        loop: Any = self.loop
        if loop.create_task == self._create_task_hook:
            del loop.create_task
        if loop.run_in_executor == self._executor_hook:
            del loop.run_in_executor
        self.timers.unhook()
        self.unnoted = self._tracks_earlier_tasks = self.has_middleware = False
        if self.tracked or self.executor_calls:
            self.tracked.clear()
            self.fresh.clear()
            self.executor_calls.clear()

    def _create_task_hook(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        # Other coroutines are generators, or not written in Python.
        if coro.__class__ is CoroutineType and KNOWN_INTERNAL.get(id(coro.cr_code)):
            # In the hot path: passing an empty `options` takes as long as all other work here.
            return (
                self.create_untracked(coro, **options) if options else self.create_untracked(coro)
            )
        task = self.create_untracked(coro, **options)
        if coro.__class__ is not CoroutineType or not INTERNAL_CODES.includes(coro.cr_code):
            self._track(task)
        return task

    def _executor_hook(self, executor: Any, func: Any, *args: Any) -> Any:
        future = self._run_in_executor(executor, func, *args)
        origin = self._current_origin()
        if origin is not None and origin is not INTERNAL:
            self.in_executor.add(future)
            future.add_done_callback(self.in_executor.discard)
            if is_from_client(origin):
                self.executor_calls[future] = _called(func), origin
        return future

    def is_certainly_at_rest(self, grace: float) -> bool:
        """Return whether no work of the app is possible: most apps begin no tasks beside their
        handlers.
        """
        return not (self.tracked or self.executor_calls) and self.timers.none_before(
            self.loop.time() + grace
        )

    def _current_origin(self) -> Any:
        """Return the origin of the running code. A worker keeps the origin of its start; tasks that
        a worker begins while it works have the clients as their origin.
        """
        origin = ORIGIN.get()
        if origin is INTERNAL or is_from_client(origin):
            return origin
        parent = self.record_of(asyncio.current_task(self.loop))
        if parent is None:
            return origin
        if is_from_client(parent.origin):
            return parent.origin
        return WORKER if parent.resting_places else origin

    def _track(self, task: asyncio.Task[Any]) -> None:
        origin = self._current_origin()
        if origin is INTERNAL:
            self.has_middleware = True
            code = getattr(task.get_coro(), "cr_code", None)
            if code is None or is_library(code):
                return
            origin = MIDDLEWARE
        self.adopt(task, origin)
        if len(self.tracked) > self._sweep_at:
            self._sweep()

    def adopt(self, task: asyncio.Task[Any], origin: Any) -> TrackedTask:
        """Track a task."""
        reference = weakref.ref(task)
        record = self.tracked[reference] = TrackedTask(reference, origin)
        self.fresh.append(record)
        self.unnoted = True
        self._checked_in_this_turn = False
        return record

    # -- tasks

    def record_of(self, task: asyncio.Task[Any] | None) -> TrackedTask | None:
        """Return the record of a task; None if the task is not tracked."""
        return None if task is None else self.tracked.get(weakref.ref(task))

    def suspension_of(self, task: asyncio.Task[Any], waiter: Any) -> Suspension:
        """Return where a task is suspended, and what it waits for."""
        return suspension_of(task, waiter, self.in_executor)

    def note_resting_places(self) -> None:
        """Note the places at which tasks rest that no client has caused. Called before a packet is
        sent: a worker that is at another place afterwards is at work.
        """
        if not self._tracks_earlier_tasks:
            self._adopt_earlier_tasks()
        if self._checked_in_this_turn:
            return
        left = []
        for record in self.fresh:
            task = record.ref()
            if task is None or task.done():
                continue
            waiter = task._fut_waiter  # type: ignore[attr-defined]
            if waiter is None or waiter.done():
                left.append(record)
                continue
            at = self.suspension_of(task, waiter)
            waits = at.waits_for is not WaitsFor.TIMER
            if waits and (at.waits_for is WaitsFor.APP or not is_from_client(record.origin)):
                record.rests_at(at.frames)
            elif is_from_client(record.origin):
                left.append(record)
        self.fresh[:] = left
        self.unnoted = bool(left)
        if len(left) > _MANY_FRESH:
            # A test may have a thousand tasks that each send a packet in one turn.
            self._checked_in_this_turn = True
            self.loop.call_soon(self._turn_is_over, context=Context())

    def _turn_is_over(self) -> None:
        self._checked_in_this_turn = False

    def _adopt_earlier_tasks(self) -> None:
        """Track tasks that were begun before the hooks were installed, such as a fixture's
        worker.
        """
        self._tracks_earlier_tasks = True
        current = asyncio.current_task(self.loop)
        for task in asyncio.all_tasks(self.loop):
            if task is not current and self.record_of(task) is None:
                code = getattr(task.get_coro(), "cr_code", None)
                if code is None or not INTERNAL_CODES.includes(code):
                    self.adopt(task, None)

    def _sweep(self) -> None:
        self.drop(reference for reference, record in self.tracked.items() if record.is_over)
        self.fresh[:] = [record for record in self.fresh if record.ref in self.tracked]
        self._sweep_at = 2 * len(self.tracked) + _SWEEP

    def drop(self, references: Iterable[weakref.ref[asyncio.Task[Any]]]) -> None:
        """Remove these tasks."""
        for reference in list(references):
            del self.tracked[reference]

    def report_failures(self) -> None:
        """Report unretrieved exceptions of tasks that clients caused. Called when the app is at
        rest: until then other code may still await these tasks.
        """
        for reference, record in list(self.tracked.items()):
            task = reference()
            if task is None or not task.done():
                continue
            del self.tracked[reference]
            # asyncio resets this attribute when the task is awaited, or its exception is read.
            if record.reports_to_a_client and getattr(task, "_log_traceback", False):
                exc = cast("BaseException", task.exception())
                self._failed(record.origin, exc, _title(task))

    def collected(self, task: Any, exc: BaseException) -> bool:
        """Return whether a failed task, which is being collected, was caused by a client."""
        record = self.record_of(task) if isinstance(task, asyncio.Task) else None
        if record is None or not record.reports_to_a_client:
            return False
        self._failed(record.origin, exc, _title(task))
        return True

    def waits_outside(self, task: asyncio.Task[Any] | None) -> bool:
        """Return whether a task, or a task that it awaits, waits for a call in a thread, a socket
        or a subprocess, which no timer of the event loop can end.
        """
        waiter = getattr(task, "_fut_waiter", None)
        if task is None or waiter is None or waiter.done():
            return False
        if isinstance(waiter, asyncio.Task):
            return self.waits_outside(waiter)
        parts = getattr(waiter, "_children", None)  # of asyncio.gather()
        if parts is not None:
            return any(self.waits_outside(part) for part in parts)
        return self._outside_of(task, waiter) is not None

    def _outside_of(self, task: asyncio.Task[Any], waiter: Any) -> WaitsFor | None:
        """Return THREAD or OUTSIDE; None if the task waits for neither."""
        if waiter not in self._outside:
            waits_for = self.suspension_of(task, waiter).waits_for
            is_outside = waits_for is WaitsFor.THREAD or (
                waits_for is WaitsFor.OUTSIDE and self._has_an_outside()
            )
            self._outside[waiter] = waits_for if is_outside else None, perf_counter()
        return self._outside[waiter][0]

    def _has_an_outside(self) -> bool:
        """Return whether a socket is open, or another thread runs: without these, only a timer can
        set the future of a library.
        """
        selector: Any = getattr(self.loop, "_selector", None)
        own: Any = getattr(self.loop, "_ssock", None)
        sockets = () if selector is None else selector.get_map().values()
        if any(key.fd != own.fileno() for key in sockets):
            return True
        here = {threading.main_thread(), threading.current_thread()}
        return any(thread not in here for thread in threading.enumerate())

    def outside_work(self, grace: float) -> list[str]:
        """Return a line for each thing that clients caused and that waits outside, see
        `waits_outside`.

        A socket is waited for `grace` seconds: the task is not awaited, and may listen for ever.
        """
        lines = [
            describe_call(called, origin)
            for future, (called, origin) in self.executor_calls.items()
            if not future.done()
        ]
        for record in list(self.tracked.values()):
            task: Any = record.ref()
            waiter = getattr(task, "_fut_waiter", None)
            if waiter is None or waiter.done() or not is_from_client(record.origin):
                continue
            outside = self._outside_of(task, waiter)
            seen = self._outside[waiter][1]
            if outside is WaitsFor.THREAD or (outside and perf_counter() - seen < grace):
                lines.append(str(record))
        return lines

    def waits_for_nothing(self, task: asyncio.Task[Any]) -> bool:
        """Return whether a task waits for a plain future in the app's own code, or for
        asyncio's Event, Lock, Queue or Task.
        """
        waiter = getattr(task, "_fut_waiter", None)
        if waiter is None or waiter.done():
            return False
        at = self.suspension_of(task, waiter)
        if at.waits_for is not WaitsFor.APP or not at.frames:
            return False
        innermost = at.frames[-1][0]
        return not is_own(innermost) and "socketio" not in PurePath(innermost.co_filename).parts

    def may_be_woken(self, until: float) -> bool:
        """Return whether a timer is due up to the time `until`, a call in an executor runs, or
        a socket is open, so that a future may still be set. True if the timers of the loop can't be
        read.
        """
        selector: Any = getattr(self.loop, "_selector", None)
        if not self.has_ready_queue or selector is None:
            return True
        if self.in_executor:
            return True
        own: Any = getattr(self.loop, "_ssock", None)
        if any(key.fd != own.fileno() for key in selector.get_map().values()):
            return True
        due = self.timers.due(until)
        return any(timer.origin is not INTERNAL for timer in due)

    def begun_by_handlers(self) -> Iterator[tuple[asyncio.Task[Any], Any]]:
        """Return the unfinished tasks in the app's own code that clients caused, with their
        origins.
        """
        for reference, record in list(self.tracked.items()):
            task = reference()
            if task is None or task.done() or not is_from_client(record.origin):
                continue
            code = getattr(task.get_coro(), "cr_code", None)
            if code is not None and not is_library(code):
                yield task, record.origin


def _nothing() -> None:
    return None


def _title(task: asyncio.Task[Any]) -> str:
    eager = task.done() and task.get_loop().get_task_factory() is not None
    coroutine = None if _CRASHES_ON_ENDED_EAGER_TASKS and eager else task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
    return f"task {task.get_name()!r} ({name})"


# https://github.com/python/cpython/issues/122332
_CRASHES_ON_ENDED_EAGER_TASKS = (3, 12) <= sys.version_info < (3, 12, 5)


def describe_call(called: str, origin: Any) -> str:
    """Return a call in an executor as text."""
    return f"{called}() in an executor{begun_by(origin)}"


def _called(function: Any) -> str:
    """Return the name of the function of an executor call, without the partials of
    asyncio.to_thread() and others.
    """
    while isinstance(function, functools.partial):
        wraps_context = getattr(function.func, "__name__", "") == "run" and function.args
        function = function.args[0] if wraps_context else function.func
    return str(getattr(function, "__qualname__", repr(function)))
