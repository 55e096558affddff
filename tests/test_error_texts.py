"""Texts of errors: notes, the documentation's entry, masked secrets, the cause first."""

from dataclasses import dataclass

import pytest

from asgi_sio_testclient._client.options import check_match
from asgi_sio_testclient._error_texts import (
    add_note,
    cause_first,
    printable,
    shown_url,
    with_advice,
)


def test_a_note_is_added_where_the_exception_takes_one():
    error = LookupError()
    add_note(error, "raised by the app")
    assert error.__notes__ == ["raised by the app"]


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


def test_an_exception_that_takes_no_note_is_left_as_it_is():
    error = Frozen(5)
    add_note(error, "raised by the app")
    assert not hasattr(error, "__notes__")


def test_a_built_in_error_of_the_client_has_the_entry():
    async def mine(event): ...

    with pytest.raises(TypeError) as raised:
        check_match(mine)
    assert raised.value.__notes__ == ["what to do: faults.html#async-predicate"]
    assert with_advice(KeyError("app's own")).args == ("app's own",)


def test_terminal_escapes_are_escaped_and_line_breaks_stay():
    assert printable("a\nb") == "a\nb"
    assert printable("\x1b[31mred\n") == "\\x1b[31mred\n"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host/ws", "https://***@host/ws"),
        ("http://host/?token=secret&plain", "http://host/?token=***&***"),
        ("http://host/#secret", "http://host/#***"),
    ],
)
def test_secrets_of_a_url_are_masked(url, shown):
    assert shown_url(url) == shown


def test_the_cause_is_added_in_front_of_a_text_whose_word_is_too_far_to_the_right():
    far = "x" * 40 + " refused"
    assert cause_first("refused", "no", far) == f"no: {far}"
    assert cause_first("refused", "no", "refused at once") == "refused at once"
