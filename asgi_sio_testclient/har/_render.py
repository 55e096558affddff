"""Renders templates (see `_values`) as Python source."""

from __future__ import annotations

import base64
from typing import Any

from asgi_sio_testclient.har._values import ANYTHING, Reference, Secret, Text

__all__ = ["expression"]

__tracebackhide__ = True

_WIDTH = 96
_SHORT_BYTES = 48
_LINE_OF_BASE64 = 76


def expression(value: Any, indent: int = 0, before: int = 0) -> str:
    """Return the source of an expression for a template, on one line or on several lines.

    Args:
        value: the template.
        indent: the columns by which further lines are indented.
        before: the columns that are used on the first line.
    """
    line = _on_one_line(value)
    if line is not None and before + len(line) <= _WIDTH:
        return line
    inner = indent + 4
    pad, end = " " * inner, " " * indent
    if isinstance(value, dict) and value:
        items = "".join(
            f"{pad}{key}: {expression(item, inner, inner + len(key) + 3)},\n"
            for key, item in ((_key(name), item) for name, item in value.items())
        )
        return f"{{\n{items}{end}}}"
    if isinstance(value, list | tuple) and value:
        items = "".join(f"{pad}{expression(item, inner, inner + 1)},\n" for item in value)
        return f"[\n{items}{end}]" if isinstance(value, list) else f"(\n{items}{end})"
    if isinstance(value, bytes):
        return _base64(value, inner)
    return _scalar(value)


def _on_one_line(value: Any) -> str | None:
    if isinstance(value, dict):
        items = [(_key(name), _on_one_line(item)) for name, item in value.items()]
        if any(item is None for _, item in items):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in items) + "}"
    if isinstance(value, list | tuple):
        parts = [_on_one_line(item) for item in value]
        if any(part is None for part in parts):
            return None
        text = ", ".join(map(str, parts))
        if isinstance(value, list):
            return f"[{text}]"
        return f"({text},)" if len(parts) == 1 else f"({text})"
    if isinstance(value, bytes) and len(value) > _SHORT_BYTES:
        return None
    return _scalar(value)


def _key(name: Any) -> str:
    return _scalar(name)


def _scalar(value: Any) -> str:
    if value is ANYTHING:
        return "ANY"
    if isinstance(value, Reference | Secret):
        return value.name
    if isinstance(value, Text):
        return _f_string(value)
    if isinstance(value, str | bytes):
        return _quoted(value)
    return repr(value)


def _quoted(text: str | bytes) -> str:
    # Double quotes, as formatters write them, if that needs no further escapes.
    source = repr(text)
    prefix, quoted = source[: source.index(source[-1])], source.lstrip("b")
    return f'{prefix}"{quoted[1:-1]}"' if '"' not in quoted else source


def _f_string(text: Text) -> str:
    parts = []
    for part in text.parts:
        if isinstance(part, str):
            parts.append(
                repr(f"'{part}")[2:-1].replace('"', '\\"').replace("{", "{{").replace("}", "}}")
            )
        else:
            # Python 3.11 does not allow the quotes of the string within braces.
            parts.append("{" + part.name.replace('"', "'") + "}")
    return 'f"' + "".join(parts) + '"'


def _base64(data: bytes, indent: int) -> str:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + _LINE_OF_BASE64] for at in range(0, len(text), _LINE_OF_BASE64)]
    pad = " " * indent
    body = "".join(f'{pad}"{line}"\n' for line in lines)
    return f"base64.b64decode(\n{body}{' ' * (indent - 4)})"
