"""Makes scopes like uvicorn's, and ASGI 3 callables of apps."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from asgi_sio_testclient.asgi._call import Headers

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope, WebSocketScope

__tracebackhide__ = True


_SINGLE_CALLABLE_ARGUMENTS = 3


def single_callable(app: Any) -> ASGI3Application:
    """Return `app` as an ASGI 3 callable; ASGI 2's two-step callables are wrapped by asgiref.

    asgiref would also wrap a plain ``def app(scope, receive, send): return inner(scope, receive,
    send)``, which is no coroutine function; so a callable that accepts three arguments is not
    wrapped.
    """
    if has_async_call(app):
        return cast("ASGI3Application", app)  # the same result as asgiref's, in less time
    from asgiref.compatibility import (  # noqa: PLC0415 (most apps don't need it)
        double_to_single_callable,
        is_double_callable,
    )

    if not is_double_callable(app) or _takes(app, _SINGLE_CALLABLE_ARGUMENTS):
        return cast("ASGI3Application", app)
    return cast("ASGI3Application", double_to_single_callable(app))


def has_async_call(app: Any) -> bool:
    """Return whether `app` is an object with an ``async def __call__``."""
    code = getattr(type(app).__call__, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_COROUTINE)


def _takes(callable_: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(callable_).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def http_scope(
    method: str,
    path: str,
    *,
    query_string: bytes = b"",
    headers: Headers = (),
    scheme: str = "http",
    root_path: str = "",
    client: tuple[str, int] | None = ("testclient", 50000),
    server: tuple[str, int | None] | None = ("testserver", 80),
    state: Mapping[str, Any] | None = None,
) -> HTTPScope:
    """Return the scope of one HTTP request, as uvicorn makes it.

    Args:
        method: "GET", "POST", ...
        path: percent-encoded, without the query.
        query_string: percent-encoded, without "?".
        headers: pairs of bytes, names in lower case.
        scheme: "http" or "https".
        root_path: the path at which a proxy has mounted the app; `path` is not changed by it.
        client: host and port of the client.
        server: host and port of the server.
        state: the lifespan's state; the scope has a shallow copy.
    """
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": path.encode("ascii"),
        "query_string": query_string,
        "root_path": root_path,
        "headers": list(headers),
        "client": client,
        "server": server,
        "state": dict(state or {}),
    }  # type: ignore[typeddict-item]  # uvicorn gives an http scope no "extensions"


def websocket_scope(
    path: str,
    *,
    query_string: bytes = b"",
    headers: Headers = (),
    scheme: str = "ws",
    root_path: str = "",
    client: tuple[str, int] | None = ("testclient", 50000),
    server: tuple[str, int | None] | None = ("testserver", 80),
    subprotocols: Iterable[str] = (),
    state: Mapping[str, Any] | None = None,
) -> WebSocketScope:
    """Return the scope of one websocket, as uvicorn makes it. Arguments as in `http_scope`."""
    return {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": scheme,
        "path": unquote(path) if "%" in path else path,
        "raw_path": path.encode("ascii"),
        "query_string": query_string,
        "root_path": root_path,
        "headers": list(headers),
        "client": client,
        "server": server,
        "subprotocols": list(subprotocols),
        "state": dict(state or {}),
        "extensions": {"websocket.http.response": {}},
    }
