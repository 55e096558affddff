"""The failures that are reported to Locust, which groups failures by the text of the exception.

The text of a `TestClientError` describes a single failure, with the last packets. A load test has
thousands of failures, and needs the same text for the same cause.
"""

from __future__ import annotations

from typing import Any

from asgi_sio_testclient import EventTimeout, HandshakeFailed, UsageError

__all__ = ["RequestFailed", "is_mistake", "is_reported", "mark_reported"]

__tracebackhide__ = True

_MARK = "_reported_to_locust"


class RequestFailed(Exception):
    """The exception that is reported to Locust for a failed request: one line, the same for each
    failure of one cause.

    The ``__cause__`` is the exception that the task gets.
    """

    def __repr__(self) -> str:
        return str(self)

    @classmethod
    def of(cls, exc: BaseException, awaited: str) -> RequestFailed:
        """Return the failure for an exception.

        Args:
            exc: the exception that the client raised.
            awaited: what did not arrive, for a timeout: "ack", "event" or "answer".
        """
        failed = cls(f"{type(exc).__name__}: {_text(exc, awaited)}")
        failed.__cause__ = exc
        return failed


def _text(exc: BaseException, awaited: str) -> str:
    if isinstance(exc, EventTimeout):
        return f"no {awaited} within {exc.timeout:g} s"
    text = str(exc).partition("\n")[0]
    if isinstance(exc, HandshakeFailed):
        # A query may differ from user to user.
        text = text.removesuffix(f" ({exc.url})")
    return text


def is_mistake(exc: BaseException) -> bool:
    """Return whether an exception is a mistake of the caller, and not a failure of the server."""
    return isinstance(exc, TypeError | ValueError | UsageError)


def mark_reported(exc: BaseException) -> None:
    """Note that an exception was reported to Locust."""
    setattr(exc, _MARK, True)


def is_reported(exc: BaseException) -> bool:
    """Return whether an exception, or each exception in a group, was reported to Locust."""
    if isinstance(exc, BaseExceptionGroup):
        return all(map(is_reported, exc.exceptions))
    found: Any = getattr(exc, _MARK, False)
    return bool(found)
