"""The traceback in a report."""

import asyncio

import pytest

from asgi_sio_testclient.fuzz import Call, Failure


def recurse(levels):
    if levels:
        by_another(levels)
    raise LookupError("deep")


def by_another(levels):  # a report shows equal frames in a row as one frame
    recurse(levels - 1)


def failure_of(error, traceback):
    call = Call("/", "order", ("x",))
    return Failure("/", "order", error, (call,), 1, traceback)


def test_a_long_traceback_shows_its_ends():
    with pytest.raises(LookupError) as caught:
        recurse(40)
    text = str(failure_of(caught.value, caught.tb))
    assert "frames ..." in text
    assert text.splitlines()[-1] == "LookupError: deep"


def test_a_traceback_of_libraries_is_whole():
    with pytest.raises(ValueError, match="coroutine") as caught:
        asyncio.run(5)
    text = str(failure_of(caught.value, caught.tb.tb_next))
    assert "runners.py" in text
    assert "Traceback" in str(failure_of(ValueError(), None))
