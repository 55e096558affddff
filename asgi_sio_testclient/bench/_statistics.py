"""The arithmetic: percentiles, buckets, blocks, and the test that tells a difference from noise.

Knows numbers, and neither clocks nor clients.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

__all__ = ["bucketed", "mann_whitney", "percentile", "sliced"]

__tracebackhide__ = True

Item = TypeVar("Item")

_BUCKETS_A_DECADE = 40
"""Neighbours differ by 6 %: as fine as a plot can show, some hundred buckets at the very most."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the sorted numbers that at least `share` per cent of them don't exceed.

    The nearest rank, as HdrHistogram has it, and no interpolation: a figure that was never measured
    between the two slowest calls helps nobody. Of no numbers it is nan.
    """
    if not ordered:
        return math.nan
    # 99.9 % of 1000 is the 999th, though floats make a little more than 999 of it.
    rank = math.ceil(len(ordered) * share / 100 - 1e-9)
    return ordered[max(rank, 1) - 1]


def bucketed(numbers: Iterable[float]) -> list[tuple[float, float, int]]:
    """Lower bound, upper bound and count of the buckets that aren't empty, in order.

    Buckets are as wide as they are high, so to speak: 40 to a decade, whatever the decade.
    """
    counts = Counter(
        math.floor(math.log10(number) * _BUCKETS_A_DECADE) for number in numbers if number > 0
    )
    return [
        (10 ** (key / _BUCKETS_A_DECADE), 10 ** ((key + 1) / _BUCKETS_A_DECADE), counts[key])
        for key in sorted(counts)
    ]


def sliced(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """`items` in at most `most` blocks, in order, whose lengths differ by one at most."""
    pieces = min(most, len(items))
    for number in range(pieces):
        yield items[number * len(items) // pieces : (number + 1) * len(items) // pieces]


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """The Mann-Whitney U test: do the numbers of one sample tend to be larger?

    It looks at ranks only, so that the few calls that took a hundred times as long, which every
    sample of latencies has, weigh no more than any other. By the normal approximation, with
    corrections for ties and continuity: from eight numbers on each side it is good enough.

    Returns:
        U of `one`, and the two-sided p-value.
    """
    ranks, ties = _ranks([*one, *other])
    n, m = len(one), len(other)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return u, 1.0
    z = max(abs(u - n * m / 2) - 0.5, 0.0) / math.sqrt(variance)
    return u, math.erfc(z / math.sqrt(2))


def _ranks(numbers: Sequence[float]) -> tuple[list[float], int]:
    """Ranks from 1, equal numbers sharing theirs, and the sum of t**3 - t over groups of t equal
    ones.
    """
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    ranks = [0.0] * len(numbers)
    ties = begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and numbers[order[end]] == numbers[order[begin]]:
            end += 1
        for index in order[begin:end]:
            ranks[index] = (begin + 1 + end) / 2
        ties += (end - begin) ** 3 - (end - begin)
        begin = end
    return ranks, ties
