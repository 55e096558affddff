"""The objects that can be reached from an app: middleware, mounted apps, servers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import engineio
import socketio

__all__ = ["children_of", "reachable"]

__tracebackhide__ = True

_SERVERS = (socketio.Server, engineio.Server, socketio.AsyncServer, engineio.AsyncServer)
_SEARCHED = 5_000  # the most objects that are searched


def reachable(app: Any, *, thorough: bool = False) -> Iterator[Any]:
    """Yield the objects that can be reached through attributes, closures and lists of callables,
    nearest first.

    Args:
        app: the first object.
        thorough: whether to search dictionaries, too, such as that of a ProtocolTypeRouter of
            Channels, and the globals that a function names.
    """
    waiting, seen = deque([app]), {id(app)}
    while waiting and len(seen) < _SEARCHED:
        thing = waiting.popleft()
        yield thing
        for child in children_of(thing, thorough=thorough):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def children_of(thing: Any, *, thorough: bool) -> Iterator[Any]:
    if isinstance(thing, (type, *_SERVERS)):
        return
    values = list(getattr(thing, "__dict__", {}).values())
    values += [getattr(thing, "__self__", None), getattr(thing, "func", None)]
    values += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    if thorough:
        values += _named_globals(thing)
        values += [list(value.values()) for value in values if isinstance(value, dict)]
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, _SERVERS) or callable(item):
                yield item


def _named_globals(thing: Any) -> Iterator[Any]:
    """Return the globals that a function names; for other functions only those of its own
    module.
    """
    if isinstance(thing, FunctionType):
        for name in thing.__code__.co_names:
            found = thing.__globals__.get(name)
            if not isinstance(found, FunctionType) or found.__globals__ is thing.__globals__:
                yield found
