"""Recognises values that differ from run to run: UUIDs, times and session ids."""

from __future__ import annotations

import re

__all__ = ["TIME", "UUID", "kind_of"]

__tracebackhide__ = True

UUID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    r"|\b[0-9a-f]{12}[1-8][0-9a-f]{3}[89ab][0-9a-f]{15}\b",
    re.IGNORECASE,
)
TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|UTC|GMT)|[+-]\d\d:?\d\d)?"
)
_SID = re.compile(r"[A-Za-z0-9_-]{16}A[A-Za-z0-9_-]{3}")
"""Session ids of Engine.IO and Socket.IO: 12 random bytes and a counter of 3 bytes, in base64."""


def kind_of(text: str) -> str:
    """Return the kind of a text that differs from run to run ("uuid", "time" or "sid"), or ""."""
    if UUID.fullmatch(text):
        return "uuid"
    if TIME.fullmatch(text):
        return "time"
    mixed = (
        re.search("[A-Z]", text[:16]) and re.search("[a-z]", text) and re.search("[0-9_-]", text)
    )
    return "sid" if mixed and _SID.fullmatch(text) else ""
