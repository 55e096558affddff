"""The arguments `app`, `http` and `timeout`, checked for the client and for the stock client."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import engineio
import socketio

from asgi_sio_testclient.asgi._scopes import has_async_call

if TYPE_CHECKING:
    pass


DEFAULT_BASE_URL = "http://testserver"
ALL = "*"
_WSGI_ARGUMENTS = 2
_ASYNC = (socketio.AsyncServer, engineio.AsyncServer)
_THREADED = (socketio.Server, engineio.Server)
_BRIDGED = "a2wsgi.WSGIMiddleware(app)"


def is_url(app: Any) -> bool:
    """Whether it is the URL of a server elsewhere."""
    return isinstance(app, str) and re.match(r"\s*(https?|wss?)://", app, re.IGNORECASE) is not None


def _check_app(app: Any) -> None:
    if isinstance(app, str):
        raise TypeError(
            f"app is the str {app!r}; expected the ASGI app itself: import it; or the URL of a "
            "live server, such as 'http://localhost:8000'"
        )
    if isinstance(app, _ASYNC):
        raise TypeError("app is the server; expected the ASGI app around it: socketio.ASGIApp(sio)")
    if isinstance(app, _THREADED) or isinstance(getattr(app, "server", None), _THREADED):
        raise TypeError(f"app is the server; expected an ASGI app around the WSGI app: {_BRIDGED}")
    if not callable(app):
        raise TypeError(f"app is {app!r}; expected an ASGI callable")
    if has_async_call(app) or inspect.iscoroutinefunction(app):
        return
    try:
        signature = inspect.signature(app)
    except (TypeError, ValueError):
        return
    if not any(_binds(signature, count) for count in (3, 1)) and _binds(signature, _WSGI_ARGUMENTS):
        raise TypeError(
            f"app is {app!r}, which looks like a WSGI app; expected an ASGI callable: {_BRIDGED}"
        )


def _binds(signature: inspect.Signature, count: int) -> bool:
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True


def _check_http(http: Any) -> None:
    if http is None:
        return
    missing = [name for name in ("base_url", "cookies", "headers") if not hasattr(http, name)]
    if missing or isinstance(http, type):
        raise TypeError(
            f"http is {http!r}; expected an httpx client, or Starlette's or FastAPI's TestClient"
        )


def _check_type(name: str, accept: Callable[[Any], object], value: Any) -> None:
    if value is None:
        return
    try:
        accept(value)
    except (TypeError, ValueError, AttributeError) as exc:
        # Not the value itself: it may be a secret.
        kind = type(value).__name__
        raise TypeError(f"{name} is of type {kind}; expected one of httpx's for it") from exc


def check_namespace(namespace: Any) -> None:
    """Raises:
    TypeError: no str.
    ValueError: a name without its slash. "*" is every namespace.
    """
    if not isinstance(namespace, str):
        raise TypeError(f"namespace is {namespace!r}; expected a str such as '/chat'")
    if namespace != ALL and not namespace.startswith("/"):
        raise ValueError(f"namespace is {namespace!r}; did you mean '/{namespace}'?")


def check_timeout(timeout: Any) -> None:
    """Raises:
    TypeError: no number of seconds.
    ValueError: a negative one.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {timeout!r}; expected seconds")
    if not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}; expected seconds, 0 or more")
