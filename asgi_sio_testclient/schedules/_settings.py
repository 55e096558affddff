"""The settings of the running test, which the pytest plugin sets; the defaults without pytest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Settings", "current"]

__tracebackhide__ = True


@dataclass
class Settings:
    """The settings of one test.

    Attributes:
        runs: the most schedules to run; None for the number in the test.
        code: the code of the only schedule to run; "" for none.
        known: the code of an earlier failure, which is tried first; "" for none.
        keep: called with the code of a failure, or with "" if the test passed.
        remarks: gets the remarks of an exploration.
    """

    runs: int | None = None
    code: str = ""
    known: str = ""
    keep: Callable[[str], None] = lambda _: None
    remarks: list[str] = field(default_factory=list)


_CURRENT: list[Settings] = []


def current() -> Settings:
    """Return the settings of the running test."""
    return _CURRENT[-1] if _CURRENT else Settings()


def use(settings: Settings) -> Callable[[], None]:
    """Use these settings from now on; return a function that restores the settings before."""
    _CURRENT.append(settings)
    return _CURRENT.pop  # type: ignore[return-value]
