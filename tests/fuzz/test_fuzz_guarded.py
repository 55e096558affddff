"""Handlers that fail after a check of their own, which the payload has to pass."""

import datetime as dt
import uuid

import guarded_app
import pydantic
import pytest

from asgi_sio_testclient import fuzz
from asgi_sio_testclient.fuzz._shapes import Shape, shapes_of
from asgi_sio_testclient.fuzz._texts import examples_of
from asgi_sio_testclient.fuzz._values import fill

FAULTS = {
    "naive_and_aware": "can't compare offset-naive and offset-aware",
    "price_of_nothing": "DivisionByZero",
    "behind_a_decorator": "KeyError",
    "two_faults": "KeyError: 'age'",
    "a_json_text": "KeyError: 'kind'",
    "a_leap_day": "day is out of range for month",
    "a_pattern": "year 0 is out of range",
    "a_compiled_pattern": "ZeroDivisionError",
    "a_length": "badly formed hexadecimal UUID string",
    "three_names": "substring not found",
    "a_first_byte": "ZeroDivisionError",
    "an_address": "has no attribute 'ipv4_mapped'",
    "bytes_in_a_text": "IndexError",
    "a_level": "KeyError: <Level.HIGH: 9>",
    "a_dataclass": "TypeError",
}


@pytest.mark.slow
@pytest.mark.parametrize("event", FAULTS)
def test_a_fault_below_a_check_is_found(event):
    report = fuzz.run(guarded_app.app, event)
    (failure,) = report.failures
    assert failure.event == event
    assert FAULTS[event] in failure.headline
    assert failure.examples <= 200


def test_values_of_classes():
    assert uuid.UUID(examples_of(uuid.UUID)[0])
    assert examples_of(int) == ()

    class Model(pydantic.BaseModel):
        id: uuid.UUID
        when: dt.datetime
        day: dt.date

    shape = Shape(annotations=[Model])
    fill(shape)
    assert Model.model_validate({name: child.values[0] for name, child in shape.keys.items()})


async def members(sid, data, text, anything, table):
    if not isinstance(text, str) or not isinstance(table, dict):
        return None
    for _ in data:
        pass
    return "a" in data, "b" in text, "c" in anything, "d" in table


def test_members_are_items_texts_or_keys():
    shapes = shapes_of(members, 1)
    for shape in shapes:
        fill(shape)
    data, text, anything, table = shapes
    assert data.item.values == ["a"]
    assert not data.keys
    assert text.values == ["b"]
    assert not text.keys
    assert set(anything.keys) == {"c"}
    assert anything.values == ["c"]
    assert set(table.keys) == {"d"}
    assert not table.values


@pytest.mark.slow
def test_a_refused_namespace_is_said_before_anything_is_fuzzed():
    sio = guarded_app.socketio.AsyncServer(async_mode="asgi")
    asked = []

    @sio.on("count")
    async def count(sid, n):
        asked.append(n)

    @sio.on("connect", namespace="/staff")
    async def connect(sid, environ):
        return False

    @sio.on("count", namespace="/staff")
    async def count_staff(sid, n):
        return n

    app = guarded_app.socketio.ASGIApp(sio)
    with pytest.raises(fuzz.UsageError, match=r"refuses connections to '/staff'.*namespace="):
        fuzz.run(app)
    assert not asked
    assert not fuzz.run(app, namespace="/", max_examples=5).failures
