"""The portal of the sync client: an event loop in a thread for each app, and the executor that
runs ``sync_to_async()`` of a Django app in the test's thread.
"""

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
    """One call of a coroutine function: it runs in the event loop's thread, while the test's thread
    waits for the result.

    The result is an attribute, and a lock wakes the test's thread. A `concurrent.futures.Future`
    would double the time of a call.

    Args:
        loop: the event loop.
        function: the coroutine function to be called.
        args: its arguments.

    Attributes:
        ended: whether the call has ended, so that `result` or `error` is set.
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
        self._wake: Callable[[], object] = _do_nothing

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
        # Raise nothing: no code awaits this task, and a BaseException would end the event loop.
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
        """End the call with a CancelledError: the event loop has ended."""
        self.error = CancelledError()
        self._end()

    def cancel(self) -> None:
        """Cancel the call: the test's thread no longer waits for the result."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the call has ended with it
            # Scheduled after `_begin`, which creates the task.
            self._loop.call_soon_threadsafe(lambda: cast("asyncio.Task[None]", self._task).cancel())


def _do_nothing() -> None:
    """The callback of a call that has not been started."""


class _Loop:
    """The event loop of one app's sync clients: it runs while one of them is entered."""

    def __init__(self, app: Any) -> None:
        # _LOOPS has the id() of the app as its key: the reference keeps the id from being reused.
        self._app = app
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._event_loop: asyncio.AbstractEventLoop
        self._calls: set[_Call] = set()
        self._thread = 0
        self._tests_thread: _TestThreadExecutor | None = None
        self._lock = threading.Lock()
        self._users = 0

    def acquire(self) -> None:
        """Count one more client; the first client starts the event loop in a new thread."""
        with self._lock:
            if self._context is None:
                self._tests_thread = _TestThreadExecutor() if _django_is_under_test() else None
                self._context = start_blocking_portal()
                self._portal = self._context.__enter__()
                self._event_loop, self._thread = self._portal.call(self._store_in_loop)
            self._users += 1

    def _store_in_loop(self) -> tuple[asyncio.AbstractEventLoop, int]:
        """Store this object as an attribute of the running event loop; return the loop and its
        thread.

        Without that reference, a client whose block never ends, such as in a REPL, would be
        collected when the interpreter exits. The loop's thread no longer runs then, and the end of
        anyio's portal would wait for the thread for ever.
        """
        loop = asyncio.get_running_loop()
        vars(loop)[type(self).__name__] = self
        return loop, threading.get_ident()

    def release(self) -> None:
        """Count one client less; after the last client, cancel all tasks and end the event loop."""
        with self._lock:
            self._users -= 1
            if self._users or self._context is None or self._portal is None:
                return
            context, portal = self._context, self._portal
            self._context = self._portal = None
            portal.call(portal.stop, True)
            context.__exit__(None, None, None)
            for call in list(self._calls):
                call.cancel_by_loop()  # another thread began the call meanwhile

    def run(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` in the event loop, and return the result.

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
            # Ctrl-C or a test runner's timeout has raised in the test's thread: end the call, too.
            call.cancel()
            raise
        finally:
            self._calls.discard(call)
        if call.error is not None:
            raise call.error
        return cast("Result", call.result)

    def call(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call ``function(*args)`` in the loop's thread, so that no packet arrives during the call;
        if the loop does not run, call it in the current thread.
        """
        if self._portal is None or threading.get_ident() == self._thread:
            return function(*args)

        async def call_function() -> Result:
            return function(*args)

        return self.run(call_function)

    def context(self, context: Any) -> AbstractContextManager[Any]:
        """Return an async context manager as a sync one, which is entered in the event loop.

        Raises:
            UsageError: the loop does not run.
        """
        return self._running().wrap_async_context_manager(context)

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise UsageError("not entered: use it within `with SyncTestClient(app) as client:`")
        return self._portal


class _TestThreadExecutor(Executor):
    """An executor that runs the app's ``sync_to_async()`` calls in the test's thread, while the
    test's thread waits for a call.

    A database connection of Django belongs to one thread, and so does the transaction in which
    Django's TestCase wraps a test. Django's own test client runs these calls in the test's thread,
    too.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def begin(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` with this executor as the current one of asgiref, as
        `async_to_sync` sets it; tasks that the function begins inherit the executor.
        """
        AsyncToSync.executors.current = self
        return await function(*args)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = function(*args, **options)
                except BaseException as exc:  # noqa: BLE001 (raised by the future)
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
        """Start a call, and run submitted functions in the test's thread until the call ends."""
        call.start(lambda: self._work.put(None))
        while True:
            while (work := self._work.get()) is not None:
                work()
            if call.ended:
                return
            # None was put by an earlier call, which was interrupted before it read the queue.


def _django_is_under_test() -> bool:
    """Return whether Django is imported, so that database calls have to run in this thread. In a
    thread with a running event loop, such as in a notebook, Django refuses database calls.
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
