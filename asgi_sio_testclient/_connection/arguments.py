"""Checks of the arguments `app`, `http`, `namespace` and `timeout`, for the client and for the
stock client.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import engineio
import socketio

from asgi_sio_testclient._error_texts import shown_url, with_advice
from asgi_sio_testclient._http.werkzeug import WerkzeugClient, is_werkzeug_client
from asgi_sio_testclient._protocol.names import ALL

__tracebackhide__ = True

DEFAULT_BASE_URL = "http://testserver"
_ASYNC = (socketio.AsyncServer, engineio.AsyncServer)
_THREADED = (socketio.Server, engineio.Server)


def is_url(app: Any) -> bool:
    """Return whether `app` is the URL of a server elsewhere."""
    return isinstance(app, str) and re.match(r"\s*(https?|wss?)://", app, re.IGNORECASE) is not None


def _check_app(app: Any) -> None:
    """Raise TypeError for objects that are often passed in the place of an ASGI app."""
    if isinstance(app, str):
        raise with_advice(
            TypeError(
                f"app is the str {shown_url(app)!r}; expected the ASGI app itself: import it; or "
                "the URL of a live server, such as 'http://localhost:8000'"
            )
        )
    if isinstance(app, _ASYNC):
        raise with_advice(
            TypeError("app is the server; expected the ASGI app around it: socketio.ASGIApp(sio)")
        )
    if isinstance(app, _THREADED) or isinstance(getattr(app, "server", None), _THREADED):
        raise with_advice(
            TypeError(
                "app is the server; expected the WSGI app around it, such as Flask's, or an ASGI "
                "app around that: a2wsgi.WSGIMiddleware(app)"
            )
        )
    if type(app).__module__.partition(".")[0] == "aiohttp":
        raise TypeError(
            "app is an aiohttp app; expected an ASGI app: "
            "socketio.ASGIApp(socketio.AsyncServer(async_mode='asgi'))"
        )
    if not callable(app):
        raise TypeError(f"app is {app!r}; expected an ASGI callable, or a WSGI one")


def checked_http(http: Any) -> Any:
    """Return the client given as ``http=`` in the shape of an httpx client, or None.

    Raises:
        TypeError: `http` is no client of a supported kind.
    """
    if http is None:
        return None
    if is_werkzeug_client(http):
        return WerkzeugClient(http)
    missing = [name for name in ("base_url", "cookies", "headers") if not hasattr(http, name)]
    if missing or isinstance(http, type):
        raise with_advice(
            TypeError(
                f"http is {http!r}; expected an httpx client, or Starlette's or FastAPI's "
                "TestClient, or Flask's"
            )
        )
    return http


def _check_type(name: str, accept: Callable[[Any], object], value: Any) -> None:
    try:
        accept(value)
    except (TypeError, ValueError, AttributeError) as exc:
        # Not the value itself: it may be a secret.
        kind = type(value).__name__
        raise TypeError(
            f"{name} is of type {kind}; expected one of httpx's types for {name}"
        ) from exc


def check_namespace(namespace: Any) -> None:
    """Check a namespace; "*" stands for every one.

    Raises:
        TypeError: `namespace` is no str.
        ValueError: `namespace` has no slash.
    """
    if not isinstance(namespace, str):
        raise TypeError(f"namespace is {namespace!r}; expected a str such as '/chat'")
    if namespace != ALL and not namespace.startswith("/"):
        raise with_advice(
            ValueError(f"namespace is {namespace!r}; did you mean {'/' + namespace!r}?")
        )


def check_timeout(timeout: Any, name: str = "timeout") -> None:
    """Check a number of seconds.

    Raises:
        TypeError: `timeout` is no number.
        ValueError: `timeout` is negative.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"{name} is {timeout!r}; expected seconds")
    if not timeout >= 0:
        raise with_advice(ValueError(f"{name} is {timeout!r}; expected seconds, 0 or more"))
