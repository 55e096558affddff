"""The shapes of arguments that the fuzzer reads from a handler's code."""

import dataclasses
import enum
import functools
from typing import Annotated, Literal, NotRequired, TypedDict

import pytest

from asgi_sio_testclient.fuzz._shapes import constants_of, shapes_of
from asgi_sio_testclient.fuzz._values import default, fill, literal, nested

PRICES = {"tea": 3}


class Size(enum.Enum):
    SMALL = "small"


class Line(TypedDict):
    sku: str
    count: NotRequired[int]


@dataclasses.dataclass
class Place:
    x: float
    names: list[str]


def shape(handler, skip=1):
    (found,) = shapes_of(handler, skip)
    fill(found)
    return found


async def keys(sid, data):
    room = data["room"]
    text = data.get("text") or ""
    return room["name"], text.strip(), "flag" in data


async def loops(sid, data):
    for item in data["items"]:
        item["id"]
    return [entry["price"] for entry in data["entries"]]


async def compares(sid, kind):
    return kind == "secret" or kind in PRICES or Size(kind)


async def matches(sid, data):
    match data:
        case {"kind": "a" | "b", "n": int(n)}:
            return n
        case [first, *_]:
            return first
    return None


def helper(value):
    return value["inner"]


async def passes_on(sid, data):
    return helper(data)


def wrapped(function):
    @functools.wraps(function)
    async def called(*args):
        return await function(*args)

    return called


@pytest.mark.parametrize("handler", [keys, wrapped(keys), functools.partial(keys)])
def test_keys(handler):
    found = shape(handler)
    assert set(found.keys) == {"room", "text", "flag"}
    assert set(found.keys["room"].keys) == {"name"}
    assert "str" in found.keys["text"].kinds


def test_items():
    found = shape(loops)
    assert default(found) == {"items": [{"id": "x"}], "entries": [{"price": "x"}]}


def test_constants():
    assert {"secret", "tea", "small"} <= set(map(str, shape(compares).values)) | {"small"}
    assert "secret" in constants_of(compares)


def test_patterns():
    found = shape(matches)
    assert found.keys["kind"].values == ["a", "b"]
    assert found.keys["n"].kinds == {"int"}


def test_functions_of_the_app():
    assert set(shape(passes_on).keys) == {"inner"}


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 1),
        (str, "x"),
        (bool, True),
        (float, 1.5),
        (bytes, b"x"),
        (list[int], [1]),
        (dict[str, int], {"x": 1}),
        (int | None, 1),
        (Literal["a", "b"], "a"),
        (Size, "small"),
        (Line, {"sku": "x", "count": 1}),
        (Place, {"x": 1.5, "names": ["x"]}),
        (Annotated[int, "note"], 1),
    ],
)
def test_annotations(annotation, value):
    async def handler(sid, data):
        pass

    handler.__annotations__["data"] = annotation
    assert default(shape(handler)) == value


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (nested(900), "nested(900)"),
        (nested(900, "k"), "nested(900, 'k')"),
        ("x" * 5000, "'x' * 5000"),
        (({"a": [1, None]}, b"x"), "{'a': [1, None]}, b'x'"),
    ],
)
def test_literals(value, source):
    assert literal(value) == source


def test_without_source():
    assert shapes_of(eval("lambda sid, data: data['x']"), 1)
    assert shapes_of(dict.update, 1) == [] or shapes_of(dict.update, 1)
