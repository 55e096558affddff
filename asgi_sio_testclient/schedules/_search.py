"""Which schedules to try: few holds first, each until just after another thing happened.

A plain run has listed the points and the moments. A hold of one point until just after one moment
is tried for each pair, none twice: points of other lines before more points of the same line, and
for each point short and long holds by turns. Beside those, one moment for all who come to the same
line; and every fourth schedule holds two to four points at random.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from asgi_sio_testclient.schedules._schedule import BUDGET, JUST_AFTER, LONGEST, Key, Point

__all__ = ["plans"]

__tracebackhide__ = True

Plan = dict[Key, float]
T = TypeVar("T")

_DISTINCT = 1e-4  # seconds between two moments that are tried both
_TURNS = (-2.0, -5.0)  # of the loop
_LATE = 0.9  # seconds: after what no plain run shows; an app's window of a second is not over yet
_EVERY = 4
_SEVERAL = (2, 2, 3, 3, 4)
_SINGLE_STEP, _GROUP_STEP = 0.25, 0.5  # how much later the next hold of the same point comes
_RANK_STEP = 0.15  # how much later the next point of the same line comes


def plans(points: Sequence[Point], moments: Sequence[float], seed: object) -> Iterator[Plan]:
    """Schedules without end, none above the budget; no schedule where there is no point."""
    rng = random.Random(f"{seed}")  # noqa: S311 (a search, no secret)
    if not points:
        return
    times = _distinct(moments)
    choices = [(point.key, _lengths(point, times)) for point in points]
    single = _singles(choices, _ranks(points, rng), rng) + _groups(points, times, rng)
    planned = iter([plan for _, plan in sorted(single, key=lambda entry: entry[0])])
    number = 0
    while True:
        number += 1
        plan = next(planned, None) if number % _EVERY else None
        if plan is None:
            plan = _several(choices, rng)
        if sum(max(0.0, length) for length in plan.values()) <= BUDGET:
            yield plan


def _distinct(moments: Sequence[float]) -> list[float]:
    times: list[float] = []
    for moment in sorted(moments):
        if not times or moment - times[-1] > _DISTINCT:
            times.append(moment)
    return times


def _lengths(point: Point, times: Sequence[float]) -> list[float]:
    """How long a point may be held: for an instant, a few turns, or until just after a moment."""
    lengths = [JUST_AFTER] if point.kind == "sleep" else [JUST_AFTER, *_TURNS]
    later = (time - point.time + JUST_AFTER for time in times if time > point.time)
    return lengths + [round(length, 6) for length in later if length <= LONGEST]


def _singles(
    choices: Sequence[tuple[Key, list[float]]], ranks: Mapping[Key, int], rng: random.Random
) -> list[tuple[float, Plan]]:
    return [
        (rng.random() + number * _SINGLE_STEP + ranks[key] * _RANK_STEP, {key: length})
        for key, lengths in choices
        for number, length in enumerate(_mixed(lengths, rng))
    ]


def _ranks(points: Sequence[Point], rng: random.Random) -> dict[Key, int]:
    """Number the points of each line, and the packets of each connection, in random order."""
    alike: dict[tuple[Any, ...], list[Key]] = {}
    for point in points:
        alike.setdefault(point.place or point.key[:-1], []).append(point.key)
    return {key: rank for keys in alike.values() for rank, key in enumerate(_shuffled(keys, rng))}


def _mixed(lengths: Sequence[float], rng: random.Random) -> list[float]:
    """Instants, shorter and longer lengths, and one that is late, by turns and in random order."""
    instants = [length for length in lengths if length <= JUST_AFTER]
    moments = sorted(length for length in lengths if length > JUST_AFTER)
    half = len(moments) // 2
    kinds = [_shuffled(kind, rng) for kind in (instants, moments[:half], moments[half:], [_LATE])]
    mixed: list[float] = []
    while any(kinds):
        mixed += [kind.pop() for kind in _shuffled(kinds, rng) if kind]
    return mixed


def _shuffled(things: Sequence[T], rng: random.Random) -> list[T]:
    return rng.sample(things, len(things))


def _groups(
    points: Sequence[Point], times: Sequence[float], rng: random.Random
) -> list[tuple[float, Plan]]:
    """All who come to one line wait there for the same moment."""
    lines: dict[tuple[str, int], list[Point]] = {}
    for point in points:
        if point.place is not None:
            lines.setdefault(point.place, []).append(point)
    found: list[tuple[float, Plan]] = []
    for group in lines.values():
        if len(group) == 1:
            continue
        for number, time in enumerate(rng.sample(times, len(times))):
            plan = {
                point.key: round(time - point.time + JUST_AFTER, 6)
                for point in group
                if 0 <= time - point.time <= LONGEST
            }
            if len(plan) > 1:
                found.append((rng.random() + number * _GROUP_STEP, plan))
    return found


def _several(choices: Sequence[tuple[Key, list[float]]], rng: random.Random) -> Plan:
    size = min(len(choices), rng.choice(_SEVERAL))
    return {key: rng.choice(lengths) for key, lengths in rng.sample(choices, size)}
