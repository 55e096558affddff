"""The order in which schedules are tried."""

import itertools

import pytest

from asgi_sio_testclient.schedules._schedule import BUDGET, Point
from asgi_sio_testclient.schedules._search import plans

SEEDS = range(20)
MANY = [Point((2, 1, number), "yield", 0.0, ("app.py", 1)) for number in range(40)]
RARE = Point((3, 1), "yield", 0.0, ("app.py", 9))


def tried(points, moments, seed, count):
    return list(itertools.islice(plans(points, moments, seed), count))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_line_of_its_own_is_not_lost_among_many_points_of_another(seed):
    assert any(plan.keys() == {RARE.key} for plan in tried([*MANY, RARE], [0.0], seed, 25))


@pytest.mark.parametrize("seed", SEEDS)
def test_short_and_long_holds_take_turns(seed):
    moments = [number / 100 for number in range(90)]
    alone = [
        length
        for plan in tried([RARE, Point((4, 1), "sleep", 0.0, None)], moments, seed, 20)
        if plan.keys() == {RARE.key}
        for length in plan.values()
    ]
    assert any(length < 0.001 for length in alone)
    assert any(0.001 < length <= 0.45 for length in alone)
    assert any(0.45 < length < 0.9 for length in alone)
    assert 0.9 in alone


@pytest.mark.parametrize("seed", SEEDS)
def test_no_hold_of_one_point_is_tried_twice_and_none_is_above_the_budget(seed):
    moments = [0.1, 0.2, 0.3]
    plans_ = tried([RARE, *MANY[:2]], moments, seed, 300)
    alone = [tuple(plan.items()) for number, plan in enumerate(plans_, 1) if number % 4]
    singles = [entry for entry in alone if len(entry) == 1][: 3 * len(moments)]
    assert len(set(singles)) == len(singles)
    assert all(sum(length for length in plan.values() if length > 0) <= BUDGET for plan in plans_)


def test_no_point_no_schedule():
    assert tried([], [0.1], 0, 5) == []
