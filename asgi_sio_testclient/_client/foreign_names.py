"""Names of ``socketio.AsyncClient``, ``AsyncSimpleClient`` and Flask-SocketIO's test client,
and the equivalent names here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from asgi_sio_testclient._error_texts import with_advice

__all__ = [
    "check_callback",
    "check_names",
    "raise_no_attribute",
    "raise_no_connect_keyword",
    "raise_no_sending_keyword",
    "without_unknown",
]

__tracebackhide__ = True

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
_ROOMS = "sio.emit(), since only the server emits to rooms"
_SENDING_KEYWORDS = {
    "broadcast": _ROOMS,
    "data": "{call}({event}data)",
    "include_self": _ROOMS,
    "json": "emit('json', data)",
    "room": _ROOMS,
    "skip_sid": _ROOMS,
    "to": _ROOMS,
}


def raise_no_attribute(owner: object, name: str) -> NoReturn:
    """Raise AttributeError, with the equivalent if `name` is an attribute of another client.

    Raises:
        AttributeError: always; with the equivalent if `name` is an attribute of another client.
    """
    kind = type(owner).__name__
    spelling = _ATTRIBUTES.get(name)
    if spelling is None:
        # With name and object, Python adds "Did you mean".
        raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=owner)
    if kind.startswith("Sync"):
        spelling = spelling.replace("await ", "").replace("async for", "for")
    raise with_advice(AttributeError(f"no .{name} on {kind}: write {spelling}"))


def raise_no_connect_keyword(names: Iterable[Any], unknown: Mapping[str, Any]) -> NoReturn:
    """Raise an error that names the right arguments of ``connect()``.

    Args:
        names: the positional arguments of the call.
        unknown: the keyword arguments that ``connect()`` does not take.

    Raises:
        TypeError: always, unless `check_names` raises for one of `names`.
        ValueError: as in `check_names`.
    """
    check_names(names, unknown)
    name, value = next(iter(unknown.items()))
    spelling = _KEYWORDS.get(name)
    if name == "namespaces" and value and _are_names(value):
        spelling = _connect(value)
    if name == "wait_timeout" and isinstance(value, int | float):
        spelling = f"connect(timeout={value})"
    if spelling is None:
        raise TypeError(f"connect() got an unexpected keyword argument {name!r}")
    raise with_advice(TypeError(f"connect() takes no {name}=: write {spelling}"))


def raise_no_sending_keyword(call: str, event: str, unknown: Mapping[str, Any]) -> NoReturn:
    """Raise an error that names the right arguments of ``emit()``, ``call()`` or ``send()``.

    Args:
        call: the name of the method.
        event: the event's name, "" for ``send()``.
        unknown: the keyword arguments that the method does not take.

    Raises:
        TypeError: always.
    """
    name = next(iter(unknown))
    spelling = _SENDING_KEYWORDS.get(name)
    if spelling is None:
        raise TypeError(f"{call}() got an unexpected keyword argument {name!r}")
    written = spelling.format(call=call, event=event and f"{event!r}, ")
    raise with_advice(TypeError(f"{call}() takes no {name}=: write {written}"))


def check_callback(callback: Any) -> None:
    """Check the argument ``callback=``.

    Raises:
        TypeError: `callback` can't be called.
    """
    if callback is True:
        raise with_advice(TypeError("callback is True: write call(), which returns the ack"))
    if callback is not None and not callable(callback):
        raise TypeError(f"callback is {callback!r}; expected a callable")


def check_names(names: Iterable[Any], unknown: Mapping[str, Any]) -> None:
    """Refuse arguments of ``connect()`` that are in another client's form.

    Raises:
        TypeError: a list in the place of several names.
        ValueError: a URL, or a namespace with a query.
    """
    for name in names:
        if not isinstance(name, str):
            if isinstance(name, list | tuple | set) and _are_names(name):
                kind = type(name).__name__
                raise with_advice(TypeError(f"namespace is a {kind}: write {_connect(name)}"))
        elif "://" in name:
            asked = unknown.get("namespaces")
            several = _connect(asked) if asked and _are_names(asked) else "connect()"
            raise with_advice(
                ValueError(
                    f"connect() takes no URL: write {several}, since the app is given to "
                    "TestClient(app); a query goes into query="
                )
            )
        elif "?" in name:
            # Without the query, which may have a token.
            raise with_advice(
                ValueError(
                    f"a query in a namespace: write connect({name.partition('?')[0]!r}, query=...)"
                )
            )


def _are_names(value: Any) -> bool:
    return isinstance(value, Iterable) and all(isinstance(one, str) for one in value)


def _connect(namespaces: Any) -> str:
    names = [namespaces] if isinstance(namespaces, str) else namespaces
    return f"connect({', '.join(map(repr, names))})"


def without_unknown(function: Function) -> Function:
    """Remove ``**unknown`` from a function's signature: this argument exists for better errors
    only.
    """
    signature = inspect.signature(function)
    kept = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    function.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return function
