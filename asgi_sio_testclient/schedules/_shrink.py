"""Reduces a failing schedule: to the fewest holds that fail, and to the range of a hold's
length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from asgi_sio_testclient.schedules._schedule import JUST_AFTER, LONGEST, Key

__all__ = ["Extent", "extent", "shrink"]

__tracebackhide__ = True

Plan = dict[Key, float]
Fails = Callable[[Plan], bool]

_LIMIT = 300  # the most runs
_HALVINGS = 5  # steps of the binary search for a length
_FINE = 1e4  # shown in tenths of a millisecond


def shrink(fails: Fails, plan: Plan) -> Plan:
    """Remove holds as long as the scenario still fails, and return the remaining holds.

    The algorithm is Zeller's ddmin.

    Args:
        fails: returns whether the scenario fails with some holds.
        plan: the holds of a failing schedule.
    """
    keys, parts, runs = list(plan), 2, 0
    while len(keys) > 1 and runs < _LIMIT:
        size = max(1, len(keys) // parts)
        for start in range(0, len(keys), size):
            runs += 1
            rest = keys[:start] + keys[start + size :]
            if rest and fails({key: plan[key] for key in rest}):
                keys, parts = rest, max(2, parts - 1)
                break
        else:
            if size == 1:
                break
            parts = min(len(keys), parts * 2)
    return {key: plan[key] for key in keys}


@dataclass(frozen=True)
class Extent:
    """The range of lengths of one hold, in seconds: the scenario fails with each of them."""

    shortest: float
    longest: float

    def __str__(self) -> str:
        low = f"{math.ceil(self.shortest * _FINE) / _FINE:g}"
        if self.longest >= LONGEST:
            return f"any hold of {low} s or more here fails (tried up to {LONGEST:g} s)"
        high = f"{math.floor(self.longest * _FINE) / _FINE:g}"
        return f"any hold between {low} and {high} s here fails"


def extent(fails: Fails, plan: Plan) -> Extent | None:
    """Return the range of lengths with which a single hold fails; None for several holds, for a
    hold of an instant or of turns, and for lengths that are no range.
    """
    ((key, length), *others) = plan.items()
    if others or length <= JUST_AFTER:
        return None

    def fails_at(seconds: float) -> bool:
        return fails({key: round(seconds, 6)})

    low, shortest = 0.0, length
    for _ in range(_HALVINGS):
        middle = (low + shortest) / 2
        if fails_at(middle):
            shortest = middle
        else:
            low = middle
    longest, high = length, LONGEST
    if fails_at(LONGEST):
        longest = LONGEST
    else:
        for _ in range(_HALVINGS):
            middle = (longest + high) / 2
            if fails_at(middle):
                longest = middle
            else:
                high = middle
    between = (shortest + (longest - shortest) * part for part in (1 / 3, 2 / 3))
    found = Extent(shortest, longest)
    wide = math.floor(longest * _FINE) > math.ceil(shortest * _FINE)
    return found if wide and all(fails_at(seconds) for seconds in between) else None
