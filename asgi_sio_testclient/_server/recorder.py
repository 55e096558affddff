"""Records the waits and emits of a server's handlers while a `trace.recording` is active.

Without a recording, no hook is installed. The hooks are on the instances: the server's
``_trigger_event``, through which it calls every handler, and the client manager's ``emit``, which
``emit()``, ``send()`` and ``call()`` call. The hooks forward every call and re-raise every
exception.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from time import perf_counter
from types import FrameType
from typing import Any

import socketio

from asgi_sio_testclient._server.instance_hooks import InstanceHooks
from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._waiting.suspended import (
    awaitable_suspended_at,
    frame_suspended_at,
    is_library,
)
from asgi_sio_testclient.trace import Emit, Recording, Wait

__all__ = ["Recorder"]

__tracebackhide__ = True

_REFUSED = socketio.exceptions.ConnectionRefusedError
_RUN: ContextVar[HandlerRun | None] = ContextVar("asgi_sio_testclient_run", default=None)


class Recorder:
    """The hooks of one recording on one server.

    Args:
        sio: a `socketio.AsyncServer`.
        recording: the recording to which waits and emits are added.
        current_run: returns the handler's run in the current task, or None.
        begin_run: creates a run for an event, namespace and sid, for a handler that the
            instrumentation does not count.
    """

    def __init__(
        self,
        sio: Any,
        recording: Recording,
        current_run: Callable[[], HandlerRun | None],
        begin_run: Callable[[str, str, str | None], HandlerRun],
    ) -> None:
        self._sio = sio
        self._recording = recording
        self._current_run = current_run
        self._begin_run = begin_run
        self._trigger = sio._trigger_event
        self._emit = sio.manager.emit
        self._hooks = InstanceHooks()
        self._hooks.put(sio, "_trigger_event", self._trigger_event)
        self._hooks.put(sio.manager, "emit", self._manager_emit)

    def restore(self) -> None:
        """Remove the hooks; a hook that other code has replaced since then stays."""
        self._hooks.restore()

    async def _trigger_event(self, event: str, namespace: str, *args: Any) -> Any:
        """The hook on the server's ``_trigger_event``: record the waits of one handler."""
        sid = next((arg for arg in args if isinstance(arg, str)), None)
        # A disconnect has one run for all namespaces, without a name; here each handler gets a run.
        own = event == "disconnect"
        run = self._begin_run(event, namespace, sid) if own else self._current_run()
        if run is None:
            return await self._trigger(event, namespace, *args)
        if run.error is None:
            self._recording.runs.append(run)
        # Else python-socketio calls a connect handler again with fewer arguments, after a
        # TypeError.
        run.error = None
        token = _RUN.set(run)
        try:
            waits = self._recording.waits
            return await _Recorded(self._trigger(event, namespace, *args), run, waits)
        except Exception as exc:
            if not isinstance(exc, _REFUSED):
                run.error = exc
            raise
        finally:
            _RUN.reset(token)
            if own:
                run.ended = perf_counter()

    async def _manager_emit(
        self, event: str, data: Any, namespace: str | None, *args: Any, **options: Any
    ) -> Any:
        """The hook on the client manager's ``emit``."""
        values = data if isinstance(data, tuple) else () if data is None else (data,)
        room = args[0] if args else options.get("to") or options.get("room")
        skip = args[1] if len(args) > 1 else options.get("skip_sid")
        skipped = tuple(skip) if isinstance(skip, list | tuple) else (skip,)
        space, run = namespace or "/", _RUN.get()
        self._recording.emits.append(
            Emit(perf_counter(), event, space, values, room, run, _caller(), skipped)
        )
        return await self._emit(event, data, namespace, *args, **options)


class _Recorded:
    """Awaits a coroutine, and records where it is suspended, and for how long.

    This object has the attributes of a coroutine that `_waiting.suspended` reads, so that no frame
    of a suspended task is hidden.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], run: HandlerRun, waits: list[Wait]
    ) -> None:
        self._coroutine: Any = coroutine
        self._run = run
        self._waits = waits
        self._wait: Wait | None = None

    def __await__(self) -> Any:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        """Resume the coroutine."""
        self._resumed(None)
        return self._suspended(self._coroutine.send(value))

    def throw(self, *exc: Any) -> Any:
        """Raise an exception in the coroutine, where it is suspended."""
        self._resumed(exc[-1])
        return self._suspended(self._coroutine.throw(*exc))

    def close(self) -> None:
        """End the coroutine."""
        self._coroutine.close()

    @property
    def cr_frame(self) -> Any:
        """The frame of the coroutine; None once the coroutine has ended."""
        return self._coroutine.cr_frame

    @property
    def cr_await(self) -> Any:
        """The object that the coroutine awaits."""
        return self._coroutine.cr_await

    def _suspended(self, yielded: Any) -> Any:
        place = awaitable_suspended_at(self._coroutine)
        self._wait = Wait(perf_counter(), place or "a library's await", run=self._run)
        self._waits.append(self._wait)
        return yielded

    def _resumed(self, error: BaseException | None) -> None:
        if self._wait is not None:
            self._wait.end = perf_counter()
            self._wait.error = error


def _caller() -> str:
    """Return the app's innermost line in the current call stack."""
    return next(
        (frame_suspended_at(frame) for frame in _stack() if not is_library(frame.f_code)), ""
    )


_LOOP_RUNS = (asyncio.Handle._run.__code__, asyncio.Runner.run.__code__)


def _stack() -> Iterable[FrameType]:
    """Yield the frames from the caller's up to the event loop's: no frame outside of the loop
    emits.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code not in _LOOP_RUNS:
        yield frame
        frame = frame.f_back
