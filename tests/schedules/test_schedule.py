"""The code of a schedule."""

import json
import re
import zlib
from base64 import urlsafe_b64encode

import pytest

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules._schedule import Schedule, decode, encode


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(),
        Schedule({(1, 1): 0.25}),
        Schedule({(1, 2, 3): -2.0, (1, 1): 1e-05}),
        Schedule({(1, 1): 0.25}, ("booking.py", "shop")),
    ],
    ids=["empty", "one hold", "two holds", "with io"],
)
def test_a_code_has_holds_and_io(schedule):
    code = encode(schedule)
    assert re.fullmatch(r"[\w-]+", code)
    assert decode(code) == schedule
    assert decode(f" {code}\n") == schedule


def test_the_order_of_holds_makes_no_other_code():
    one, other = Schedule({(1, 1): 0.1, (1, 2): 0.2}), Schedule({(1, 2): 0.2, (1, 1): 0.1})
    assert encode(one) == encode(other)


def code_of(value):
    return urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode()


@pytest.mark.parametrize(
    "code",
    [
        "",
        "x",
        "no code at all",
        encode(Schedule({(1, 1): 0.25}))[:-4],
        code_of(5),
        code_of([]),
        code_of([[[]]]),
        code_of([[["a", 1]]]),
        code_of([[[1, None]]]),
        code_of([[], 5]),
    ],
)
def test_what_is_no_code_is_wrong_use(code):
    with pytest.raises(UsageError, match=r"not a schedule's code: .*; paste the whole code"):
        decode(code)
