"""Counts as data: JSON, and another format."""

import json

import pytest
from covered_use import rows, use

from asgi_sio_testclient import coverage


async def test_json_and_back(world):
    with coverage.record() as covered:
        await use(world)
    data = json.loads(covered.to_json())
    again = coverage.Coverage.from_dict(data)
    assert again.report() == covered.report()
    again.add(covered)
    assert rows(again)["/ say"] == (4, 2, 2, 0)
    assert again.unhandled == {("/", "nobody"): 2}
    assert again.percent == covered.percent
    assert {"namespace": "/", "event": "never", "handler": "never"} in data["never_ran"]
    assert data["never_read"] == [{"namespace": "/", "event": "logged"}]


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="format 9"):
        coverage.Coverage.from_dict({"format": 9})
