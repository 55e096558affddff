"""Finds values in pages and cookies that the browser sends back, such as CSRF tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from asgi_sio_testclient.har._file import Recorded, RecordedRequest

__all__ = ["InCookie", "InPage", "has_token", "place_in_page", "tokens_sent"]

__tracebackhide__ = True

_TOKEN = re.compile(r"[\w.-]{16,}")
_SPECIAL = re.compile(r"([.^$*+?{}\[\]\\|()])")
_BEGINS = re.compile(
    r"(?<=\s)\S|[<{,;]"
)  # where a pattern may begin: at a word, or at "<", "{", ",", ";"
_FEWEST, _MOST = 12, 80  # characters in front of the value that the pattern has


@dataclass(frozen=True)
class InPage:
    """The place of a value in the text of a response.

    Attributes:
        pattern: a regular expression with one group: the value.
    """

    pattern: str


@dataclass(frozen=True)
class InCookie:
    """A cookie that has the value.

    Attributes:
        name: the name of the cookie.
    """

    name: str


def place_in_page(text: str, value: str) -> InPage | None:
    """Return a pattern whose first match in a text is the value, or None."""
    at = text.find(value)
    line = text[max(0, at - _MOST) : at].rpartition("\n")[2]
    behind = text[at + len(value) : at + len(value) + 1]
    if at < 0 or not behind:
        return None
    begins = [0, *(match.start() for match in _BEGINS.finditer(line))]
    for begin in reversed(begins):
        before = line[begin:]
        if len(before) >= _FEWEST or begin == 0:
            pattern = f"{_escaped(before)}([^{_escaped(behind)}]+)"
            found = re.search(pattern, text)
            if found is not None and found[1] == value:
                return InPage(pattern)
    return None


def _escaped(text: str) -> str:
    """Escape a text as `re.escape` does, but for spaces and dashes."""
    return _SPECIAL.sub(r"\\\1", text)


def tokens_sent(recorded: Recorded) -> set[str]:
    """Return the words of 16 or more characters that the browser sent, in requests and packets."""
    sent: list[Any] = []
    for request in recorded.requests:
        sent += [request.url, request.body, *request.headers.values()]
    for session in recorded.sessions:
        sent += session.query.values()
        sent += [frame for _, direction, _, frame in session.frames if direction == "sent"]
    words: set[str] = set()
    for text in sent:
        if isinstance(text, str):
            words.update(_TOKEN.findall(text))
    return words


def has_token(request: RecordedRequest, tokens: set[str]) -> bool:
    """Return whether the response is a page that contains one of these words."""
    page = request.response if "html" in request.response_type else None
    return page is not None and not tokens.isdisjoint(_TOKEN.findall(page))
