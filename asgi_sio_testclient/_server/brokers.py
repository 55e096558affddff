"""The client manager's broker: its failures, reported."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

__tracebackhide__ = True


class _ManagerLogger:
    """A client manager's logger that also reports each error, with its time, to a callback."""

    def __init__(self, logger: Any, report: Callable[[tuple[float, str]], None]) -> None:
        self._logger = logger
        self._report = report

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def error(self, message: str, *args: Any, **options: Any) -> None:
        # AsyncRedisManager._publish() and its like give the exception as redis_exception, ...
        extra = options.get("extra") or {}
        words = [message % args, *(str(extra[key]) for key in extra if key.endswith("_exception"))]
        self._report((perf_counter(), ": ".join(words)))
        self._logger.error(message, *args, **{"stacklevel": 2, **options})
