"""Formats numbers for text and JSON."""

from __future__ import annotations

import math

__all__ = ["duration", "number_or_none"]

__tracebackhide__ = True


def duration(seconds: float) -> str:
    """Return seconds as text: three digits and a unit; "-" for nan."""
    if math.isnan(seconds):
        return "-"
    if seconds == 0:
        return "0 us"
    unit, scale = next(
        (unit, scale)
        for unit, scale in _UNITS
        if seconds * scale >= _ROUNDED_TO_ONE or unit == "us"
    )
    number = f"{seconds * scale:#.3g}".rstrip(".")
    return f"{seconds * scale:.0f} {unit}" if "e" in number else f"{number} {unit}"


_UNITS = (("s", 1.0), ("ms", 1e3), ("us", 1e6))
_ROUNDED_TO_ONE = 0.9995


def number_or_none(value: float) -> float | None:
    """Return None for nan, which JSON lacks; else the number."""
    return None if math.isnan(value) else value
