"""`LoopServices`, which the running apps of one event loop share."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Iterator
from typing import Any

from asgi_sio_testclient._waiting.deadlines import Deadlines
from asgi_sio_testclient._waiting.idle import IdleWatchers, SupportsIdle
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE, RestCheck
from asgi_sio_testclient._waiting.work import Work

__all__ = ["LoopServices", "services_of"]

__tracebackhide__ = True


class LoopServices:
    """The deadlines, idle watchers and tracked work of one event loop.

    Attributes:
        apps: the running apps.
        deadlines: the deadlines of all waits.
        idle: the waits for idleness.
        work: the tasks, calls and timers of the running apps.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.apps: list[Any] = []
        self.deadlines = Deadlines(loop, self.apps, self._release)
        self.idle = IdleWatchers(loop)
        self.work = Work(loop, (self.deadlines, self.idle), self._task_failed)
        self._reports = False
        self._previous: Any = None

    def add_app(self, app: Any) -> None:
        """Add an app that begins to run in this loop."""
        if not self.apps:
            self._previous = self.loop.get_exception_handler()
            self.loop.set_exception_handler(self._handle_failure)
            self.work.hook()
        self.apps.append(app)

    def remove_app(self, app: Any) -> None:
        """Remove an app that has ended; restore the loop unless another app runs in it."""
        if app in self.apps:
            self.apps.remove(app)
        if self.apps:
            return
        self.work.unhook()
        self.idle.clear()
        self._reports = False
        if self.loop.get_exception_handler() == self._handle_failure:
            self.loop.set_exception_handler(self._previous)
        self._previous = None
        self._release()

    def _release(self) -> None:
        """Cancel the timer and release the loop, if no wait is pending and no app runs."""
        if self.deadlines.disarm():
            _SERVICES.pop(self.loop, None)

    def _handle_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an exception that the loop would log, of a task that is not awaited."""
        exc = context.get("exception")
        if exc is not None and any(app.handle_failure(exc) for app in self.apps):
            return
        if exc is not None and self.work.collected(context.get("future"), exc):
            return
        if self._previous is not None:
            self._previous(loop, context)
        else:
            loop.default_exception_handler(context)

    def _task_failed(self, origin: Any, exc: BaseException, task: str) -> None:
        """Report an unretrieved exception of a task that a client caused."""
        self.apps[-1].task_failed(origin, exc, task)

    def report_failures_at_rest(self) -> None:
        """Report unretrieved exceptions of tasks, as soon as the app is at rest."""
        if not self._reports:
            self._reports = True
            rest = RestCheck(self.work, DEFAULT_GRACE, rounds=0)
            self.idle.when_idle(self._all_sources, self._report_failures, rest)

    def _all_sources(self) -> Iterator[SupportsIdle]:
        for app in self.apps:
            yield from app.idle_sources()

    def _report_failures(self) -> None:
        self._reports = False
        self.work.report_failures()


_SERVICES: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopServices] = (
    weakref.WeakKeyDictionary()
)


def services_of(loop: asyncio.AbstractEventLoop) -> LoopServices:
    """Return the services of an event loop."""
    services = _SERVICES.get(loop)
    if services is None:
        services = _SERVICES[loop] = LoopServices(loop)
    return services
