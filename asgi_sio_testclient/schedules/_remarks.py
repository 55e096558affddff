"""The remarks of an exploration: which code of the app it did not cover."""

from __future__ import annotations

import contextlib
import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType
from typing import Any

from asgi_sio_testclient.schedules._frames import Frames, Owner, profiled
from asgi_sio_testclient.schedules._run import Outcome

__all__ = ["remarks_on"]

__tracebackhide__ = True

_AWAIT = dis.opmap["GET_AWAITABLE"]
_COROUTINE = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def remarks_on(
    plain: Outcome, handlers: Iterable[Any], frames: Frames, again: Callable[[], object]
) -> list[str]:
    """Return the remarks on a run without a schedule, a line each.

    Args:
        plain: the run.
        handlers: the app's functions that were called for packets.
        frames: distinguishes the app's code from libraries.
        again: repeats the run; called only if a handler has no point.
    """
    found = {_code(handler): handler for handler in handlers}
    blind = {
        code: str(getattr(handler, "__name__", handler))
        for code, handler in found.items()
        if code not in plain.codes and _awaits(code)
    }
    if blind:
        calls = _Calls(frames, blind)
        with calls.noted():
            again()
        blind = {code: name for code, name in blind.items() if calls.has_fakes(code)}
    remarks = []
    if blind:
        many = "handler" if len(blind) == 1 else "handlers"
        remarks.append(
            f"no place to hold in {len(blind)} {many} ({', '.join(blind.values())}): your fakes "
            "never suspend, or they are in files that io= does not name. Let a fake `await "
            "asyncio.sleep(0)` where the real function uses the network"
        )
    if plain.threads:
        remarks.append(
            f"threads call back into the loop by themselves ({', '.join(plain.threads)}): that "
            "order is not explored"
        )
    return remarks


def _code(handler: Any) -> Any:
    function = inspect.unwrap(handler)
    return getattr(getattr(function, "__func__", function), "__code__", None)


def _awaits(code: Any) -> bool:
    """Return whether the code of a handler has an `await`."""
    if code is None or not code.co_flags & inspect.CO_COROUTINE:
        return False
    return _AWAIT in code.co_code[::2]


class _Calls:
    """Finds the coroutines that handlers await and that may stand for I/O.

    These do not stand for I/O: a Lock or a task, which other code of the app releases; calls into
    python-socketio; and helper functions that await only these.

    Args:
        frames: distinguishes the app's code from libraries.
        handlers: the code objects of the handlers.
    """

    def __init__(self, frames: Frames, handlers: Iterable[CodeType]) -> None:
        self._frames = frames
        self._handlers = frozenset(handlers)
        self._entered: dict[FrameType, int] = {}
        self._called: set[tuple[CodeType, CodeType]] = set()
        self._helpers: set[CodeType] = set()

    def has_fakes(self, handler: CodeType) -> bool:
        """Return whether a handler awaits something that may stand for I/O."""
        return any(caller is handler and code not in self._helpers for caller, code in self._called)

    @contextlib.contextmanager
    def noted(self) -> Iterator[None]:
        """Record calls within the block."""
        try:
            with profiled(self._note):
                yield
        finally:
            self._entered.clear()

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_flags & _COROUTINE or code in self._handlers:
            return
        owner = self._frames.owner(code)
        self._entered[frame] = self._entered.get(frame, 0) + 1
        if owner is Owner.APP and self._entered[frame] > 1:
            self._helpers.add(code)  # it was suspended before, at a place that is no point
            return
        callers = list(self._callers(frame))
        if not callers or callers[-1] not in self._handlers:
            return
        if owner is Owner.SOCKETIO:
            self._helpers.update(callers[:-1])
        elif self._is_outside(frame):
            self._called.add((callers[-1], code))

    def _is_outside(self, frame: FrameType) -> bool:
        """Return whether a coroutine may stand for I/O: the coroutine is a sleep, or of the app or
        a library, and the app or a library awaits the coroutine.
        """
        caller: Any = frame.f_back
        theirs = (Owner.APP, Owner.LIBRARY)
        stands_for_io = (
            frame.f_code.co_name == "sleep" or self._frames.owner(frame.f_code) in theirs
        )
        return stands_for_io and self._frames.owner(caller.f_code) in theirs

    def _callers(self, frame: FrameType) -> Iterator[CodeType]:
        """Yield the app's code that awaits a coroutine, outwards to a handler."""
        caller = frame.f_back
        while caller is not None and caller.f_code not in self._handlers:
            if self._frames.owner(caller.f_code) is Owner.APP:
                yield caller.f_code
            caller = caller.f_back
        if caller is not None:
            yield caller.f_code
