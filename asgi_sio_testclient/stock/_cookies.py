"""The cookie jar of an httpx client with the interface of aiohttp's jars, so that aiohttp's session
uses the cookies of a login with httpx.

The standard library's jar in the httpx client decides which cookies are sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.cookies import BaseCookie, Morsel
from typing import TYPE_CHECKING, Any

from yarl import URL

if TYPE_CHECKING:
    from asgi_sio_testclient._http.identity import HTTPContext

__all__ = ["HTTPXCookieJar"]

__tracebackhide__ = True

Cookies = Mapping[str, Any] | Iterable[tuple[str, Any]]


class HTTPXCookieJar:
    """The jar of an httpx client, with the methods of a jar that aiohttp's sessions and their users
    call.

    Args:
        http_context: has the httpx client.
    """

    def __init__(self, http_context: HTTPContext) -> None:
        self._http_context = http_context

    def __iter__(self) -> Iterator[Morsel[str]]:
        for cookie in self._http_context.jar:
            morsel = _morsel(cookie.name, cookie.value or "")
            morsel["domain"], morsel["path"] = cookie.domain, cookie.path
            yield morsel

    def __len__(self) -> int:
        return len(self._http_context.jar)

    def __bool__(self) -> bool:
        return True

    def filter_cookies(self, request_url: URL) -> BaseCookie[str]:
        """Return the cookies for a request to `request_url`."""
        found: BaseCookie[str] = BaseCookie()
        header = self._http_context.cookie_header(str(request_url)).decode("latin-1")
        for pair in filter(None, header.split("; ")):
            name, _, value = pair.partition("=")
            # BaseCookie.__setitem__ would quote the value once more.
            dict.__setitem__(found, name, _morsel(name, value))
        return found

    def update_cookies(self, cookies: Cookies, response_url: URL | None = None) -> None:
        """Add cookies, as set by `response_url`; without a URL they are sent with every request."""
        pairs = cookies.items() if isinstance(cookies, Mapping) else cookies
        for name, value in pairs:
            if response_url and isinstance(value, Morsel):
                self.update_cookies_from_headers([value.OutputString()], response_url)
            elif response_url:
                self.update_cookies_from_headers([f"{name}={value}"], response_url)
            else:
                text = value.value if isinstance(value, Morsel) else str(value)
                self._http_context.http.cookies.set(name, text)

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Add the cookies of the Set-Cookie headers of a response."""
        values = [header.encode("latin-1") for header in headers]
        self._http_context.store_cookies(str(response_url), values)

    def clear(self) -> None:
        """Remove all cookies."""
        self._http_context.jar.clear()


def _morsel(name: str, value: str) -> Morsel[str]:
    morsel: Morsel[str] = Morsel()
    morsel.set(name, value, value)
    return morsel
