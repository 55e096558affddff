"""Texts that parsers accept, such as dates, UUIDs and texts of a pattern.

A handler that parses its argument first runs no further line with any other text.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# The module that `re` compiles with; no public one gives the parts of a pattern.
from re import _constants as codes, _parser as parser  # type: ignore[attr-defined]  # isort: skip

__all__ = ["examples_of", "parsed_by", "text_of_pattern"]

__tracebackhide__ = True

_MOST_LENGTH = 1000  # of generated texts and bytes
_LEAP_DAY = dt.datetime(2024, 2, 29, 12, 30, 15, tzinfo=dt.UTC)
_UUID = "123e4567-e89b-42d3-a456-426614174000"
_BY_PARSER: dict[str, tuple[Any, ...]] = {
    "fromisoformat": ("2024-02-29T12:30:15", "2024-02-29", "2024-02-29T12:30:15+00:00", "12:30"),
    "fromtimestamp": (0, 1e11, -1e11, 1e18),
    "UUID": (_UUID, "0" * 32),
    "Decimal": ("1.5", "NaN", "Infinity", "0"),
    "Fraction": ("1/2", "0"),
    "float": ("nan", "inf", "1e400", "0"),
    "complex": ("1j", "nan"),
    "b64decode": ("AA==", "/w==", "eyJ4IjogMX0="),
    "urlsafe_b64decode": ("AA==", "_w=="),
    "unhexlify": ("00", "ff"),
    "fromhex": ("00", "ff"),
    "ip_address": ("127.0.0.1", "::1"),
    "ip_network": ("10.0.0.0/8",),
    "urlparse": ("http://example.com:80/x?y=1", "http://[::1"),
    "urlsplit": ("http://example.com:80/x?y=1", "http://example.com:x/"),
    "literal_eval": ("1", "{}", "[]", "'x'"),
}
# By the name of a class, which may be the type of a model's field.
_BY_TYPE: dict[str, tuple[Any, ...]] = {
    "datetime": _BY_PARSER["fromisoformat"][:3],
    "date": ("2024-02-29",),
    "time": ("12:30:15", "12:30:15+00:00"),
    "timedelta": (1.5, "P1DT1S"),
    "UUID": (_UUID,),
    "Decimal": ("1.5", "0", "NaN"),
    "Path": ("x", "/x"),
    "IPv4Address": ("127.0.0.1",),
    "IPv6Address": ("::1",),
    "AnyUrl": ("http://example.com/x",),
    "HttpUrl": ("http://example.com/x",),
    "EmailStr": ("ann@example.com",),
    "SecretStr": ("x",),
    "Json": ("{}", "1"),
}


def examples_of(kind: type) -> tuple[Any, ...]:
    """Return payloads for a value of a class of the standard library or of pydantic; () for any
    other class.
    """
    return next((_BY_TYPE[name.__name__] for name in kind.__mro__ if name.__name__ in _BY_TYPE), ())


def parsed_by(name: str, constants: Iterable[Any]) -> tuple[Any, ...]:
    """Return values that a parsing function accepts, by its name; () for other functions.

    Args:
        name: the name of the function, without its module.
        constants: the constants among the function's arguments, such as a format or a pattern.
    """
    texts = [constant for constant in constants if isinstance(constant, str)]
    if name in _FORMATTED:
        return tuple(value for text in texts for value in _FORMATTED[name](text))
    return _BY_PARSER.get(name, ())


def _of_strptime(form: str) -> Iterator[str]:
    yield _LEAP_DAY.strftime(form)


def _of_unpack(form: str) -> Iterator[bytes]:
    try:
        size = struct.calcsize(form)
    except struct.error:
        return
    if size <= _MOST_LENGTH:
        yield bytes(size)
        yield b"\xff" * size


def _of_pattern(pattern: str) -> Iterator[str]:
    yield from text_of_pattern(pattern)


_FORMATTED: dict[str, Callable[[str], Iterator[Any]]] = {
    "strptime": _of_strptime,
    "unpack": _of_unpack,
    "match": _of_pattern,
    "fullmatch": _of_pattern,
    "search": _of_pattern,
}


def text_of_pattern(pattern: str) -> list[str]:
    """Return texts that a regular expression matches: the shortest text, and a text with every
    optional part.

    Look-arounds are ignored: a pattern that has them may not match the texts.
    """
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError):
        return []
    return list(dict.fromkeys(_sample(tree, {}, more) for more in (False, True)))


def _sample(tree: Iterable[Any], groups: dict[int, str], more: bool) -> str:
    """Return a text for a parsed pattern; with `more`, the text has its optional parts, too."""
    return "".join(_part(kind, value, groups, more) for kind, value in tree)


def _part(kind: Any, value: Any, groups: dict[int, str], more: bool) -> str:
    match kind:
        case codes.LITERAL:
            return chr(value)
        case codes.NOT_LITERAL:
            return "x" if value != ord("x") else "y"
        case codes.ANY:
            return "x"
        case codes.IN:
            return _of_class(value, more)
        case codes.BRANCH:
            return _sample(value[1][-1 if more else 0], groups, more)
        case codes.SUBPATTERN:
            groups[value[0]] = _sample(value[3], groups, more)
            return groups[value[0]]
        case codes.GROUPREF:
            return groups.get(value, "")
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            least, most, inner = value
            count = min(least + 1, most) if more else least
            return _sample(inner, groups, more) * int(min(count, _MOST_LENGTH))
        case codes.ATOMIC_GROUP:
            return _sample(value, groups, more)
    return ""


_CHARACTERS = "xX0 -~_\u00e9"
# A category's own pattern, and characters of it.
_CATEGORIES = {
    codes.CATEGORY_DIGIT: (r"\d", "09"),
    codes.CATEGORY_NOT_DIGIT: (r"\D", "xy"),
    codes.CATEGORY_SPACE: (r"\s", " \n"),
    codes.CATEGORY_NOT_SPACE: (r"\S", "x_"),
    codes.CATEGORY_WORD: (r"\w", "x9"),
    codes.CATEGORY_NOT_WORD: (r"\W", "-."),
}


def _of_class(parts: list[Any], more: bool) -> str:
    """Return a character of a class such as ``[a-z_]``: the first, or with `more` the last."""
    allowed: list[str] = []
    refused: list[str] = []
    for kind, value in parts:
        if kind is codes.CATEGORY:
            allowed += _CATEGORIES[value][1]
            refused.append(_CATEGORIES[value][0])
        elif kind is not codes.NEGATE:
            ends = [chr(end) for end in (value if kind is codes.RANGE else (value, value))]
            allowed += ends
            refused.append("-".join(map(re.escape, ends)))
    if parts[0][0] is codes.NEGATE:
        pattern = re.compile(f"[{''.join(refused)}]")
        return next((char for char in _CHARACTERS if not pattern.match(char)), "")
    return allowed[-1] if more else allowed[0]
