"""Failures as Locust groups them: by the text of the exception.

The text of a `TestClientError` tells one failure: what arrived instead, the last packets. A load
test has thousands of failures, and needs one text for each cause.
"""

from __future__ import annotations

from typing import Any

from asgi_sio_testclient import EventTimeout, HandshakeFailed, UsageError

__all__ = ["RequestFailed", "is_mistake", "is_reported", "mark_reported"]

__tracebackhide__ = True

_MARK = "_reported_to_locust"


class RequestFailed(Exception):
    """What Locust is told of a failed request: one line, the same for each failure of one cause.

    Its ``__cause__`` is the exception that the task sees.
    """

    def __repr__(self) -> str:
        return str(self)

    @classmethod
    def of(cls, exc: BaseException, awaited: str) -> RequestFailed:
        """The failure for an exception.

        Args:
            exc: what the client raised.
            awaited: what did not come, where that is a timeout.
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
    """Whether an exception tells of wrong use rather than of the server."""
    return isinstance(exc, TypeError | ValueError | UsageError)


def mark_reported(exc: BaseException) -> None:
    """Note that Locust knows of an exception."""
    setattr(exc, _MARK, True)


def is_reported(exc: BaseException) -> bool:
    """Whether Locust knows of an exception, or of each in a group."""
    if isinstance(exc, BaseExceptionGroup):
        return all(map(is_reported, exc.exceptions))
    found: Any = getattr(exc, _MARK, False)
    return bool(found)
