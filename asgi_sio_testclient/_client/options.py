"""The arguments of a `TestClient` and their checks: an error names the wrong value and a right
one.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

import httpx
import socketio

from asgi_sio_testclient import asgi
from asgi_sio_testclient._client.foreign_names import check_names
from asgi_sio_testclient._connection.arguments import (
    DEFAULT_BASE_URL,
    _check_app,
    _check_type,
    check_namespace,
    check_timeout,
    checked_http,
    is_url,
)
from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._http.identity import HTTPContext, check_header_value, check_headers
from asgi_sio_testclient._http.urls import parse_base_url
from asgi_sio_testclient._http.wsgi import WSGIBridge, is_wsgi
from asgi_sio_testclient._protocol.names import ALL, TRANSPORTS
from asgi_sio_testclient._protocol.packets import packet_class_for
from asgi_sio_testclient._server.find import engineio_server_of
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE
from asgi_sio_testclient.asgi._elsewhere import Elsewhere

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application
    from socketio.packet import Packet


__all__ = ["Options"]

__tracebackhide__ = True

Transport = Literal["polling", "websocket"]
Serializer = Literal["default", "msgpack"] | type[Any]
DEFAULT_TRANSPORTS: tuple[Transport, ...] = ("websocket",)
"""The default of ``transports=``. The identity of this object shows that no transports were
given.
"""
WSGI_TRANSPORTS = ("polling",)  # WSGI has no websocket
_OF_THE_APP = frozenset({"app", "server", "lifespan"})


@dataclass(eq=False)
class Options:
    """See `TestClient`, whose arguments these are. Arguments with secrets are not in the repr,
    which pytest and others show for local variables.

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
    grace: float
    strict: bool
    isolate_context: bool
    single_app: ASGI3Application = field(init=False)
    packet_class: type[Packet] = field(init=False)

    def __post_init__(self) -> None:
        if type(self.app) is not socketio.ASGIApp:
            self._take_app()
        if self.http is not None:
            self.http = checked_http(self.http)
        self._check()
        self.base_url = self._effective_base_url()
        parse_base_url(self.base_url)
        if self.transports is not DEFAULT_TRANSPORTS:
            self.transports = self.transports_of(self.transports)
        self.single_app = asgi.single_callable(self.app)
        self.packet_class = packet_class_for(self.serializer, self.json)

    def _take_app(self) -> None:
        """Check the argument `app`; convert a URL and a WSGI app to an ASGI app."""
        if is_url(self.app):
            self.app = _remote_server(self.app)
        _check_app(self.app)
        if is_wsgi(self.app):
            self.app = WSGIBridge(self.app)
            if self.transports is DEFAULT_TRANSPORTS:
                self.transports = WSGI_TRANSPORTS

    def _check(self) -> None:
        """Check the arguments of which only the type or the value matters.

        Raises:
            TypeError, ValueError: an argument is wrong.
        """
        check_timeout(self.timeout)
        if self.grace is not DEFAULT_GRACE:
            check_timeout(self.grace, "grace")
        if self.server is not None:
            _check_no_url(self.app)
            engineio_server_of(self.server)
        if not isinstance(self.socketio_path, str):
            raise TypeError(f"socketio_path is {self.socketio_path!r}; expected a str")
        if not isinstance(self.root_path, str):
            raise TypeError(f"root_path is {self.root_path!r}; expected a str")
        if self.headers is not None:
            _check_headers(self.headers)
        if self.cookies is not None:
            _check_cookies(self.cookies)
        if self.client is not None and not isinstance(self.client, tuple):
            raise TypeError(f"client is {self.client!r}; expected a tuple of host and port")

    def _effective_base_url(self) -> str:
        """Return the base URL; `http` or a server elsewhere replaces the default."""
        base_url = str(self.base_url)
        if base_url != DEFAULT_BASE_URL:
            return base_url
        if self.http is not None and str(self.http.base_url):
            base_url = str(self.http.base_url)
        if base_url == DEFAULT_BASE_URL and isinstance(self.app, Elsewhere):
            base_url = self.app.base_url
        return base_url

    def transports_of(self, transports: Sequence[str] | str | None) -> tuple[str, ...]:
        """Return `transports` as a tuple, or those of the client for None.

        Raises:
            ValueError: `transports` is empty, or has an unknown name.
            TypeError: `transports` has no names in it.
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
            raise with_advice(
                ValueError(f"transports is {transports!r}; expected some of {TRANSPORTS}")
            )
        return names

    def timeout_of(self, timeout: float | None) -> float:
        """Return `timeout` in seconds; the client's timeout for None.

        Raises:
            TypeError, ValueError: `timeout` is no number of seconds, or is negative.
        """
        if timeout is None:
            return self.timeout
        check_timeout(timeout)
        return timeout

    def http_context(self) -> HTTPContext:
        """Make the cookies and headers of a client with these options."""
        return HTTPContext(
            self.http, self.base_url, self.headers, self.cookies, self.root_path, self.client
        )

    def for_clone(self, overrides: Mapping[str, Any], base_url: str) -> Options:
        """Return the options of a clone, which has its own cookies unless `overrides` has
        others.
        """
        unknown = sorted(overrides.keys() - _OF_CLONES)
        if unknown:
            known = sorted(_OF_CLONES)
            raise TypeError(f"clone() does not take {', '.join(unknown)}; it takes {known}")
        if isinstance(self.app, Elsewhere) and base_url == self.app.url:
            base_url = self.app.base_url
        own = {"http": None, "cookies": None, "base_url": base_url}
        if not overrides and all(getattr(self, name) == own[name] for name in own):
            return self
        return replace(self, **{**own, **overrides})


_OF_CLONES = frozenset(
    option.name for option in fields(Options) if option.init and option.name not in _OF_THE_APP
)


def _check_headers(headers: Any) -> None:
    _check_type("headers", httpx.Headers, headers)
    check_headers(httpx.Headers(headers).raw)


def _check_cookies(cookies: Any) -> None:
    jar = getattr(cookies, "jar", cookies)
    _check_type("cookies", lambda cookies: list(httpx.Cookies(cookies).jar), jar)
    for cookie in httpx.Cookies(jar).jar:
        check_header_value(f"cookie {cookie.name!r}", f"{cookie.name}={cookie.value}".encode())


def check_match(match: Any) -> None:
    if match is None:
        return
    if not callable(match):
        raise TypeError(
            f"match is {match!r}; expected a predicate: lambda event: event.data == ..."
        )
    if inspect.iscoroutinefunction(match):
        raise with_advice(TypeError(f"match is async: {match!r}; expected a plain function"))


def check_event(event: Any) -> None:
    if event is not None and not isinstance(event, str):
        raise with_advice(TypeError(f"event is {event!r}; expected its name, a str"))


async def resolve_auth(auth: Any) -> Any:
    if auth is None:
        return None
    value = auth() if callable(auth) else auth
    return await value if inspect.isawaitable(value) else value


def connectable(names: Sequence[Any]) -> list[str]:
    for name in names:
        if not isinstance(name, str) or "?" in name or "://" in name:
            check_names([name], {})
        check_namespace(name)
        if name == ALL:
            raise ValueError(
                f"namespace is {name!r}; pass the names of namespaces, such as '/chat'"
            )
    return list(dict.fromkeys(names))


def require_asyncio() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise UsageError(
            "TestClient needs a running asyncio event loop: python-socketio's server is "
            "asyncio-only, so trio can't drive it"
        ) from None


def _check_no_url(app: Any) -> None:
    if isinstance(app, Elsewhere):
        raise TypeError(f"server is given, and the app is a server elsewhere: {app.url}")


def _remote_server(url: str) -> Elsewhere:
    from asgi_sio_testclient.remote import RemoteServer  # noqa: PLC0415 (optional)

    return RemoteServer(url)
