"""Percentiles, buckets and comparisons of samples."""

import math

import pytest

from asgi_sio_testclient.bench._statistics import bucketed, mann_whitney, percentile, sliced


class TestArithmetic:
    @pytest.mark.parametrize(
        ("share", "expected"),
        [(0, 1), (50, 500), (90, 900), (99.9, 999), (99.95, 1000), (100, 1000)],
    )
    def test_a_percentile_is_the_nearest_rank(self, share, expected):
        assert percentile(range(1, 1001), share) == expected

    def test_a_percentile_of_one_and_of_none(self):
        assert percentile([7], 50) == percentile([7], 99.9) == 7
        assert math.isnan(percentile([], 50))

    # The expected values are from scipy.stats.mannwhitneyu(one, other, method="asymptotic") 1.16.
    @pytest.mark.parametrize(
        ("one", "other", "u", "p"),
        [
            (
                [1.1, 2.2, 3.3, 4.4, 5.5, 6.6, 7.7, 8.8, 9.9],
                [2.0, 3.3, 4.4, 4.4, 6.1, 7.0, 9.9, 10.5, 11.2, 12.8],
                33.0,
                0.34647335758932307,
            ),
            ([1, 1, 2, 2, 3, 3, 3, 3, 4], [3, 3, 4, 4, 4, 4, 4, 5], 8.5, 0.006510702256782925),
        ],
    )
    def test_mann_whitney_as_scipy_has_it(self, one, other, u, p):
        assert mann_whitney(one, other) == (u, pytest.approx(p, rel=1e-9))
        assert mann_whitney(other, one) == (len(one) * len(other) - u, pytest.approx(p, rel=1e-9))

    def test_mann_whitney_of_nothing_but_equals(self):
        assert mann_whitney([5.0] * 9, [5.0] * 8) == (36.0, 1.0)

    def test_buckets_hold_what_falls_into_them(self):
        numbers = [0.0009, 0.001, 0.00105, 0.5, 17.0]
        buckets = bucketed([*numbers, 0.0])
        assert sum(count for _, _, count in buckets) == len(numbers)
        assert [low for low, _, _ in buckets] == sorted(low for low, _, _ in buckets)
        for number in numbers:
            assert any(low <= number * (1 + 1e-9) and number < high for low, high, _ in buckets)

    @pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 1234])
    def test_slices_are_even_and_lose_nothing(self, count):
        slices = list(sliced(range(count), 50))
        assert [item for part in slices for item in part] == list(range(count))
        assert len(slices) == min(count, 50)
        assert max(map(len, slices), default=0) - min(map(len, slices), default=0) <= 1
