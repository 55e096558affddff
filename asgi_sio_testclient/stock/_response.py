"""An app's whole answer with the face of `aiohttp.ClientResponse`. Knows no I/O: there is nothing
left to be read.
"""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

if TYPE_CHECKING:
    from yarl import URL

    from asgi_sio_testclient.asgi import Response

__all__ = ["ASGIResponse"]

_JSON_TYPE = re.compile(r"^application/(?:[\w.+-]+?\+)?json$")  # aiohttp's own
_ERROR = 400


class ASGIResponse:
    """What an app answered.

    Args:
        response: as it came from the app.
        body: without the content encoding.
        request_info: what was asked.
        history: the redirects that led there.

    Attributes:
        status, reason, headers, cookies, method, url, real_url, history, request_info: as in
            `aiohttp.ClientResponse`.
    """

    # For aiohttp's websocket, which asks for it: there is no connection below.
    connection = None

    def __init__(
        self,
        response: Response,
        body: bytes,
        request_info: aiohttp.RequestInfo,
        history: tuple[Any, ...] = (),
    ) -> None:
        self.status = response.status
        self.reason = _reason(response.status)
        self.raw_headers = response.headers
        self.headers = headers_of(response)
        self.request_info = request_info
        self.method = request_info.method
        self.history = history
        self.closed = False
        self._body = body

    @property
    def url(self) -> URL:
        """What was asked for last, without the fragment."""
        return self.request_info.url

    @property
    def real_url(self) -> URL:
        """With the fragment."""
        return self.request_info.real_url

    @property
    def ok(self) -> bool:
        """Whether the status is no error."""
        return self.status < _ERROR

    @property
    def cookies(self) -> SimpleCookie:
        """What the response sets."""
        cookies = SimpleCookie()
        for header in self.headers.getall("Set-Cookie", ()):
            try:
                cookies.load(header)
            except CookieError:
                continue
        return cookies

    @property
    def content_type(self) -> str:
        """The media type; as RFC 2616 says, octets where the app gave none."""
        value = self.headers.get("Content-Type", "application/octet-stream")
        return value.partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The charset that the app gave."""
        parameters = self.headers.get("Content-Type", "").partition(";")[2]
        match = re.search(r'charset="?([^\s";]+)', parameters, re.IGNORECASE)
        return match[1] if match else None

    async def read(self) -> bytes:
        """The body."""
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """The body as text, by default in its own charset."""
        return self._body.decode(encoding or self.charset or "utf-8", errors)

    async def json(
        self,
        *,
        encoding: str | None = None,
        loads: Callable[[str], Any] = json_module.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """The body as JSON; None for an empty one.

        Raises:
            aiohttp.ContentTypeError: the response says that it is something else.
        """
        if content_type and not self._is(content_type):
            raise aiohttp.ContentTypeError(
                self.request_info,
                self.history,
                status=self.status,
                message=f"Attempt to decode JSON with unexpected mimetype: {self.content_type}",
                headers=self.headers,
            )
        text = (await self.text(encoding)).strip()
        return loads(text) if text else None

    def _is(self, content_type: str) -> bool:
        if content_type == "application/json":
            return _JSON_TYPE.match(self.content_type) is not None
        return content_type in self.content_type

    def raise_for_status(self) -> None:
        """Raises:
        aiohttp.ClientResponseError: the status is an error.
        """
        if not self.ok:
            raise aiohttp.ClientResponseError(
                self.request_info,
                self.history,
                status=self.status,
                message=self.reason,
                headers=self.headers,
            )

    def release(self) -> None:
        """Nothing has to be given back."""
        self.closed = True

    close = release

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<ASGIResponse({self.url}) [{self.status} {self.reason}]>"


def headers_of(response: Response) -> CIMultiDictProxy[str]:
    """A response's headers, in aiohttp's type."""
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    return CIMultiDictProxy(CIMultiDict(pairs))


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
