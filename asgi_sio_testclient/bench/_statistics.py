"""Percentiles, histogram buckets, slices, and the test that distinguishes a difference from noise.

Works on numbers, and uses neither clocks nor clients.
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
"""Neighbouring buckets differ by 6 %, as fine as a plot can show; a histogram has at most some
hundred buckets."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return a percentile: the smallest of the numbers that at least `share` per cent of them do
    not exceed; nan without numbers.

    This is the nearest rank, as in HdrHistogram, without interpolation: the result is one of the
    numbers.

    Args:
        ordered: the numbers, sorted.
        share: per cent, from 0 to 100.
    """
    if not ordered:
        return math.nan
    # 99.9 % of 1000 is the 999th; the product of floats is slightly above 999.
    rank = math.ceil(len(ordered) * share / 100 - 1e-9)
    return ordered[max(rank, 1) - 1]


def bucketed(numbers: Iterable[float]) -> list[tuple[float, float, int]]:
    """Return lower bound, upper bound and count of the buckets that are not empty, in order.

    Buckets are logarithmic, 40 per decade.
    """
    counts = Counter(
        math.floor(math.log10(number) * _BUCKETS_A_DECADE) for number in numbers if number > 0
    )
    return [
        (10 ** (key / _BUCKETS_A_DECADE), 10 ** ((key + 1) / _BUCKETS_A_DECADE), counts[key])
        for key in sorted(counts)
    ]


def sliced(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    """Yield `items` in at most `most` slices, in order, whose lengths differ by at most one."""
    pieces = min(most, len(items))
    for number in range(pieces):
        yield items[number * len(items) // pieces : (number + 1) * len(items) // pieces]


def mann_whitney(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Return the result of the Mann-Whitney U test: whether the numbers of one sample tend to be
    larger than those of the other.

    The test uses ranks, so that the few very slow calls in every sample of latencies do not
    dominate. The p-value is of the normal approximation with corrections for ties and continuity,
    which is good enough from eight numbers in each sample on.

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
    """Return the ranks of numbers, and the sum of t**3 - t over all groups of t equal numbers.

    Ranks begin at 1; equal numbers have the mean of their ranks.
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
