"""What a test runner says about the test that it runs: set by the pytest plugin, else nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Settings", "current"]

__tracebackhide__ = True


@dataclass
class Settings:
    """Of one test.

    Attributes:
        runs: how many runs; None for what the test says.
        code: the one schedule to be replayed; "" for none.
        known: the code of an earlier failure, which is tried first; "" for none.
        keep: takes the code of a failure; "" where the test passed.
        remarks: takes what is worth knowing about a test that passed.
    """

    runs: int | None = None
    code: str = ""
    known: str = ""
    keep: Callable[[str], None] = lambda _: None
    remarks: list[str] = field(default_factory=list)


_CURRENT: list[Settings] = []


def current() -> Settings:
    """Those of the test that runs now."""
    return _CURRENT[-1] if _CURRENT else Settings()


def use(settings: Settings) -> Callable[[], None]:
    """Use them from now on; returns what ends that."""
    _CURRENT.append(settings)
    return _CURRENT.pop  # type: ignore[return-value]
