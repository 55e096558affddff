"""The functions behind a handler."""

import functools

import pytest
from read_handlers import read

from asgi_sio_testclient.fuzz._shapes import constants_of, shapes_of
from asgi_sio_testclient.fuzz._texts import parsed_by
from asgi_sio_testclient.fuzz._values import default


def helper(order, *, sku):
    order["inner"]
    sku.strip()


def test_constants_of_near_functions_only():
    def handler(sid, data):
        if data == ("one", frozenset({"two"})):
            helper(data, sku="three")
        return [entry for entry in data if entry == "four"]

    assert {"one", "two", "three", "four"} <= set(map(str, constants_of(handler)))
    assert constants_of(print) == []


@pytest.mark.parametrize("handler", [int, type("NoSignature", (), {"__signature__": 5})()])
def test_no_signature(handler):
    assert isinstance(shapes_of(handler, 1), list)


def test_a_decorator_that_takes_anything():
    def decorated(function):
        @functools.wraps(function)
        def called(sid, payload):
            payload["outer"]
            return function(sid, payload)

        return called

    @decorated
    def handler(sid, data):
        return data["inner"]

    (data,) = read(handler)
    assert set(data.keys) == {"outer", "inner"}
    assert default(data) == {"outer": "x", "inner": "x"}


def test_functions_without_code():
    assert shapes_of(print, 0)
    assert parsed_by("match", [r"\d-"]) == ("0-", "9-")
