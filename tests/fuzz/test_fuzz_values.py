"""Values generated from annotations, and values that replace recorded ones."""

import dataclasses
from collections.abc import Mapping
from typing import TypedDict

import hypothesis
import pytest

from asgi_sio_testclient.fuzz._shapes import Shape
from asgi_sio_testclient.fuzz._values import arguments, default, fill, nested, systematic


def filled(annotation):
    shape = Shape(annotations=[annotation])
    fill(shape)
    return shape


@pytest.mark.parametrize("annotation", [dict, Mapping])
def test_a_mapping_of_anything(annotation):
    shape = filled(annotation)
    assert shape.kinds == {"dict"}
    assert default(shape) == {}


class Order(TypedDict):
    sku: "NotImportedHere"  # noqa: F821
    count: int


@dataclasses.dataclass
class Base:
    name: str


@dataclasses.dataclass
class Extended(Base):
    owner: "NotImportedHere"  # noqa: F821


@pytest.mark.parametrize(
    ("model", "value"),
    [(Order, {"sku": "x", "count": 1}), (Extended, {"name": "x", "owner": "x"})],
)
def test_a_model_with_an_annotation_that_can_not_be_evaluated(model, value):
    assert default(filled(model)) == value


def test_faults_are_made_five_levels_deep():
    changed = list(systematic([Shape()], (), [(nested(9, "k"),)]))
    assert [depth for depth in range(9) if (nested(depth, "k"),) in changed] == [0, 1, 2, 3, 4, 5]


@pytest.mark.slow
def test_a_recorded_argument_loses_a_key():
    recorded = ({"token": "t0k3n", "amount": 4},)
    strategy = arguments([Shape()], [1], [], [recorded])
    settings = hypothesis.settings(
        database=None, derandomize=True, max_examples=2000, phases=[hypothesis.Phase.generate]
    )
    found = hypothesis.find(strategy, lambda args: args == ({"amount": 4},), settings=settings)
    assert found == ({"amount": 4},)


def test_a_recorded_list_is_repeated_though_the_code_names_no_items():
    changed = [args[0] for args in systematic([Shape()], (), [(["tea"],)])]
    lengths = {len(value) for value in changed if isinstance(value, list) and "tea" in value}
    assert sorted(lengths)[:2] == [1, 2]
    assert max(lengths) > 10
