"""Makes the scope of each request of a connection, with its headers, and stores cookies in the jar.

httpx's clients, httpx2's and Starlette's TestClient are recognised by their attributes: `headers`,
`cookies`, `base_url`, `auth`. The standard library's cookie jar in these clients decides which
cookies are sent. Engine.IO's packets are not used here.
"""

from __future__ import annotations

import binascii
import contextvars
import random
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from asgi_sio_testclient import asgi
from asgi_sio_testclient._http.identity import HeaderTypes, HTTPContext, RawHeaders, merge_headers
from asgi_sio_testclient._http.urls import engineio_path, masked_query, query_prefix, url_of
from asgi_sio_testclient.asgi._elsewhere import EXTENSION

if TYPE_CHECKING:
    from asgiref.typing import HTTPScope, WebSocketScope

__all__ = ["ConnectionRequests"]

__tracebackhide__ = True


_OF_SESSION: Any = {EXTENSION: {"cancels": True}}
ENGINEIO_VERSION = "4"
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
# Headers that a websocket's handshake sets itself.
_UPGRADE_HEADERS = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"}


class ConnectionRequests:
    """The requests of one connection.

    Args:
        http_context: the cookies and headers of the client.
        socketio_path: the path of the server.
        headers: headers of every request of this connection, which are added to those of the
            client.
        query: the beginning of every request's query string.
        state: the lifespan's state.
        remote_timeout: seconds for which the client waits for the answer to the handshake; None
            unless the server is elsewhere.
        address: host and port of that server; "" for an app in this process.
        isolate: whether each request is handled in a new context.

    Attributes:
        url: the URL of the server, for the cookie jar.
        has_auth: whether `authorize` has to be called.
        peer: "the app", or "the server" if it is elsewhere; for error texts.
        address: see above.
    """

    def __init__(
        self,
        http_context: HTTPContext,
        socketio_path: str,
        headers: HeaderTypes = None,
        query: Mapping[str, Any] | str | None = None,
        state: Mapping[str, Any] | None = None,
        remote_timeout: float | None = None,
        address: str = "",
        *,
        isolate: bool = False,
    ) -> None:
        self.peer = "the app" if remote_timeout is None else "the server"
        self.address = address
        self._remote_timeout = remote_timeout
        self._http_context = http_context
        self._origin = http_context.origin
        self.socketio_path = socketio_path
        self._path = engineio_path(self._origin.path, socketio_path)
        self._query = query_prefix(query)
        self._state = state
        self._isolate = isolate
        self.has_auth = http_context.http is not None or bool(self._origin.userinfo)
        self._headers = http_context.base_headers(headers)
        names = {name for name, _ in self._headers}
        self._own_cookie = b"cookie" in names
        self._own_upgrade = not names.isdisjoint(_UPGRADE_HEADERS)
        if b"host" not in names:
            self._headers = [(b"host", self._origin.netloc.encode("ascii")), *self._headers]
        self._http_scopes: dict[tuple[str, str], HTTPScope] = {}
        self.url = url_of(self._origin, self._path)

    async def authorize(self) -> None:
        """Add the headers of the auth of `http`; headers that were given have precedence."""
        added = await self._http_context.authorization(self.url)
        self._own_upgrade |= any(name in _UPGRADE_HEADERS for name, _ in added)
        self._headers = merge_headers(added, self._headers)

    def context(self) -> contextvars.Context | None:
        """Return the context in which the app handles a request: a new context, or None for the
        current one.
        """
        return contextvars.Context() if self._isolate else None

    def http_scope(
        self, method: str, sid: str = "", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> HTTPScope:
        """Return the scope of one request of long-polling."""
        like_it = self._http_scopes.get((method, sid)) or self._http_scope(method, sid)
        scope = like_it.copy()
        scope["headers"] = [*self._headers, *self._cookies(), *headers]
        scope["state"] = dict(self._state or {})
        if method == "GET":
            scope["query_string"] += _timestamp()
        if self._remote_timeout is not None:
            scope["extensions"] = _OF_SESSION if sid else self._extensions()
        return scope

    def _http_scope(self, method: str, sid: str) -> HTTPScope:
        """Return the part of the scope that is the same in all such requests of a session."""
        scope = asgi.http_scope(
            method,
            self._path,
            query_string=self._query_string("polling", sid),
            scheme=self._origin.scheme,
            root_path=self._http_context.root_path,
            client=self._http_context.client,
            server=self._origin.server,
        )
        self._http_scopes[method, sid] = scope
        return scope

    def websocket_scope(self, sid: str = "") -> WebSocketScope:
        """Return the scope of a websocket: for a new session, or with `sid` for the upgrade of
        one.
        """
        headers = self._headers
        if self._own_upgrade:
            headers = [pair for pair in headers if pair[0] not in _UPGRADE_HEADERS]
        scope = asgi.websocket_scope(
            self._path,
            query_string=self._query_string("websocket", sid) + _timestamp(),
            headers=[
                *headers,
                *self._cookies(),
                # python-engineio requires both of the next two headers; with only one it handles
                # the request as a long poll.
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-key", _websocket_key()),
                (b"sec-websocket-version", b"13"),
            ],
            scheme=WEBSOCKET_SCHEMES[self._origin.scheme],
            root_path=self._http_context.root_path,
            client=self._http_context.client,
            server=self._origin.server,
            state=self._state,
        )
        if self._remote_timeout is not None:
            cast("dict[str, Any]", scope["extensions"]).update(self._extensions())
        return scope

    def _extensions(self) -> dict[str, dict[object, object]]:
        return {EXTENSION: {"handshake_timeout": self._remote_timeout, "cancels": True}}

    def store_cookies(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Store the cookies that a response sets in the jar."""
        values = [value for name, value in headers if name == b"set-cookie"]
        if values:
            self._http_context.store_cookies(self.url, values)

    def request_url(self, scope: Any) -> str:
        """Return the URL of a scope for error texts: values of the user's query are masked, and
        the time stamp is left out.
        """
        engineio = scope["query_string"].decode()[len(self._query) :].partition("&t=")[0]
        query = masked_query(self._query) + engineio
        return f"{scope['scheme']}://{self._origin.netloc}{self._path}?{query}"

    def _cookies(self) -> RawHeaders:
        if self._own_cookie:
            return []
        value = self._http_context.cookie_header(self.url)
        return [(b"cookie", value)] if value else []

    def _query_string(self, transport: str, sid: str) -> bytes:
        # The order of python-engineio's client: the user's own first, then these.
        text = f"{self._query}transport={transport}&EIO={ENGINEIO_VERSION}"
        return (f"{text}&sid={sid}" if sid else text).encode("ascii")


def _timestamp() -> bytes:
    return f"&t={time.time()}".encode("ascii")


# A separate generator: a connect must not change the global one, which a test may seed. The value
# is no secret (RFC 6455, section 10.3).
_random = random.Random()  # noqa: S311


def _websocket_key() -> bytes:
    return binascii.b2a_base64(_random.randbytes(16), newline=False)
