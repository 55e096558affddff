"""Records the line at which a connect handler refused a client.

While a connect handler runs, ``_trigger_event`` of the server instance is hooked: python-socketio
converts the handler's exception or result to a packet, and does not keep it.
"""

from __future__ import annotations

import asyncio
import dis
import inspect
import threading
from collections.abc import Callable, Iterator
from pathlib import PurePath
from types import CodeType
from typing import Any

import socketio

from asgi_sio_testclient._server.runs import HandlerRun
from asgi_sio_testclient._waiting.suspended import place_in_traceback

__all__ = ["RefusalRecorder"]

__tracebackhide__ = True

_REFUSALS = (ConnectionRefusedError, socketio.exceptions.ConnectionRefusedError)
_RETURNS = ("RETURN_CONST", "RETURN_VALUE")


class RefusalRecorder:
    """Records the refusals of the connect handlers of one server, in `HandlerRun.refused_at`.

    Args:
        sio: the server.
        find: returns the handler of an event in a namespace, or None.
        threaded: whether the handlers run in threads.
    """

    def __init__(self, sio: Any, find: Callable[[str, str], Any], *, threaded: bool) -> None:
        self._sio = sio
        self._find = find
        self._runs: dict[Any, HandlerRun] = {}
        self._lock = threading.Lock()
        self._is_async = not threaded
        self._trigger_hook = self._trigger_sync if threaded else self._trigger_async

    def begin(self, run: HandlerRun) -> None:
        """Called before a connect handler runs in the current task or thread."""
        with self._lock:
            if not self._runs:
                found = self._sio.__dict__
                self._before = found.get("_trigger_event")
                self._trigger = self._sio._trigger_event
                found["_trigger_event"] = self._trigger_hook
            self._runs[run.task if self._is_async else threading.get_ident()] = run

    def end(self, run: HandlerRun) -> None:
        """Called after the connect handler of the current task or thread has ended."""
        with self._lock:
            del self._runs[run.task if self._is_async else threading.get_ident()]
            found = self._sio.__dict__
            if self._runs or found.get("_trigger_event") is not self._trigger_hook:
                return
            if self._before is None:
                del found["_trigger_event"]
            else:
                found["_trigger_event"] = self._before

    async def _trigger_async(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            result = await self._trigger(event, namespace, *args)
        except _REFUSALS as exc:
            self._refused(event, namespace, exc)
            raise
        if result is False:
            self._refused(event, namespace, None)
        return result

    def _trigger_sync(self, event: str, namespace: str, *args: Any) -> Any:
        try:
            result = self._trigger(event, namespace, *args)
        except _REFUSALS as exc:
            self._refused(event, namespace, exc)
            raise
        if result is False:
            self._refused(event, namespace, None)
        return result

    def _refused(self, event: str, namespace: str, exc: BaseException | None) -> None:
        here: Any = asyncio.current_task() if self._is_async else threading.get_ident()
        run = self._runs.get(here)
        if event != "connect" or run is None:
            return
        if exc is not None:
            run.refused_at = place_in_traceback(exc.__traceback__)
        else:
            run.refused_at = _where_false_is_returned(self._find(event, namespace), event)


def _where_false_is_returned(handler: Any, event: str) -> str:
    """Return the line of a handler that returned False; several lines if the code has several
    candidates.
    """
    function = getattr(handler, f"on_{event}", handler)
    codes = list(_codes(getattr(function, "func", function)))
    certain = [place for code in codes for place in _returns(code, only_false=True)]
    places = certain or [place for code in codes for place in _returns(code, only_false=False)]
    lines: dict[CodeType, dict[str, None]] = {}
    for code, line in places:
        lines.setdefault(code, {})[str(line)] = None
    found = [
        f"{PurePath(code.co_filename).name}:{' or '.join(of_code)} in {code.co_qualname}"
        for code, of_code in lines.items()
    ]
    return f"{' or '.join(found)}, which returned False" if found else ""


def _codes(function: Any) -> Iterator[CodeType]:
    """Yield the code of a function, and of the functions that it wraps."""
    while function is not None:
        code = getattr(function, "__code__", None)
        if inspect.iscode(code):
            yield code
        function = getattr(function, "__wrapped__", None)


def _returns(code: CodeType, *, only_false: bool) -> Iterator[tuple[CodeType, int]]:
    previous: Any = None
    for instruction in dis.get_instructions(code):
        if instruction.opname in _RETURNS:
            given = instruction if instruction.opname == "RETURN_CONST" else previous
            constant = given is not None and given.opname in ("RETURN_CONST", "LOAD_CONST")
            wanted = constant and given.argval is False if only_false else not constant
            line = instruction.positions.lineno if instruction.positions else None
            if wanted and line is not None:
                yield code, line
        previous = instruction
