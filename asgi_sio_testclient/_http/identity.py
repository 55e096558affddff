"""The cookies and headers of a client's requests, merged under httpx's own rules."""

from __future__ import annotations

import base64
import email.message
import http.cookiejar as http_cookiejar
import math
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._http.urls import parse_base_url
from asgi_sio_testclient._version import __version__

if TYPE_CHECKING:
    pass

__tracebackhide__ = True


RawHeaders = list[tuple[bytes, bytes]]
HeaderTypes = Any  # the classes of httpx and of httpx2
CookieTypes = Any
DEFAULT_HEADERS = {
    "accept": "*/*",
    "accept-encoding": "gzip, deflate",
    "user-agent": f"asgi-sio-testclient/{__version__}",
}
_DEFAULT_RAW = [(name.encode(), value.encode()) for name, value in DEFAULT_HEADERS.items()]


_is_token = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+").fullmatch  # RFC 9110, section 5.6.2
_UNSENDABLE = re.compile(rb"[\0\r\n]")


def check_headers(raw: Iterable[tuple[bytes, bytes]]) -> None:
    """Check the names and values of headers.

    Raises:
        ValueError: a name or a value is not allowed in HTTP; http.client and h11 refuse it, too.
    """
    for name, value in raw:
        if not _is_token(name):
            raise with_advice(
                ValueError(f"header name {name!r} is no token: HTTP does not allow it")
            )
        check_header_value(f"header {name.decode('ascii')!r}", value)


def check_header_value(what: str, value: bytes) -> None:
    """Check the value of a header.

    Raises:
        ValueError: the value has a newline or a NUL. The text does not have the value, which may be
            a secret.
    """
    found = _UNSENDABLE.search(value)
    if found is not None:
        char = "NUL" if found.group() == b"\0" else "newline"
        hint = "; strip() it" if value != value.strip() else ""
        raise with_advice(
            ValueError(f"{char} in the value of {what}: HTTP does not allow it{hint}")
        )


class HTTPContext:
    """The HTTP side of a client: base URL, cookies, headers and auth.

    Args:
        http: a client whose jar, headers, auth and base_url are used; None for a new jar.
        base_url: the base URL, if `http` is None or has none.
        headers: headers that are added to those of `http`.
        cookies: cookies that are added to those of `http`; without `http`, the cookies of the new
            jar.
        root_path: the root_path of the scopes.
        client: host and port of the client, for the scopes.
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
        self._kept: _CookieHeader | None = None
        self._jar: http_cookiejar.CookieJar | None = None if http is None else http.cookies.jar
        self._overlay: http_cookiejar.CookieJar | None = None
        if http is not None and cookies is not None:
            self._overlay = httpx.Cookies(_cookies(cookies)).jar

    @property
    def jar(self) -> http_cookiejar.CookieJar:
        """The cookie jar: that of the client given as ``http=``, or one of this client."""
        if self.http is not None:
            # Read each time: `http.cookies = ...` replaces the jar.
            return self.http.cookies.jar  # type: ignore[no-any-return]
        if self._jar is None:
            self._jar = self._own_jar()
        return self._jar

    def _own_jar(self) -> http_cookiejar.CookieJar:
        given = httpx.Cookies(_cookies(self._given_cookies)).jar
        jar = http_cookiejar.CookieJar()
        cookiejar: Any = http_cookiejar  # typeshed lacks this function
        _, host = cookiejar.eff_request_host(urllib.request.Request(self.origin.url))
        for cookie in given:
            # A cookie without a domain would stay beside the cookie of that name that the app sets
            # at a login.
            cookie.domain = cookie.domain or host
            jar.set_cookie(cookie)
        return jar

    @property
    def own_headers(self) -> httpx.Headers:
        """The headers that are added to those of `http`; this mapping may be changed."""
        if self.headers is None:
            self.headers = httpx.Headers()
        return self.headers

    def cookie_header(self, url: str) -> bytes:
        """Return the value of the Cookie header for `url`, b"" for none."""
        if self.http is None and self._jar is None and self._given_cookies is None:
            return b""
        jar = self.jar
        if self._overlay is not None:
            return _encoded(_overlay(_jar_header(jar, url), _jar_header(self._overlay, url)))
        if type(jar) is not http_cookiejar.CookieJar:
            return _encoded(_jar_header(jar, url))  # a subclass, which may have another policy
        return self._kept_header(jar, url)

    def _kept_header(self, jar: Any, url: str) -> bytes:
        """Return the Cookie header of the jar only. The header is cached until the jar is changed
        or a cookie expires: the standard library takes as long for it as all other work of a
        polling request.
        """
        with jar._cookies_lock:
            kept = self._kept
            if kept is None or kept.until <= time.time() or kept.cache_key != _cache_key(jar, url):
                header = _encoded(_jar_header(jar, url))
                until = min((each.expires for each in jar if each.expires), default=math.inf)
                kept = self._kept = _CookieHeader(header, _cache_key(jar, url), until)
            return kept.header

    def store_cookies(self, url: str, values: list[bytes]) -> None:
        """Store the cookies of Set-Cookie headers in the jar, as far as its policy allows."""
        self.jar.extract_cookies(_SetCookies(values), urllib.request.Request(url))  # type: ignore[arg-type]

    def base_headers(self, extra: HeaderTypes = None) -> RawHeaders:
        """Return the headers of every request: those of `http`, of the test client and of
        `extra`; later ones replace earlier ones.
        """
        raw = _DEFAULT_RAW if self.http is None else _lower(self.http.headers.raw)
        for more in (self.headers, extra):
            if more is not None:
                raw = merge_headers(raw, _lower(httpx.Headers(more).raw))
        if raw is not _DEFAULT_RAW:
            check_headers(raw)
        return raw

    async def authorization(self, url: str) -> RawHeaders:
        """Return the headers that ``auth`` of `http`, or the user and password in its base URL,
        add to a request.
        """
        auth = None if self.http is None else self.http.auth
        if auth is None:
            if not self.origin.userinfo:
                return []
            # httpx, too, uses user and password in a URL for Basic authentication
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
        added = [pair for pair in _lower(request.headers.raw) if pair not in before]
        check_headers(added)
        return added


class _SetCookies:
    """The part of a response that `http.cookiejar` reads."""

    def __init__(self, values: Iterable[bytes]) -> None:
        self._message = email.message.Message()
        for value in values:
            self._message["Set-Cookie"] = value.decode("latin-1")

    def info(self) -> email.message.Message:
        return self._message


class _CookieHeader(NamedTuple):
    """A cached Cookie header, the state of the jar at that time, and when the first cookie
    expires.
    """

    header: bytes
    cache_key: tuple[object, ...]
    until: float

    def __repr__(self) -> str:
        # Cookies are secrets, and pytest shows local variables.
        return f"<{type(self).__name__} of {len(self.header)} bytes>"


def _cache_key(jar: Any, url: str) -> tuple[object, ...]:
    """Return all values on which the header of a plain jar depends, except the time."""
    cookies = [tuple(vars(cookie).values()) for cookie in jar]
    return url, jar._policy, tuple(vars(jar._policy).values()), cookies


def _encoded(header: str) -> bytes:
    value = header.encode("latin-1")
    check_header_value("header 'cookie'", value)
    return value


def _jar_header(jar: http_cookiejar.CookieJar, url: str) -> str:
    request = urllib.request.Request(url)
    jar.add_cookie_header(request)
    return request.get_header("Cookie") or ""


def _overlay(lower: str, upper: str) -> str:
    """Return two Cookie headers as one; names in `upper` replace those in `lower`."""
    if not upper:
        return lower
    names = {pair.partition("=")[0] for pair in upper.split("; ")}
    kept = [pair for pair in lower.split("; ") if pair and pair.partition("=")[0] not in names]
    return "; ".join((*kept, upper))


def _cookies(cookies: CookieTypes) -> Any:
    """Return cookies as one of httpx's types; for httpx2's Cookies, the plain jar in them."""
    return cookies.jar if hasattr(cookies, "jar") else cookies


def _lower(raw: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    return [(name.lower(), value) for name, value in raw]


def merge_headers(lower: RawHeaders, upper: RawHeaders) -> RawHeaders:
    """Return the headers of both; names in `upper` replace those in `lower`."""
    names = {name for name, _ in upper}
    return [pair for pair in lower if pair[0] not in names] + upper
