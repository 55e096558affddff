"""Shows values as text."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["one_line", "pretty"]

__tracebackhide__ = True

_LINE = 120
_BYTES = 48


def one_line(text: str, limit: int = _LINE) -> str:
    """Return a text on one line, cut to `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


def pretty(value: Any) -> str:
    """Return a value as JSON, with binary parts shown by their length and first bytes."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_binary)
    except (TypeError, ValueError):
        return repr(value)


def _binary(value: Any) -> Any:
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes: {bytes(value[:_BYTES]).hex(' ')}>"
    return repr(value)
