"""The texts of errors: printable, with masked secrets, the cause first, and with notes."""

from __future__ import annotations

import re
from typing import TypeVar

__tracebackhide__ = True


def printable(text: str) -> str:
    """Return a text with terminal escapes escaped; line breaks stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


_SHOWN_IN_SUMMARY = 34  # characters of a first line that pytest's summary shows at 80 columns

_USERINFO = re.compile(r"(?s)^((?:\s*[A-Za-z][A-Za-z0-9+.-]*://)?).*@")

_MASK = "***"


def shown_url(url: str) -> str:
    """Return the URL of a server for an error text: without user and password, and with the values
    of its query and its fragment masked.
    """
    without_userinfo = _USERINFO.sub(rf"\g<1>{_MASK}@", url)
    base, mark, rest = re.split("([?#]|$)", without_userinfo, maxsplit=1)
    return base + mark + "&".join(map(_masked_pair, rest.split("&")))


def _masked_pair(pair: str) -> str:
    name, equals, _ = pair.partition("=")
    return f"{name}={_MASK}" if equals else _MASK if name else ""


def cause_first(word: str, cause: str, text: str) -> str:
    """Return the first line of an error; with `cause` before it if the telling `word` is so far to
    the right that pytest's summary would not show the word.
    """
    return text if word in text[:_SHOWN_IN_SUMMARY] else f"{cause}: {text}"


Raised = TypeVar("Raised", bound=BaseException)


def with_advice(exc: Raised) -> Raised:
    """Add the address of the entry in *What went wrong?*, and return the exception.

    For the built-in exceptions that the client raises. A `TestClientError` adds the address itself.
    """
    for line in advice_on(str(exc)):
        exc.add_note(line)
    return exc


def advice_on(text: str) -> list[str]:
    """Return one line, the address of the documentation's entry for an error's text; else none."""
    from asgi_sio_testclient._advice import advice  # noqa: PLC0415 (90 patterns, for errors only)

    line = advice(text)
    return [line] if line else []


def add_note(exc: BaseException, note: str) -> None:
    """Add a note, if the exception takes one: a frozen dataclass does not."""
    try:
        exc.add_note(printable(note))
    except (AttributeError, TypeError):
        return
