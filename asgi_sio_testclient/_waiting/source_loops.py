"""The loops in the source around a suspended line.

The source shows whether a task that sleeps in a loop can ever end the loop; a frame does not.
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import linecache
from types import CodeType
from typing import NamedTuple

from asgi_sio_testclient._waiting.suspended import Frames, is_library

__all__ = ["Ending", "ending_of", "is_in_loop", "leads_back"]

__tracebackhide__ = True


class Ending(enum.Enum):
    """Whether a loop ends by itself."""

    ENDS = "ends"  # a `for` over something finite
    MAY_END = "may end"
    ENDLESS = "endless"  # `while True` without `break` or `return`


class SourceLoop(NamedTuple):
    """A `for` or `while` statement.

    Attributes:
        first_line: the first line of the statement.
        last_line: the last line of the statement.
        ending: whether the loop ends by itself.
        awaits_next: the last line on which an ``async for`` awaits its next item; 0 for others.
    """

    first_line: int
    last_line: int
    ending: Ending
    awaits_next: int


def ending_of(frames: Frames) -> Ending:
    """Return how the loops around a suspended task end. MAY_END if no loop is found: the source
    may be missing, and code that calls itself again repeats without a loop.
    """
    endings = {
        loop.ending
        for depth, (code, line) in enumerate(frames)
        for loop in _around(code, line)
        # An ``async for`` ends with its generator, whose loops are in `frames`, too.
        if not (line <= loop.awaits_next and _is_generator(frames[depth + 1 :]))
    }
    if Ending.ENDLESS in endings:
        return Ending.ENDLESS
    return Ending.ENDS if endings == {Ending.ENDS} else Ending.MAY_END


def _is_generator(frames: Frames) -> bool:
    """Return whether the outermost frame is that of an asynchronous generator."""
    return bool(frames) and bool(frames[0][0].co_flags & inspect.CO_ASYNC_GENERATOR)


def is_in_loop(frames: Frames) -> bool:
    """Return whether a task is suspended in a loop that need not end, so that it may be at the
    same place again without progress.
    """
    return any(
        loop.ending is not Ending.ENDS for code, line in frames for loop in _around(code, line)
    )


def leads_back(frames: Frames, resting: Frames) -> bool:
    """Return whether a task suspended at `frames` will come to the place `resting` again: each
    loop around it that need not end also encloses that place.
    """
    same_so_far = True
    for depth, (code, line) in enumerate(frames):
        around = [loop for loop in _around(code, line) if loop.ending is not Ending.ENDS]
        same_so_far = same_so_far and depth < len(resting) and resting[depth][0] is code
        if not same_so_far:
            if around:
                return False
            continue
        there = resting[depth][1]
        if not all(loop.first_line <= there <= loop.last_line for loop in around):
            return False
        if there != line:
            if not around:
                return False
            same_so_far = False
    return True


def _around(code: CodeType, line: int) -> list[SourceLoop]:
    return [loop for loop in _loops_in(code) if loop.first_line <= line <= loop.last_line]


@functools.lru_cache(maxsize=1024)
def _loops_in(code: CodeType) -> tuple[SourceLoop, ...]:
    if is_library(code):
        return ()
    loops = _loops_of_file(code.co_filename)
    return tuple(loop for loop in loops if loop.first_line >= code.co_firstlineno)


@functools.lru_cache(maxsize=256)
def _loops_of_file(filename: str) -> tuple[SourceLoop, ...]:
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return ()
    return tuple(
        SourceLoop(node.lineno, node.end_lineno or node.lineno, _ending(node), _awaits_next(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.AsyncFor | ast.While)
    )


def _ending(node: ast.For | ast.AsyncFor | ast.While) -> Ending:
    if isinstance(node, ast.For):
        return Ending.MAY_END if _called(node.iter) in _INFINITE else Ending.ENDS
    if isinstance(node, ast.While) and isinstance(node.test, ast.Constant):
        return Ending.MAY_END if any(map(_leaves, node.body)) else Ending.ENDLESS
    return Ending.MAY_END


def _awaits_next(node: ast.For | ast.AsyncFor | ast.While) -> int:
    return node.iter.end_lineno or node.lineno if isinstance(node, ast.AsyncFor) else 0


_INFINITE = {"count", "cycle", "iter", "repeat"}  # itertools', and iter(callable, sentinel)


def _called(node: ast.expr) -> str:
    """Return the name of the function that an expression calls, "" for none."""
    if not isinstance(node, ast.Call):
        return ""
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _leaves(node: ast.AST, *, in_inner_loop: bool = False) -> bool:
    """Return whether a statement in a loop may end the loop other than by an exception."""
    if isinstance(node, ast.Return):
        return True
    if isinstance(node, ast.Break):
        return not in_inner_loop
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        return False
    inner = in_inner_loop or isinstance(node, ast.For | ast.AsyncFor | ast.While)
    return any(_leaves(child, in_inner_loop=inner) for child in ast.iter_child_nodes(node))
