"""Texts that parsers accept."""

import datetime as dt
import re
import struct

import pytest

from asgi_sio_testclient.fuzz._texts import parsed_by, text_of_pattern

PATTERNS = [
    r"^\d{4}-\d{2}-\d{2}$",
    r"[A-Z]{2,3}x?",
    r"a|bc",
    r"(\w+)@(\w+)\.com",
    r"(?P<word>a+)-(?P=word)",
    r"[^a-z]\S\s\D\W.",
    r"[^x]x*?y+",
    r"(?>ab)c?",
    r"[^\d\w]",
    r"[_\-]",
    "[^y]",
    r"[^\x00-\U0010ffff]?",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_texts_of_a_pattern(pattern):
    texts = text_of_pattern(pattern)
    assert texts
    for text in texts:
        assert re.fullmatch(pattern, text)


@pytest.mark.parametrize("pattern", ["(", "(" * 5000 + ")" * 5000])
def test_what_is_no_pattern(pattern):
    assert text_of_pattern(pattern) in ([], [""])


def test_a_look_around_is_left_out():
    assert text_of_pattern(r"(?=x)ab") == ["ab"]


def test_what_parsers_take():
    for text in parsed_by("fromisoformat", ())[:3]:
        assert dt.datetime.fromisoformat(text)
    (text,) = parsed_by("strptime", ["%d.%m.%Y", 5])
    assert text == "29.02.2024"
    for blob in parsed_by("unpack", [">IH"]):
        assert struct.unpack(">IH", blob)
    assert parsed_by("unpack", ["nothing of struct's"]) == ()
    assert parsed_by("unpack", ["9999s"]) == ()
    assert parsed_by("nobody's", ["x"]) == ()
