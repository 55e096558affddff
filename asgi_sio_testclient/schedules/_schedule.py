"""A schedule (which points are held, and for how long), and its code as text."""

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
"""The key of a point: the path of its task in the tree of tasks (child n of child m of ...), then
the number of the point in the task."""

START = 10_000.0  # seconds; the virtual clock starts as on a machine that has run for a while
LONGEST = 1.0  # the most seconds of one hold
BUDGET = 2.0  # the most seconds of all holds of one run: less than the usual timeouts of apps
JUST_AFTER = 1e-5  # seconds between the moment and the end of a hold "until just after" it


@dataclass(frozen=True, slots=True)
class Point:
    """A place in a run that can be held; see `_points`.

    Attributes:
        key: identifies the point among all points of the run.
        kind: "packet", "sleep", "yield", "call" or "thread".
        time: when the program goes on if the point is not held, in seconds since the start of the
            run.
        place: file and line of the app's code; None for a packet.
    """

    key: Key
    kind: str
    time: float
    place: tuple[str, int] | None


@dataclass(frozen=True)
class Schedule:
    """The holds of one run.

    Attributes:
        holds: the length of each hold, by the key of its point: seconds if positive, turns of the
            event loop if negative.
        io: names of files and modules; see `explore`.
    """

    holds: Mapping[Key, float] = field(default_factory=dict)
    io: tuple[str, ...] = ()


def encode(schedule: Schedule) -> str:
    """Return the code of a schedule, which has letters, digits, "-" and "_" only."""
    holds = [[*key, length] for key, length in sorted(schedule.holds.items())]
    text = json.dumps([holds, schedule.io] if schedule.io else [holds], separators=(",", ":"))
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def decode(code: str) -> Schedule:
    """Return the schedule of a code.

    Raises:
        UsageError: `code` is no code of a schedule.
    """
    try:
        padded = code.strip() + "=" * (-len(code.strip()) % 4)
        holds, *rest = json.loads(zlib.decompress(base64.urlsafe_b64decode(padded)))
        return Schedule(
            {_key(hold): float(hold[-1]) for hold in holds},
            tuple(str(name) for name in (rest[0] if rest else ())),
        )
    except (ValueError, TypeError, LookupError, zlib.error, binascii.Error) as exc:
        raise UsageError(f"not a schedule's code: {code!r}; paste the whole code") from exc


def _key(hold: Sequence[Any]) -> Key:
    return tuple(int(part) for part in hold[:-1])
