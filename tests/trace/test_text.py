"""Values as text."""

from __future__ import annotations

from typing import Any

from asgi_sio_testclient.trace._text import one_line, pretty


def test_text_for_people() -> None:
    assert pretty({"blob": b"\x01\x02", "odd": {1, 2}.__class__}) == (
        """{"blob": "<2 bytes: 01 02>", "odd": "<class 'set'>"}"""
    )
    loop: list[Any] = []
    loop.append(loop)
    assert pretty(loop) == "[[...]]"
    assert one_line("a\n b", 10) == "a b"
    assert one_line("x" * 20, 10) == "x" * 9 + "\N{HORIZONTAL ELLIPSIS}"


def test_a_text_of_the_limit_is_not_cut() -> None:
    assert one_line("x" * 10, 10) == "x" * 10
    assert len(one_line("x" * 11, 10)) == 10
    assert one_line("x" * 120) == "x" * 120
    assert len(one_line("x" * 121)) == 120
    assert one_line("  ") == ""


def test_letters_are_shown_and_long_bytes_by_their_beginning() -> None:
    assert pretty(["\u00fc", 1, None]) == '["\u00fc", 1, null]'
    assert pretty(bytearray(100)) == f'"<100 bytes: {bytes(48).hex(" ")}>"'
