"""Keeps the words that CONTRIBUTING.md replaces out of code, tests and documentation.

Each word of `WORDS` stands for something that has a name in the documentation of Engine.IO,
Socket.IO, ASGI or asyncio.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WORDS = {
    r"pok(e|es|ed|ing)": "notify",
    r"unwatch\w*|watched|watches|(server|threadedserver)watch": "instrument, restore",
    r"quietable|quiet_things": "SupportsIdle, idle_sources",
    r"clientstate": "Dispatcher",
    r"kin": "related",
    r"owed": "unanswered",
    r"unseen": "unraised, unnoticed",
    r"vanish\w*": "abort",
    r"hang(s|ing)?[ _]up": "close, abort",
    r"g[ia]v(e|es|en|ing)[ _](it[ _]|them[ _])?up": "cancel, close",
    r"forgets?|forgot|forgotten": "remove, release",
    r"abandon\w*": "release",
    r"crowds?": "users, many clients",
    r"carriers?": "shielded app",
    r"threadends?": "ThreadHandle",
    r"last_words": "drain",
    r"breathes?": "housekeeping",
    r"whoever": "name who",
    r"goodbyes?": "DISCONNECT packet",
    r"so to speak|come what may": "say it plainly",
}
"""Regular expressions of words, in lower case, and what to write in the place of each."""

ALLOWED = {
    "CONTRIBUTING.md": "lists the words",
    "tests/test_language.py": "lists the words",
}
QUOTED = re.compile(r"Cannot publish.*giving up|giving up: |mount[_-]forgotten")
"""Messages of python-socketio, and the address of a page that error texts name."""

FOLDERS = ("asgi_sio_testclient", "benchmarks", "docs", "mutants", "tests")
PATTERNS = ("*.py", "*.md")
_WORD = re.compile(rf"(?<![a-z])({'|'.join(WORDS)})(?![a-z])", re.IGNORECASE)


def sources() -> list[Path]:
    found = [
        path for folder in FOLDERS for glob in PATTERNS for path in (ROOT / folder).rglob(glob)
    ]
    own = [path for path in found if "_build" not in path.parts]
    return sorted([*own, *ROOT.glob("*.md"), ROOT / "noxfile.py"])


def words_in(text: str) -> list[str]:
    """The lines of a text that have such a word, each with its number."""
    return [
        f"{number}: {line.strip()}"
        for number, line in enumerate(text.splitlines(), 1)
        if _WORD.search(QUOTED.sub("", line))
    ]


def test_no_file_has_a_word_that_contributing_replaces() -> None:
    found = {}
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        lines = [] if name in ALLOWED else words_in(path.read_text(encoding="utf-8"))
        if lines:
            found[name] = lines
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "hub.poke()",
        "def give_up(self):",
        "the server forgets the client",
        "It gives it up.",
        "# unseen",
    ],
)
def test_a_replaced_word_is_found(line: str) -> None:
    assert words_in(line) == [f"1: {line}"]


@pytest.mark.parametrize("line", ["the kind of a packet", "Cannot publish... giving up", "hub.io"])
def test_other_words_pass(line: str) -> None:
    assert words_in(line) == []
