"""Finds out whether the body of a handler began, by ``sys.monitoring``."""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType
from typing import Any

from asgi_sio_testclient._server.active_observers import observers

__all__ = ["Dispatch", "bodies", "current_dispatch"]

__tracebackhide__ = True


@dataclass
class Dispatch:
    """One call of ``_trigger_event``.

    Attributes:
        code: the code of the handler.
        began: whether the body of the handler began.
    """

    code: CodeType | None
    began: bool = False


current_dispatch: ContextVar[Dispatch | None] = ContextVar("current_dispatch", default=None)


class _Bodies:
    """Notifies the current dispatch when the body of a handler begins, by ``sys.monitoring``.

    Python 3.11 has no ``sys.monitoring``, and all tool ids may be in use: then `is_observed`
    returns False, and tracebacks are used instead.

    Args:
        monitoring: the module, or None.
    """

    def __init__(self, monitoring: Any) -> None:
        self._monitoring = monitoring
        self._tool: int | None = None
        self._codes: set[CodeType] = set()

    def observe(self, code: CodeType | None) -> None:
        """Observe a code object from now on."""
        if code is None or code in self._codes or not self._has_tool():
            return
        self._codes.add(code)
        self._monitoring.set_local_events(self._tool, code, self._monitoring.events.PY_START)

    def _has_tool(self) -> bool:
        """Return whether a tool id is available; take one at the first call."""
        monitoring = self._monitoring
        if monitoring is None:
            return False
        if self._tool is None:
            self._tool = next((id for id in _TOOLS if monitoring.get_tool(id) is None), None)
            if self._tool is not None:
                monitoring.use_tool_id(self._tool, "asgi-sio-testclient")
                monitoring.register_callback(
                    self._tool, monitoring.events.PY_START, lambda code, _: self._began(code)
                )
        return self._tool is not None

    def is_observed(self, code: CodeType | None) -> bool:
        """Return whether the start of a code object is observed."""
        return code in self._codes

    def release(self) -> None:
        """Stop observing."""
        for code in self._codes:
            self._monitoring.set_local_events(self._tool, code, 0)
        if self._tool is not None:
            self._monitoring.free_tool_id(self._tool)
        self._tool = None
        self._codes.clear()

    @staticmethod
    def _began(code: CodeType) -> None:
        """Called by ``sys.monitoring`` when an observed body begins."""
        dispatch = current_dispatch.get()
        if dispatch is not None and dispatch.code is code and not dispatch.began:
            dispatch.began = True
            return
        for observer in observers:
            observer.called_directly(code)


_TOOLS = (4, 3, 0, 5, 2)  # 1 is the id of coverage.py, which may start later
bodies = _Bodies(getattr(sys, "monitoring", None))
