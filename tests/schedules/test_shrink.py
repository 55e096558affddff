"""Shrinking of a failing schedule, and how long a hold may be."""

import re

import pytest

from asgi_sio_testclient.schedules._shrink import extent, shrink


def test_shrinking_leaves_the_holds_that_matter():
    plan = {(1, number): 0.1 for number in range(1, 9)}
    needed = {(1, 3), (1, 6)}
    assert shrink(lambda holds: needed <= set(holds), plan).keys() == needed
    assert shrink(lambda holds: set(plan) <= set(holds), plan) == plan


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda length: length >= 0.09, r"any hold of 0\.09\d* s or more here fails"),
        (lambda length: 0.01 <= length <= 0.2, r"any hold between 0\.01\d* and 0\.1\d* s here"),
    ],
)
def test_how_long_a_hold_may_be(fails, words):
    assert re.match(words, str(extent(lambda plan: fails(plan[1, 1]), {(1, 1): 0.1})))


@pytest.mark.parametrize("lengths", [{0.1}, {0.1, 1.0}])
def test_lengths_with_gaps_are_not_told(lengths):
    assert extent(lambda plan: plan[1, 1] in lengths, {(1, 1): 0.1}) is None


@pytest.mark.parametrize("plan", [{(1, 1): 0.1, (1, 2): 0.1}, {(1, 1): -2.0}, {(1, 1): 1e-5}])
def test_no_length_to_tell(plan):
    assert extent(lambda _: True, plan) is None
