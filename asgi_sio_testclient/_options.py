"""The arguments of a `TestClient`, checked: what is wrong is said at once, with what is right."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import engineio
import httpx
import socketio

from asgi_sio_testclient import asgi
from asgi_sio_testclient._handshake import parse_base_url
from asgi_sio_testclient._server import engineio_server_of
from asgi_sio_testclient._socketio import packet_class_for

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application
    from socketio.packet import Packet

__all__ = ["DEFAULT_BASE_URL", "Options", "check_timeout"]

DEFAULT_BASE_URL = "http://testserver"
TRANSPORTS = ("polling", "websocket")
DEFAULT_TRANSPORTS = ("websocket",)
_OF_THE_APP = frozenset({"app", "server", "lifespan"})
_WSGI_ARGUMENTS = 2
_ASYNC = (socketio.AsyncServer, engineio.AsyncServer)
_THREADED = (socketio.Server, engineio.Server)
_BRIDGED = "a2wsgi.WSGIMiddleware(app)"


@dataclass(eq=False)
class Options:
    """See `TestClient`, whose arguments these are. Those with secrets in them are not in the repr,
    which pytest and others show where a local variable is shown.

    Attributes:
        single_app: the app as an ASGI 3 callable.
        packet_class: the Socket.IO packet class that `serializer` and `json` make.
    """

    app: Any
    http: Any = field(repr=False)
    base_url: Any = field(repr=False)
    headers: Any = field(repr=False)
    cookies: Any = field(repr=False)
    auth: Any = field(repr=False)
    socketio_path: str
    transports: Any
    serializer: Any
    json: Any
    server: Any
    lifespan: bool
    root_path: str
    client: tuple[str, int] | None
    timeout: float
    raise_app_exceptions: bool
    strict: bool
    single_app: ASGI3Application = field(init=False)
    packet_class: type[Packet] = field(init=False)

    def __post_init__(self) -> None:
        _check_app(self.app)
        _check_http(self.http)
        check_timeout(self.timeout)
        if self.server is not None:
            engineio_server_of(self.server)
        for name in ("socketio_path", "root_path"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} is {getattr(self, name)!r}; expected a str")
        base_url = str(self.base_url)
        if self.http is not None and base_url == DEFAULT_BASE_URL and str(self.http.base_url):
            base_url = str(self.http.base_url)
        parse_base_url(base_url)
        _check_type("headers", httpx.Headers, self.headers)
        jar = getattr(self.cookies, "jar", self.cookies)
        _check_type("cookies", lambda cookies: list(httpx.Cookies(cookies).jar), jar)
        if self.client is not None and not isinstance(self.client, tuple):
            raise TypeError(f"client is {self.client!r}; expected a tuple of host and port")
        self.base_url = base_url
        self.transports = self.transports_of(self.transports)
        self.single_app = asgi.single_callable(self.app)
        self.packet_class = packet_class_for(self.serializer, self.json)

    def transports_of(self, transports: Sequence[str] | str | None) -> tuple[str, ...]:
        """`transports` as a tuple, or those of the client for None.

        Raises:
            ValueError: none, or one that doesn't exist.
            TypeError: something else than names.
        """
        if transports is None:
            return self.transports  # type: ignore[no-any-return]
        if transports == DEFAULT_TRANSPORTS:
            return DEFAULT_TRANSPORTS
        names: tuple[Any, ...] = (transports,)
        if not isinstance(transports, str) and isinstance(transports, Iterable):
            names = tuple(transports)
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"transports is {transports!r}; expected names out of {TRANSPORTS}")
        if not names or not set(names) <= set(TRANSPORTS):
            raise ValueError(f"transports is {transports!r}; expected some of {TRANSPORTS}")
        return names

    def for_clone(self, overrides: Mapping[str, Any], base_url: str) -> Options:
        """The options of another user of the same app: own cookies, unless given."""
        known = {option.name for option in fields(self) if option.init} - _OF_THE_APP
        unknown = sorted(set(overrides) - known)
        if unknown:
            raise TypeError(f"clone() does not take {', '.join(unknown)}; it takes {sorted(known)}")
        own = {"http": None, "cookies": None, "base_url": base_url}
        if not overrides and all(getattr(self, name) == own[name] for name in own):
            return self
        return replace(self, **{**own, **overrides})


def _check_app(app: Any) -> None:
    if isinstance(app, str):
        raise TypeError(f"app is the str {app!r}; expected the ASGI app itself: import it")
    if isinstance(app, _ASYNC):
        raise TypeError("app is the server; expected the ASGI app around it: socketio.ASGIApp(sio)")
    if isinstance(app, _THREADED) or isinstance(getattr(app, "server", None), _THREADED):
        raise TypeError(f"app is the server; expected an ASGI app around the WSGI app: {_BRIDGED}")
    if not callable(app):
        raise TypeError(f"app is {app!r}; expected an ASGI callable")
    if asgi.has_async_call(app) or inspect.iscoroutinefunction(app):
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


def check_timeout(timeout: Any) -> None:
    """Raises:
    TypeError: no number of seconds.
    ValueError: a negative one.
    """
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is {timeout!r}; expected seconds")
    if not timeout >= 0:
        raise ValueError(f"timeout is {timeout!r}; expected seconds, 0 or more")
