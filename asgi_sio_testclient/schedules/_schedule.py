"""A schedule: which points are held, and for how long. And its code, as text."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient import UsageError

__all__ = [
    "BUDGET",
    "JUST_AFTER",
    "LONGEST",
    "START",
    "Key",
    "Point",
    "Schedule",
    "decode",
    "encode",
]

__tracebackhide__ = True

Key = tuple[int, ...]
"""The path of a task by creation (child n of child m of ...), and the number of the point in it."""

START = 10_000.0  # of the clock; as on a machine that runs for a while: `now - 0` is long
LONGEST = 1.0  # seconds of one hold
BUDGET = 2.0  # seconds of all holds of one run: below the timeouts that apps have
JUST_AFTER = 1e-5  # seconds


@dataclass(frozen=True, slots=True)
class Point:
    """A place where the outside decides when the program goes on.

    Attributes:
        key: tells it from all others of the run.
        kind: "packet", "sleep", "yield", "call" or "thread".
        time: when it goes on unless it is held, in seconds since the run began.
        place: file and line of the app's own code; None for a packet.
    """

    key: Key
    kind: str
    time: float
    place: tuple[str, int] | None


@dataclass(frozen=True)
class Schedule:
    """The holds of one run.

    Attributes:
        holds: by point the seconds, or, where negative, the turns of the loop.
        io: see `explore`.
    """

    holds: Mapping[Key, float] = field(default_factory=dict)
    io: tuple[str, ...] = ()


def encode(schedule: Schedule) -> str:
    """The code of a schedule: letters, digits, "-" and "_"."""
    holds = [[*key, length] for key, length in sorted(schedule.holds.items())]
    text = json.dumps([holds, schedule.io] if schedule.io else [holds], separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def decode(code: str) -> Schedule:
    """The schedule of a code.

    Raises:
        UsageError: it is none.
    """
    try:
        padded = code.strip() + "=" * (-len(code.strip()) % 4)
        holds, *rest = json.loads(zlib.decompress(base64.urlsafe_b64decode(padded)))
        return Schedule(
            {_key(hold): float(hold[-1]) for hold in holds},
            tuple(str(name) for name in (rest[0] if rest else ())),
        )
    except (ValueError, TypeError, LookupError, zlib.error, binascii.Error) as exc:
        raise UsageError(f"not a schedule's code: {code!r}; paste it whole") from exc


def _key(hold: Sequence[Any]) -> Key:
    return tuple(int(part) for part in hold[:-1])
