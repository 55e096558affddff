"""The portal: one event loop in a thread for each app, and work that stays in the test's thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import queue
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import AbstractContextManager
from typing import Any, TypeVar, cast

from anyio.from_thread import BlockingPortal, start_blocking_portal
from asgiref.sync import AsyncToSync

from asgi_sio_testclient._exceptions import UsageError

__tracebackhide__ = True

Result = TypeVar("Result")
_LOOPS: weakref.WeakValueDictionary[int, _Loop] = weakref.WeakValueDictionary()
_LOOPS_LOCK = threading.Lock()


class _Call:
    """One call: begun in the event loop's thread, waited for in the test's.

    The result is handed over by a lock, and not by a future: what a future can do beside that costs
    as much again as the call.

    Args:
        loop: the event loop.
        function: the coroutine function to be called.
        args: its arguments.

    Attributes:
        ended: whether the result or the error is there.
    """

    __slots__ = ("_args", "_function", "_loop", "_task", "_wake", "ended", "error", "result")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[..., Awaitable[Any]],
        args: tuple[Any, ...],
    ) -> None:
        self.ended = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._loop = loop
        self._function = function
        self._args = args
        self._task: asyncio.Task[None] | None = None
        self._wake: Callable[[], object] = _nobody

    def start(self, wake: Callable[[], object]) -> None:
        """Begin the call in the event loop's thread, in a copy of the caller's context.

        Args:
            wake: called in the loop's thread when the call has ended.

        Raises:
            RuntimeError: the loop is closed.
        """
        self._wake = wake
        context = contextvars.copy_context()
        self._loop.call_soon_threadsafe(self._begin, context, context=context)

    def _begin(self, context: contextvars.Context) -> None:
        self._task = self._loop.create_task(self._run(), context=context)

    async def _run(self) -> None:
        # Nothing is raised from here: the task is nobody's, and a BaseException ends the loop.
        try:
            self.result = await self._function(*self._args)
        except asyncio.CancelledError:
            self.error = CancelledError()
        except BaseException as exc:  # noqa: BLE001 (raised in the test's thread)
            self.error = exc
        self._end()

    def _end(self) -> None:
        self.ended = True
        self._wake()

    def cancel_by_loop(self) -> None:
        """End the call: the loop is over."""
        self.error = CancelledError()
        self._end()

    def cancel(self) -> None:
        """Cancel the call: nobody waits for it any more."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the call has ended with it
            # Behind `_begin`, which makes the task.
            self._loop.call_soon_threadsafe(lambda: cast("asyncio.Task[None]", self._task).cancel())


def _nobody() -> None:
    """Nobody waits for the call yet."""


class _Loop:
    """The event loop of one app's sync clients: it runs while one of them is entered."""

    def __init__(self, app: Any) -> None:
        # The id that this is filed under stays the app's as long as this refers to the app.
        self._app = app
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._event_loop: asyncio.AbstractEventLoop
        self._calls: set[_Call] = set()
        self._thread = 0
        self._tests_thread: _TestsThread | None = None
        self._lock = threading.Lock()
        self._users = 0

    def acquire(self) -> None:
        """One more user."""
        with self._lock:
            if self._context is None:
                self._tests_thread = _TestsThread() if _django_is_under_test() else None
                self._context = start_blocking_portal()
                self._portal = self._context.__enter__()
                self._event_loop, self._thread = self._portal.call(self._keep)
            self._users += 1

    def _keep(self) -> tuple[asyncio.AbstractEventLoop, int]:
        """Let the event loop hold what would end it, for as long as it runs.

        A client that is never left, in a REPL say, would be collected when the interpreter ends.
        The loop's thread stands still by then, and anyio's portal would wait for it for ever.
        """
        loop = asyncio.get_running_loop()
        vars(loop)[type(self).__name__] = self
        return loop, threading.get_ident()

    def release(self) -> None:
        """One less; the loop ends with the last, and cancels what still runs."""
        with self._lock:
            self._users -= 1
            if self._users or self._context is None or self._portal is None:
                return
            context, portal = self._context, self._portal
            self._context = self._portal = None
            portal.call(portal.stop, True)
            context.__exit__(None, None, None)
            for call in list(self._calls):
                call.cancel_by_loop()  # made by another thread while this one left

    def run(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` in the loop.

        Raises:
            UsageError: the loop does not run, or the caller is in the loop's own thread.
        """
        self._running()
        if threading.get_ident() == self._thread:
            raise UsageError(
                "a SyncTestClient can't be called from its own event loop, where the handlers of "
                "on() run: return the ack, or write the test with the async TestClient"
            )
        thread = self._tests_thread
        begin = function if thread is None else functools.partial(thread.begin, function)
        call = _Call(self._event_loop, begin, args)
        self._calls.add(call)
        try:
            if thread is not None and thread.is_current:
                thread.work_until_ended(call)
            else:
                lock = threading.Lock()
                lock.acquire()
                call.start(lock.release)
                lock.acquire()
        except BaseException:
            # Ctrl-C, or a test runner's timeout, raised right here: the call must not go on alone.
            call.cancel()
            raise
        finally:
            self._calls.discard(call)
        if call.error is not None:
            raise call.error
        return cast("Result", call.result)

    def do(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call ``function(*args)`` in the loop's thread, so that no packet arrives during the call;
        if the loop does not run, call it in the current thread.
        """
        if self._portal is None or threading.get_ident() == self._thread:
            return function(*args)

        async def call() -> Result:
            return function(*args)

        return self.run(call)

    def context(self, context: Any) -> AbstractContextManager[Any]:
        """An async context manager, without ``async``.

        Raises:
            UsageError: the loop does not run.
        """
        return self._running().wrap_async_context_manager(context)

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise UsageError("not entered: use it within `with SyncTestClient(app) as client:`")
        return self._portal


class _TestsThread(Executor):
    """Runs what the app hands to ``sync_to_async()`` in the test's thread, while that waits here.

    Django's connections belong to a thread, and so does the transaction in which its TestCase wraps
    a test: Django's own test client keeps to that thread in this way.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def begin(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` as if `async_to_sync` in the test's thread had begun it; the
        tasks that come of it are the same in this.
        """
        AsyncToSync.executors.current = self
        return await function(*args)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = function(*args, **options)
                except BaseException as exc:  # noqa: BLE001 (as any executor: it is the caller's)
                    future.set_exception(exc)
                else:
                    future.set_result(result)

        self._work.put(work)
        return future

    @property
    def is_current(self) -> bool:
        """Whether the calling thread is the test's."""
        return threading.get_ident() == self._thread

    def work_until_ended(self, call: _Call) -> None:
        """Make a call, and work in the test's thread until it has ended."""
        call.start(lambda: self._work.put(None))
        while True:
            while (work := self._work.get()) is not None:
                work()
            if call.ended:
                return
            # That was the end of a call that was interrupted.


def _django_is_under_test() -> bool:
    """Whether an app's code may be bound to this thread. Where a loop runs in it, as in a notebook,
    Django refuses to work.
    """
    if "django.db" not in sys.modules:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


def _loop_of(app: Any) -> _Loop:
    with _LOOPS_LOCK:
        loop = _LOOPS.get(id(app))
        if loop is None:
            loop = _LOOPS[id(app)] = _Loop(app)
        return loop
