"""From an httpx client, a URL, cookies and headers to the request line and the headers of an ASGI
scope, and back into the jar.

httpx's clients, httpx2's and Starlette's TestClient are taken by their shape: `headers`, `cookies`,
`base_url`, `auth`. Which cookies go where is decided by the standard library's cookie jar, which is
what those clients keep inside. Knows nothing of Engine.IO's packets.
"""

from __future__ import annotations

import base64
import binascii
import email.message
import functools
import http.cookiejar as http_cookiejar
import random
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from asgi_sio_testclient import asgi
from asgi_sio_testclient._version import __version__

if TYPE_CHECKING:
    from asgiref.typing import HTTPScope, WebSocketScope

__all__ = ["DEFAULT_HEADERS", "Handshake", "Identity", "decoded_body", "masked_url"]

RawHeaders = list[tuple[bytes, bytes]]
HeaderTypes = Any  # httpx's own, and httpx2's
CookieTypes = Any

ENGINEIO_VERSION = "4"
_SHOWN_IN_QUERIES = {"transport", "EIO", "sid"}
_MASK = "***"
DEFAULT_PORTS = {"http": 80, "https": 443}
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"asgi-sio-testclient/{__version__}",
}
_DEFAULT_RAW = [(name.encode(), value.encode()) for name, value in DEFAULT_HEADERS.items()]
# What a websocket's handshake sets itself.
_UPGRADE_HEADERS = {b"connection", b"upgrade", b"sec-websocket-key", b"sec-websocket-version"}


@dataclass(frozen=True, slots=True)
class Origin:
    """The parts of a base URL."""

    scheme: str
    netloc: str
    path: str
    server: tuple[str, int]
    userinfo: bytes = field(repr=False)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


@functools.lru_cache(maxsize=256)
def parse_base_url(base_url: str) -> Origin:
    """Split a base URL.

    Raises:
        ValueError: no http or https URL with a host.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as exc:
        shown = _without_userinfo(base_url)
        # httpx quotes what it can't read, which may be a part of the password.
        why = exc if shown == base_url else "it is no URL"
        raise ValueError(f"base_url is {shown!r}: {why}") from None
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    if scheme not in DEFAULT_PORTS or not url.host:
        shown = _without_userinfo(base_url)
        raise ValueError(f"base_url is {shown!r}; expected something like 'http://testserver'")
    port = url.port or DEFAULT_PORTS[scheme]
    path = url.raw_path.split(b"?")[0].decode("ascii").rstrip("/")
    return Origin(scheme, url.netloc.decode("ascii"), path, (url.host, port), url.userinfo)


class Identity:
    """Who a client is over HTTP: where it connects to, and with which cookies and headers.

    Args:
        http: a client whose jar, headers, auth and base_url are used; None for an own jar.
        base_url: used where `http` is None or has none.
        headers: on top of those of `http`.
        cookies: on top of those of `http`; without `http`, what the own jar starts with.
        root_path: for the scope.
        client: for the scope.
    """

    def __init__(
        self,
        http: Any,
        base_url: str,
        headers: HeaderTypes,
        cookies: CookieTypes,
        root_path: str,
        client: tuple[str, int] | None,
    ) -> None:
        self.http = http
        self.origin = parse_base_url(str(base_url))
        self.headers = httpx.Headers(headers) if headers is not None else None
        self.root_path = root_path
        self.client = client
        self._given_cookies = cookies
        self._jar: http_cookiejar.CookieJar | None = None if http is None else http.cookies.jar
        self._overlay: http_cookiejar.CookieJar | None = None
        if http is not None and cookies is not None:
            self._overlay = httpx.Cookies(_cookies(cookies)).jar

    @property
    def jar(self) -> http_cookiejar.CookieJar:
        """The cookie jar: that of the http client handed in, or an own one."""
        if self.http is not None:
            # Asked for anew each time: `http.cookies = ...` replaces it.
            return self.http.cookies.jar  # type: ignore[no-any-return]
        if self._jar is None:
            self._jar = self._own_jar()
        return self._jar

    def _own_jar(self) -> http_cookiejar.CookieJar:
        given = httpx.Cookies(_cookies(self._given_cookies)).jar
        jar = http_cookiejar.CookieJar()
        cookiejar: Any = http_cookiejar  # typeshed does not know this function
        _, host = cookiejar.eff_request_host(urllib.request.Request(self.origin.url))
        for cookie in given:
            # A cookie without a domain would stand beside the one of that name that the app sets at
            # a login, not be replaced by it.
            cookie.domain = cookie.domain or host
            jar.set_cookie(cookie)
        return jar

    @property
    def own_headers(self) -> httpx.Headers:
        """The headers that go on top of those of the http client; what is set there is sent."""
        if self.headers is None:
            self.headers = httpx.Headers()
        return self.headers

    def cookie_header(self, url: str) -> bytes:
        """The value of the Cookie header for `url`, b"" for none."""
        if self.http is None and self._jar is None and self._given_cookies is None:
            return b""
        header = _jar_header(self.jar, url)
        if self._overlay is not None:
            header = _overlay(header, _jar_header(self._overlay, url))
        return header.encode("latin-1")

    def store_cookies(self, url: str, values: list[bytes]) -> None:
        """Put what Set-Cookie headers set into the jar, as far as its policy takes it."""
        self.jar.extract_cookies(_SetCookies(values), urllib.request.Request(url))  # type: ignore[arg-type]

    def base_headers(self, extra: HeaderTypes = None) -> RawHeaders:
        """The headers of every request: the http client's, those of the test client, those of
        `extra`; later ones win.
        """
        raw = _DEFAULT_RAW if self.http is None else _lower(self.http.headers.raw)
        for more in (self.headers, extra):
            if more is not None:
                raw = _merge(raw, _lower(httpx.Headers(more).raw))
        return raw

    async def authorization(self, url: str) -> RawHeaders:
        """What the http client's ``auth``, or the user and password in its base URL, add to a
        request's headers.
        """
        auth = None if self.http is None else self.http.auth
        if auth is None:
            if not self.origin.userinfo:
                return []
            # httpx, too, makes Basic authentication of a URL's user and password
            # (Client._build_request_auth).
            userinfo = urllib.parse.unquote_to_bytes(self.origin.userinfo)
            return [(b"authorization", b"Basic " + base64.b64encode(userinfo))]
        request = self.http.build_request("GET", url)
        before = set(_lower(request.headers.raw))
        if hasattr(self.http, "aclose"):
            flow = auth.async_auth_flow(request)
            request = await anext(flow)
            await flow.aclose()
        else:
            sync_flow = auth.sync_auth_flow(request)
            request = next(sync_flow)
            sync_flow.close()
        return [pair for pair in _lower(request.headers.raw) if pair not in before]


class Handshake:
    """The requests of one connection.

    Args:
        identity: whose connection it is.
        socketio_path: where the server is mounted.
        headers: on top of the identity's, for every request of this connection.
        query: comes first in every request's query string.
        state: the lifespan's state.

    Attributes:
        url: where the server is, for the cookie jar.
    """

    def __init__(
        self,
        identity: Identity,
        socketio_path: str,
        headers: HeaderTypes = None,
        query: Mapping[str, Any] | str | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._identity = identity
        self._origin = identity.origin
        self.socketio_path = socketio_path
        self._path = _path(self._origin.path, socketio_path)
        self._query = _query(query)
        self._state = state
        self._headers = identity.base_headers(headers)
        names = [name for name, _ in self._headers]
        self._own_cookie = b"cookie" in names
        if b"host" not in names:
            self._headers = [(b"host", self._origin.netloc.encode("ascii")), *self._headers]
        self._http_scopes: dict[tuple[str, str], HTTPScope] = {}
        self.url = _url(self._origin, self._path)

    async def authorize(self) -> None:
        """Take what the http client's auth adds. The headers that were given go before it."""
        self._headers = _merge(await self._identity.authorization(self.url), self._headers)

    def http_scope(
        self, method: str, sid: str = "", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> HTTPScope:
        """The scope of one request of long-polling."""
        like_it = self._http_scopes.get((method, sid)) or self._http_scope(method, sid)
        scope = like_it.copy()
        scope["headers"] = [*self._headers, *self._cookies(), *headers]
        scope["state"] = dict(self._state or {})
        if method == "GET":
            scope["query_string"] += _stamp()
        return scope

    def _http_scope(self, method: str, sid: str) -> HTTPScope:
        """What is the same in all such requests of a session."""
        scope = asgi.http_scope(
            method,
            self._path,
            query_string=self._query_string("polling", sid),
            scheme=self._origin.scheme,
            root_path=self._identity.root_path,
            client=self._identity.client,
            server=self._origin.server,
        )
        self._http_scopes[method, sid] = scope
        return scope

    def websocket_scope(self, sid: str = "") -> WebSocketScope:
        """The scope of a websocket: a new session, or with `sid` the upgrade of one."""
        headers = [pair for pair in self._headers if pair[0] not in _UPGRADE_HEADERS]
        return asgi.websocket_scope(
            self._path,
            query_string=self._query_string("websocket", sid) + _stamp(),
            headers=[
                *headers,
                *self._cookies(),
                # python-engineio wants both of the next two; with only one it takes the request for
                # a long poll.
                (b"connection", b"Upgrade"),
                (b"upgrade", b"websocket"),
                (b"sec-websocket-key", _websocket_key()),
                (b"sec-websocket-version", b"13"),
            ],
            scheme=WEBSOCKET_SCHEMES[self._origin.scheme],
            root_path=self._identity.root_path,
            client=self._identity.client,
            server=self._origin.server,
            state=self._state,
        )

    def store_cookies(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Put what a response sets into the jar."""
        values = [value for name, value in headers if name == b"set-cookie"]
        if values:
            self._identity.store_cookies(self.url, values)

    def request_url(self, scope: Any) -> str:
        """The URL of a scope, for error texts: the user's values masked, tokens as they may be, and
        without the stamp, which tells nothing.
        """
        engineio = scope["query_string"].decode()[len(self._query) :].partition("&t=")[0]
        query = _masked(self._query) + engineio
        return f"{scope['scheme']}://{self._origin.netloc}{self._path}?{query}"

    def _cookies(self) -> RawHeaders:
        if self._own_cookie:
            return []
        value = self._identity.cookie_header(self.url)
        return [(b"cookie", value)] if value else []

    def _query_string(self, transport: str, sid: str) -> bytes:
        # The order of python-engineio's client: the user's own first, then these.
        text = f"{self._query}transport={transport}&EIO={ENGINEIO_VERSION}"
        return (f"{text}&sid={sid}" if sid else text).encode("ascii")


def _stamp() -> bytes:
    return f"&t={time.time()}".encode("ascii")


def decoded_body(response: asgi.Response) -> bytes:
    """A response's body without its content encoding, by httpx's decoders.

    Raises:
        httpx.DecodingError: it isn't encoded as its header says.
    """
    if b"content-encoding" not in [name for name, _ in response.headers]:
        return response.body
    return httpx.Response(
        response.status, headers=list(response.headers), content=response.body
    ).content


class _SetCookies:
    """As much of a response as `http.cookiejar` reads."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._message = email.message.Message()
        for value in values:
            self._message["Set-Cookie"] = value.decode("latin-1")

    def info(self) -> email.message.Message:
        return self._message


def _jar_header(jar: http_cookiejar.CookieJar, url: str) -> str:
    request = urllib.request.Request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie") or ""


def _overlay(lower: str, upper: str) -> str:
    """Two Cookie headers as one; names of `upper` replace those of `lower`."""
    if not upper:
        return lower
    names = {pair.partition("=")[0] for pair in upper.split("; ")}
    kept = [pair for pair in lower.split("; ") if pair and pair.partition("=")[0] not in names]
    return "; ".join((*kept, upper))


def _cookies(cookies: CookieTypes) -> Any:
    """Httpx's cookie types; a jar of httpx2 as the plain jar inside it."""
    return cookies.jar if hasattr(cookies, "jar") else cookies


def _lower(raw: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    return [(name.lower(), value) for name, value in raw]


def _merge(lower: RawHeaders, upper: RawHeaders) -> RawHeaders:
    """Headers of both; names of `upper` replace those of `lower`."""
    names = {name for name, _ in upper}
    return [pair for pair in lower if pair[0] not in names] + upper


# Its own generator: a test that seeds the global one must not find that a connect used it. What it
# gives is no secret (RFC 6455, section 10.3).
_random = random.Random()  # noqa: S311


def _websocket_key() -> bytes:
    return binascii.b2a_base64(_random.randbytes(16), newline=False)


@functools.lru_cache(maxsize=256)
def _path(base: str, socketio_path: str) -> str:
    path = f"{base}/{socketio_path.strip('/')}".rstrip("/") + "/"
    return urllib.parse.quote(path, safe="/%:@!$&'()*+,;=-._~")


@functools.lru_cache(maxsize=256)
def _url(origin: Origin, path: str) -> str:
    return f"{origin.scheme}://{origin.netloc}{path}"


def _query(query: Mapping[str, Any] | str | None) -> str:
    """The user's part of the query string, with "&" at its end."""
    if query is None:
        return ""
    text = query.lstrip("?") if isinstance(query, str) else str(httpx.QueryParams(query))
    text = urllib.parse.quote(text, safe="/%:@!$&'()*+,;=-._~?[]|")
    return f"{text}&" if text else ""


def masked_url(url: str) -> str:
    """A URL that the app gave, with the values of its query masked."""
    base, mark, query = url.partition("?")
    return base + mark + _masked(query.partition("&t=")[0])


def _masked(query: str) -> str:
    """A query string with its values masked, but for Engine.IO's own."""
    return "&".join(map(_masked_pair, query.split("&")))


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        # "?t0k3n": what stands alone may be the secret itself.
        return _MASK if name else ""
    return f"{name}={_MASK}" if value and name not in _SHOWN_IN_QUERIES else pair


def _without_userinfo(base_url: str) -> str:
    return re.sub("//.*@", f"//{_MASK}@", base_url)
