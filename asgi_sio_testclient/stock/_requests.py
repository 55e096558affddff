"""aiohttp's arguments in plain terms: bodies, headers, redirects, timeouts. Knows no app."""

from __future__ import annotations

import asyncio
import base64
import json as json_module
import os
from collections.abc import Coroutine, Generator, Iterable, Mapping
from http.cookies import SimpleCookie
from types import TracebackType
from typing import Any, Generic, TypeVar

import aiohttp
import httpx
from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict
from yarl import URL

from asgi_sio_testclient._http.requests import decoded_body
from asgi_sio_testclient.asgi import Response

__all__ = [
    "AUTOMATIC_HEADERS",
    "DEFAULT_PORTS",
    "UNSET",
    "Pending",
    "Timeout",
    "body_of",
    "check_known",
    "encoded",
    "host_of",
    "http_url",
    "merge_cookies",
    "redirected",
    "websocket_headers",
]

UNSET: Any = object()
DEFAULT_TIMEOUT = aiohttp.ClientTimeout(total=300)  # aiohttp's own
DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
AUTOMATIC_HEADERS = {
    "Accept": "*/*",
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": aiohttp.http.SERVER_SOFTWARE,
}
WITH_BODY = frozenset({"PATCH", "POST", "PUT"})
OCTETS = "application/octet-stream"
SEE_OTHER = 303
MOVED = frozenset({301, 302})
# Arguments of aiohttp's that concern the network, and nothing in memory.
OF_THE_NETWORK = frozenset(
    {
        "chunked", "compress", "expect100", "fingerprint", "max_field_size", "max_line_size",
        "proxy", "proxy_auth", "proxy_headers", "read_bufsize", "read_until_eof",
        "server_hostname", "ssl", "ssl_context", "trace_request_ctx", "verify_ssl",
    }
)  # fmt: skip

Result = TypeVar("Result")


def check_known(options: Mapping[str, Any]) -> None:
    """Raises:
    TypeError: an argument that aiohttp doesn't know, or that can't be meant for an app in memory.
    """
    unknown = sorted(set(options) - OF_THE_NETWORK)
    if unknown:
        raise TypeError(f"unexpected {', '.join(unknown)}; see ASGIClientSession for what is taken")


async def encoded(method: str, data: Any, json: Any) -> tuple[bytes | None, str]:
    """The body and its default content type, as aiohttp makes them: of text, bytes, files, forms.

    Raises:
        ValueError: both `data` and `json` are given.
    """
    if data is not None and json is not None:
        raise ValueError("data and json parameters can not be used at the same time")
    if json is not None:
        return json_module.dumps(json).encode(), "application/json"
    if data is None:
        return (b"", OCTETS) if method in WITH_BODY else (None, "")
    if isinstance(data, aiohttp.FormData):
        data = data()
    try:
        body = payload.PAYLOAD_REGISTRY.get(data, disposition=None)
    except payload.LookupError:
        body = aiohttp.FormData(data)()
    writer = _Collector()
    await body.write(writer)
    return bytes(writer.collected), body.content_type


class _Collector(AbstractStreamWriter):
    """Takes what aiohttp would write into a socket."""

    def __init__(self) -> None:
        self.collected = bytearray()

    async def write(self, chunk: Any) -> None:
        self.collected += chunk

    async def write_eof(self, chunk: bytes = b"") -> None: ...

    async def drain(self) -> None: ...

    def enable_compression(self, *args: Any, **kwargs: Any) -> None: ...

    def enable_chunking(self) -> None: ...

    async def write_headers(self, *args: Any, **kwargs: Any) -> None: ...


def body_of(response: Response, *, decompress: bool) -> bytes:
    """A response's body.

    Raises:
        aiohttp.ClientPayloadError: it isn't encoded as its header says.
    """
    if not decompress:
        return response.body
    try:
        return decoded_body(response)
    except httpx.DecodingError as exc:
        raise aiohttp.ClientPayloadError(f"400, message:\n  Can not decode content: {exc}") from exc


def redirected(method: str, status: int, body: bytes | None) -> tuple[str, bytes | None]:
    """The method and the body of the request that follows a redirect, as in aiohttp."""
    if (status == SEE_OTHER and method != "HEAD") or (status in MOVED and method == "POST"):
        return "GET", None
    return method, body


def websocket_headers(
    headers: Any, protocols: Iterable[str], origin: str | None
) -> CIMultiDict[str]:
    """What aiohttp's ws_connect() adds to the headers it is given."""
    real: CIMultiDict[str] = CIMultiDict(headers or {})
    real.setdefault("Upgrade", "websocket")
    real.setdefault("Connection", "Upgrade")
    real.setdefault("Sec-WebSocket-Version", "13")
    real["Sec-WebSocket-Key"] = base64.b64encode(os.urandom(16)).decode()
    if protocols:
        real["Sec-WebSocket-Protocol"] = ",".join(protocols)
    if origin is not None:
        real["Origin"] = origin
    return real


def merge_cookies(given: str, found: Mapping[str, Any], more: Mapping[str, str]) -> str:
    """A Cookie header out of one that was given, what the jar has, and what the request adds."""
    merged: SimpleCookie = SimpleCookie()
    merged.load(given)
    for name, morsel in found.items():
        # The value as the server wrote it: SimpleCookie's own way would quote it once more.
        dict.__setitem__(merged, name, morsel)
    for name, value in more.items():
        merged[name] = value
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in sorted(merged.items()))


def host_of(url: URL) -> str:
    """The Host header: with the port where it isn't the scheme's own."""
    host = url.raw_host or ""
    host = f"[{host}]" if ":" in host else host
    return host if url.port in {None, DEFAULT_PORTS[url.scheme]} else f"{host}:{url.port}"


def http_url(url: URL) -> URL:
    """The URL that a websocket's handshake is a request to: cookies belong to that."""
    return url.with_scheme({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme))


class Pending(Generic[Result]):
    """What aiohttp's calls give: awaited, or entered with ``async with``, it is the result."""

    def __init__(self, coroutine: Coroutine[Any, Any, Result]) -> None:
        self._coroutine = coroutine
        self._result: Any = None

    def __await__(self) -> Generator[Any, None, Result]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> Result:
        self._result = await self._coroutine
        return self._result  # type: ignore[no-any-return]

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._result.__aexit__(exc_type, exc, traceback)


class Timeout:
    """aiohttp's `ClientTimeout`: of a whole request, and of each wait for the app.

    Args:
        timeout: one of aiohttp's, or seconds; None or 0 for no limit.
    """

    def __init__(self, timeout: Any = UNSET) -> None:
        if timeout is UNSET:
            timeout = DEFAULT_TIMEOUT
        elif not isinstance(timeout, aiohttp.ClientTimeout):
            timeout = aiohttp.ClientTimeout(total=timeout)
        self._timeout: aiohttp.ClientTimeout = timeout

    def total(self) -> asyncio.Timeout:
        """Bounds all of it: TimeoutError."""
        return asyncio.timeout(self._timeout.total or None)

    async def read(self, answer: asyncio.Future[Result]) -> Result:
        """Wait for the app.

        Raises:
            aiohttp.SocketTimeoutError: it said nothing for as long as `sock_read`.
        """
        try:
            async with asyncio.timeout(self._timeout.sock_read or None):
                return await answer
        except TimeoutError:
            raise aiohttp.SocketTimeoutError("Timeout on reading data from socket") from None
