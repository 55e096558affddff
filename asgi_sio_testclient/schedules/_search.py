"""The order in which schedules are tried: few holds first, each until just after another event.

A run without a schedule has recorded the points and the moments. Most schedules hold one point
until just after one moment; each pair is tried once. Points of different lines come before further
points of the same line, and short and long holds alternate. Other schedules hold all points of one
line until the same moment. Every fourth schedule holds two to four random points.
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

_DISTINCT = 1e-4  # seconds; moments that are closer together count as one
_TURNS = (-2.0, -5.0)  # turns of the event loop
_LATE = 0.9  # seconds; longer than most waits, and shorter than a window of a second in an app
_EVERY = 4  # one schedule of so many has random holds
_SEVERAL = (2, 2, 3, 3, 4)  # how many random holds, drawn from these numbers
_SINGLE_STEP, _GROUP_STEP = 0.25, 0.5  # added to the rank of the next hold of the same point
_RANK_STEP = 0.15  # added to the rank of the next point of the same line


def plans(points: Sequence[Point], moments: Sequence[float], seed: object) -> Iterator[Plan]:
    """Yield schedules without end, each with at most `BUDGET` seconds of holds; none without
    points.

    Args:
        points: the points of a run without a schedule.
        moments: times at which something happened in that run.
        seed: the seed of the order.
    """
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
    """Return the lengths of holds to try for a point: an instant, a few turns of the event loop,
    and until just after each moment.
    """
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
    """Return the lengths in a random order in which instants, short, long and late holds
    alternate.
    """
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
    """Return schedules that hold all points of one line until the same moment, with their rank."""
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
