"""The functions behind a handler: their signatures, source and code. No code of the app is run."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
import types
from collections.abc import Iterator
from typing import Any

__all__ = [
    "codes",
    "is_near",
    "nonlocals",
    "owner_of",
    "plain_function",
    "signature_of",
    "tree_of",
]

__tracebackhide__ = True

_CALL = "__call__"  # the function of a handler that is an instance of a class


def plain_function(handler: Any) -> Any:
    """Return the function inside of ``partial``, ``functools.wraps`` and bound methods."""
    while True:
        inner = getattr(handler, "__wrapped__", None) or getattr(handler, "func", None)
        if inner is None:
            break
        handler = inner
    if not hasattr(handler, "__code__") and not hasattr(handler, "__func__"):
        handler = getattr(type(handler), _CALL, handler)
    return getattr(handler, "__func__", handler)


def signature_of(handler: Any) -> inspect.Signature | None:
    """Return the signature without ``self``, with the annotations resolved if that is possible;
    None for a callable without a signature.
    """
    try:
        return inspect.signature(handler, eval_str=True)
    except Exception:  # noqa: BLE001 (evaluating an annotation runs code of the app)
        try:
            return inspect.signature(handler)
        except (TypeError, ValueError):
            return None


def owner_of(handler: Any) -> Any:
    """Return the instance to which a handler is bound, or None."""
    while isinstance(handler, functools.partial):
        handler = handler.func
    return getattr(handler, "__self__", None)


def is_near(function: Any, other: Any) -> bool:
    """Return whether both functions are of the same top-level package."""
    names = (str(thing.__module__).partition(".")[0] for thing in (function, other))
    return next(names) == next(names)


def codes(function: Any, seen: set[types.CodeType], depth: int) -> Iterator[types.CodeType]:
    """Yield the code of a function, of functions in it, and of the app's functions it names."""
    code = getattr(function, "__code__", None)
    if code is None or code in seen or not depth:
        return
    waiting = [code]
    while waiting:
        current = waiting.pop()
        seen.add(current)
        yield current
        waiting += [const for const in current.co_consts if isinstance(const, types.CodeType)]
        for name in current.co_names:
            other = function.__globals__.get(name)
            if inspect.isfunction(other) and is_near(other, function):
                yield from codes(other, seen, depth - 1)


def nonlocals(function: Any) -> dict[str, Any]:
    """Return the values of the names that a function takes from enclosing functions."""
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    found = {}
    for name, cell in zip(names, getattr(function, "__closure__", None) or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # the cell is empty: the name is bound later
            continue
    return found


def tree_of(function: Any) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the syntax tree of a function; None if the source is not known."""
    try:
        # By its code: for a function, inspect returns the source of the function that it wraps.
        source = inspect.getsource(getattr(function, "__code__", function))
        tree = ast.parse(textwrap.dedent(source))
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    first = tree.body[0] if tree.body else None
    return first if isinstance(first, ast.FunctionDef | ast.AsyncFunctionDef) else None
