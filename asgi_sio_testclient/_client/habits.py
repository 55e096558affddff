"""What somebody writes who comes from ``socketio.AsyncClient``, ``AsyncSimpleClient`` or
Flask-SocketIO's test client, and how it is spelt here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

__all__ = ["check_namespaces", "no_attribute", "no_keyword", "without_unknown"]

Function = TypeVar("Function", bound=Callable[..., Any])

_ATTRIBUTES = {
    "connected": "client.is_connected()",
    "connection_namespaces": "client.is_connected(namespace), for each namespace",
    "eio": "client.raw, the Engine.IO session",
    "event": "@client.on('name')",
    "get_transport": "client.transport",
    "namespaces": "client.get_sid(namespace), for each namespace",
    "receive": "await client.await_event()",
    "register_namespace": "client.on('name', handler, namespace='/chat'), for each event",
    "shutdown": "await client.disconnect()",
    "sleep": "await client.await_event('name') or await client.settle()",
    "start_background_task": "asyncio.create_task()",
    "wait": "await client.await_event('name'), or async for event in client.events()",
}
_KEYWORDS = {
    "namespace": "connect('/chat')",
    "namespaces": "connect('/', '/chat')",
    "retry": "connect(), which connects or raises",
    "socketio_path": "TestClient(app, socketio_path=...)",
    "url": "connect(), since the app is given to TestClient(app)",
    "wait": "connect(), which always waits for the answer",
    "wait_timeout": "connect(timeout=seconds)",
}
_TODAY = "today's spelling is"


def no_attribute(owner: object, name: str) -> NoReturn:
    """Raises:
    AttributeError: always; with today's spelling where `name` is another client's.
    """
    kind = type(owner).__name__
    spelling = _ATTRIBUTES.get(name)
    if spelling is None:
        # With both, Python adds "Did you mean".
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=owner)
    if kind.startswith("Sync"):
        spelling = spelling.replace("await ", "").replace("async for", "for")
    raise AttributeError(f"no .{name} on {kind}: write {spelling}")


def no_keyword(unknown: Mapping[str, Any]) -> NoReturn:
    """Raises:
    TypeError: always: ``connect()`` does not take `unknown`; with the spelling it does take.
    """
    name = next(iter(unknown))
    spelling = _KEYWORDS.get(name)
    if spelling is None:
        raise TypeError(f"connect() got an unexpected keyword argument {name!r}")
    raise TypeError(f"connect() takes no {name}=: write {spelling}")


def check_namespaces(names: tuple[Any, ...]) -> None:
    """Raises:
    TypeError: a namespace that is no str.
    ValueError: one that does not begin with a slash, or is a URL or has a query.
    """
    for name in names:
        if not isinstance(name, str):
            if isinstance(name, list | tuple | set) and all(isinstance(one, str) for one in name):
                several = ", ".join(map(repr, name))
                raise TypeError(f"namespace is a {type(name).__name__}: write connect({several})")
            raise TypeError(f"namespace is {name!r}; expected a str such as '/chat'")
        if "://" in name:
            raise ValueError(
                "connect() takes no URL, since the app is given to TestClient(app): write "
                "connect(), or connect('/chat') for a namespace; its query goes into query="
            )
        path, mark, _ = name.partition("?")
        if mark:
            # Not the query itself, which may hold a token.
            raise ValueError(
                f"namespace has a query: write connect({path!r}, query=...), which takes a "
                "mapping or a str"
            )
        if not name.startswith("/"):
            raise ValueError(f"namespace is {name!r}; did you mean '/{name}'?")


def without_unknown(function: Function) -> Function:
    """Leave ``**unknown``, which only makes a better error, out of a function's signature."""
    signature = inspect.signature(function)
    kept = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    function.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return function
