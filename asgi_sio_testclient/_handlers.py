"""The test's own handlers: which one takes an event. The order is python-socketio's; nothing here
calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["RESERVED", "Handlers"]

Handler = Callable[..., Any]

ALL = "*"
RESERVED = frozenset({"connect", "connect_error", "disconnect"})


class Handlers:
    """Handlers by namespace and event, with "*" for any of either."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str, Handler]] = {}

    def __bool__(self) -> bool:
        return bool(self._handlers)

    def add(self, event: str, handler: Handler, namespace: str) -> None:
        """Register; a later one for the same event replaces it."""
        self._handlers.setdefault(namespace, {})[event] = handler

    def find(
        self, event: str, namespace: str, args: tuple[Any, ...]
    ) -> tuple[Handler | None, tuple[Any, ...]]:
        """The handler and its arguments: a catch-all's begin with the event, then, for namespace
        "*", the namespace.

        The order of ``socketio.BaseClient._get_event_handler``.
        """
        for space in (namespace, ALL):
            handlers = self._handlers.get(space, {})
            prefix = (namespace,) if space == ALL else ()
            if event in handlers:
                return handlers[event], (*prefix, *args)
            if ALL in handlers and event not in RESERVED:
                return handlers[ALL], (event, *prefix, *args)
        return None, args
