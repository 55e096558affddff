"""Values as Python source."""

from __future__ import annotations

from typing import Any

import pytest

from asgi_sio_testclient.har._render import expression

LONG = bytes(range(256)) * 2


@pytest.mark.parametrize(
    "value",
    [
        LONG,
        {"blob": LONG, "words": ["a" * 60, "b" * 60]},
        ["a" * 60, LONG, {}],
        ("a" * 60, "b" * 60),
        (LONG,),
        [],
        (),
        {"a": ("one",)},
    ],
)
def test_any_value_is_written_as_python(value: Any) -> None:
    source = expression(value)
    assert eval(f"({source}\n)", {"base64": __import__("base64")}) == value
    assert max(map(len, source.splitlines())) <= 100


def test_a_text_that_is_longer_than_a_line_stays_whole() -> None:
    assert expression("a" * 120) == f'"{"a" * 120}"'
