"""Flask's and Werkzeug's test client in the shape of an httpx client: base URL, headers, cookies.

Werkzeug stores cookies in a dictionary. The class here is a standard cookie jar on that dictionary:
it is read for each request, and cookies of a response or a test are stored in it. Werkzeug is never
imported: a test that has a client of Werkzeug has imported it already.
"""

from __future__ import annotations

import http.cookiejar as http_cookiejar
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from asgi_sio_testclient._http.identity import DEFAULT_HEADERS

__tracebackhide__ = True

_HEADER = "HTTP_"


class WerkzeugClient:
    """The attributes of an httpx client on a test client given as ``http=``.

    Args:
        client: a `werkzeug.test.Client`, such as ``flask_app.test_client()``.

    Attributes:
        client: see above.
        jar: the cookies of the client.
        base_url: the default URL of its requests.
        auth: always None: the client has no such setting.
    """

    auth = None

    def __init__(self, client: Any) -> None:
        self.client = client
        self.base_url = _base_url(client)
        host = urllib.parse.urlsplit(self.base_url).hostname or ""
        self.jar: http_cookiejar.CookieJar = http_cookiejar.CookieJar()
        if client._cookies is not None:  # test_client(use_cookies=False)
            self.jar = _WerkzeugJar(client, host)

    @property
    def cookies(self) -> WerkzeugClient:
        """An object with the jar as its attribute `jar`, like httpx's Cookies."""
        return self

    @property
    def headers(self) -> httpx.Headers:
        """The headers in the client's ``environ_base``, over this library's defaults."""
        headers = httpx.Headers(DEFAULT_HEADERS)
        for name, value in getattr(self.client, "environ_base", {}).items():
            if name.startswith(_HEADER):
                headers[name.removeprefix(_HEADER).replace("_", "-").lower()] = str(value)
        return headers


def is_werkzeug_client(http: Any) -> bool:
    """Return whether `http` is a test client of Werkzeug or of Flask."""
    werkzeug = sys.modules.get("werkzeug.test")
    return werkzeug is not None and isinstance(http, werkzeug.Client)


def _base_url(client: Any) -> str:
    """Return scheme and host of the client's requests, without the app's root path."""
    flask = sys.modules.get("flask.testing")
    if flask is not None and isinstance(client, flask.FlaskClient):
        url = urllib.parse.urlsplit(flask.EnvironBuilder(client.application).base_url)
        return f"{url.scheme}://{url.netloc}"
    return "http://localhost"


class _WerkzeugJar(http_cookiejar.CookieJar):
    """A cookie jar with the cookies of Werkzeug's client.

    Args:
        client: the client with the cookies.
        host: the host of cookies without a domain.
    """

    def __init__(self, client: Any, host: str) -> None:
        # A cookie without a domain is for its host only, as in Werkzeug.
        strict = http_cookiejar.DefaultCookiePolicy.DomainStrictNonDomain
        super().__init__(http_cookiejar.DefaultCookiePolicy(strict_ns_domain=strict))
        self._client = client
        self._host = host

    def add_cookie_header(self, request: urllib.request.Request) -> None:
        """Add the Cookie header that fits the request."""
        self._read()
        super().add_cookie_header(request)

    def extract_cookies(self, response: Any, request: urllib.request.Request) -> None:
        """Store the cookies that a response sets."""
        url = urllib.parse.urlsplit(request.get_full_url())
        values = response.info().get_all("Set-Cookie", [])
        self._write(url.hostname or self._host, url.path or "/", values)

    def set_cookie(self, cookie: http_cookiejar.Cookie) -> None:
        """Add a cookie, or replace the one of that name, domain and path."""
        value = f"{cookie.name}={cookie.value or ''}; Path={cookie.path}"
        if cookie.domain_initial_dot:
            value += f"; Domain={cookie.domain.removeprefix('.')}"
        self._write(_werkzeug_domain(cookie.domain) or self._host, "/", [value])

    def clear(
        self, domain: str | None = None, path: str | None = None, name: str | None = None
    ) -> None:
        """Remove all cookies, or those of a domain, of a path or of a name.

        Raises:
            KeyError: there is no such cookie.
        """
        wanted = (_werkzeug_domain(domain), path, name)
        keys = [
            key
            for key in self._client._cookies
            if all(part is None or part == has for part, has in zip(wanted, key, strict=True))
        ]
        if not keys and domain is not None:
            raise KeyError(name or domain)
        for key in keys:
            del self._client._cookies[key]

    def __iter__(self) -> Iterator[http_cookiejar.Cookie]:
        self._read()
        return super().__iter__()

    def __len__(self) -> int:
        return len(self._client._cookies)

    def _write(self, host: str, path: str, values: Sequence[str]) -> None:
        self._client._update_cookies_from_response(host, path, values)

    def _read(self) -> None:
        super().clear()
        for cookie in self._client._cookies.values():
            super().set_cookie(_cookie(cookie))


def _werkzeug_domain(domain: str | None) -> str | None:
    return None if domain is None else domain.removeprefix(".").removesuffix(_LOCAL)


_LOCAL = ".local"  # the suffix that http.cookiejar adds to a host without a dot


def _cookie(cookie: Any) -> http_cookiejar.Cookie:
    """Return a cookie of Werkzeug as one of the standard library."""
    domain = cookie.domain if "." in cookie.domain else cookie.domain + _LOCAL
    return http_cookiejar.Cookie(
        version=0,
        name=cookie.key,
        value=cookie.value,
        port=None,
        port_specified=False,
        domain=domain if cookie.origin_only else f".{domain}",
        domain_specified=not cookie.origin_only,
        domain_initial_dot=not cookie.origin_only,
        path=cookie.path,
        path_specified=True,
        # Werkzeug's client also sends such a cookie over plain HTTP, and lets no cookie expire.
        secure=False,
        expires=None,
        discard=True,
        comment=None,
        comment_url=None,
        rest={},
    )
