"""Exceptions that python-engineio logs, and answers with status 200, for the error of a wait that
fails.

The logger of the server instance is replaced by an object of a subclass with the same state, so
that only `exception` takes more time than before.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

__all__ = ["Logged", "quoting_logger"]

__tracebackhide__ = True


class Logged(NamedTuple):
    """One call of ``logger.exception``.

    Attributes:
        time: when it was logged, in seconds of `time.perf_counter`.
        message: the message.
        exc: the exception that was logged with it.
    """

    time: float
    message: str
    exc: BaseException | None


Report = Callable[[Logged], None]


def quoting_logger(logger: Any, report: Report) -> Any:
    """Return a logger like `logger` that also reports calls of `exception`; `logger` itself if its
    class can't be subclassed.
    """
    try:
        kind: Any = _quoting(type(logger))  # type: ignore[arg-type]
        quoting = kind.__new__(kind)
        quoting.__dict__ = logger.__dict__
    except (AttributeError, TypeError):
        return logger
    quoting._report = report
    return quoting


@functools.cache
def _quoting(kind: Any) -> Any:
    class Quoting(kind):  # type: ignore[misc]
        __slots__ = ("_report",)
        _report: Report

        def exception(self, message: Any, *args: Any, **options: Any) -> None:
            text = str(message) % args if args else str(message)
            self._report(Logged(perf_counter(), text, sys.exc_info()[1]))
            super().exception(message, *args, **{"stacklevel": 2, **options})

    return Quoting
