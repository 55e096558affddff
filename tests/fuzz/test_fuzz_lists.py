"""Handlers that fail for lists with equal items, different items, or many of them."""

import dataclasses

import lists_app
import pytest

from asgi_sio_testclient import fuzz
from asgi_sio_testclient.fuzz._shapes import Shape, shapes_of
from asgi_sio_testclient.fuzz._values import default, fill, systematic

FAULTS = {
    "equal_items": "LookupError: the same key twice",
    "items_that_differ": "ZeroDivisionError",
    "many_items": "MemoryError: too many",
    "a_part_left_out": "'NoneType' object has no attribute 'street'",
    "a_key_left_out": "KeyError: 'limit'",
    "deep_in_the_second": "TypeError: unsupported operand",
}


@pytest.mark.slow
@pytest.mark.parametrize("event", FAULTS)
def test_a_fault_of_a_list_or_a_part_is_found(event):
    (failure,) = fuzz.run(lists_app.crashing, event).failures
    assert FAULTS[event] in failure.headline
    assert failure.examples <= 200


@pytest.mark.slow
@pytest.mark.parametrize("event", ["validated", "any_list", "any_options"])
def test_a_handler_that_takes_any_list_is_sound(event):
    assert fuzz.run(lists_app.sound, event, max_examples=60).failures == ()


def lists_of(shape):
    return [value for (value,) in systematic([shape], ()) if isinstance(value, list)]


def test_lists_with_equal_and_with_many_items():
    lists = lists_of(Shape(item=Shape(kinds={"int"})))
    assert [1, 1] in lists
    assert [1] * 20 in lists


def test_lists_with_items_that_differ():
    assert ["buy", "sell"] in lists_of(Shape(item=Shape(values=["buy", "sell"])))


@pytest.mark.slow
def test_the_length_of_a_list_is_no_length_of_a_text():
    async def guarded(sid, names):
        return isinstance(names, list) and len(names) > 2

    async def annotated(sid, names: list[str]):
        return len(names) > 2

    for handler in (guarded, annotated):
        (shape,) = shapes_of(handler, 1)
        fill(shape)
        assert shape.kinds == {"list"}
        assert isinstance(default(shape), list)


@dataclasses.dataclass
class Point:
    x: int
    name: str


@dataclasses.dataclass
class Named(Point):
    more: bool = False


class Pair:
    left: float

    def __init__(self, left, right):
        self.values = left, right


def test_fields_that_are_given_by_position():
    async def handler(sid, data):
        one = data["one"]
        return Named(one["x"], data["name"]), Point(one["y"]), Pair(data["left"], data["right"])

    (shape,) = shapes_of(handler, 1)
    fill(shape)
    assert shape.keys["one"].keys["y"].kinds == {"int"}
    assert shape.keys["left"].kinds == {"float"}
    for key in ("name", "right"):
        assert not shape.keys[key].keys
