"""Converts an ASGI scope to the request to a remote server. Does no I/O."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from asgi_sio_testclient._protocol.names import DEFAULT_PORTS
from asgi_sio_testclient.asgi._elsewhere import EXTENSION
from asgi_sio_testclient.remote._target import Target

__all__ = ["Disconnect", "Receive", "Requests", "Send", "extension_of", "response_headers"]

__tracebackhide__ = True

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
RawHeaders = Iterable[tuple[bytes, bytes]]

DEFAULT_TIMEOUT = 5.0  # seconds; the default of a client
KEPT_HEADERS = 128  # sets of headers in the cache
SHARE = 0.8  # of the client's timeout, so that the cause is raised before the client's timeout

# Headers of one connection; aiohttp sets them for the next connection.
_OF_THE_CONNECTION = {
    b"connection", b"keep-alive", b"sec-websocket-accept", b"sec-websocket-extensions",
    b"sec-websocket-key", b"sec-websocket-protocol", b"sec-websocket-version", b"te",
    b"transfer-encoding", b"upgrade",
}  # fmt: skip
_SET_ANEW = {*_OF_THE_CONNECTION, b"content-length"}
_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS", "TRACE")  # has no content-length, as a rule


class Requests:
    """Converts scopes to requests to one server.

    Args:
        target: the server.
        connect_timeout: seconds; None for four fifths of the client's timeout.
        headers: headers of every request, which replace those of the scope.
    """

    def __init__(
        self, target: Target, connect_timeout: float | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        self.target = target
        self._connect_timeout = connect_timeout
        self._own_headers = [(name.encode(), value.encode()) for name, value in headers]
        self._dropped = _SET_ANEW | {name.lower() for name, _ in self._own_headers}
        # Requests of one session have the same headers, but for the length of a body.
        self._lines_of = functools.lru_cache(KEPT_HEADERS)(self._made_lines)

    def url(self, scope: Any) -> str:
        """Return the URL of a scope's request, percent-encoded."""
        return self.origin(scope) + _path_and_query(scope).decode("latin-1")

    def origin(self, scope: Any) -> str:
        """Return scheme, host and port of the server for a scope's request."""
        if not extension_of(scope).get("other_origin"):
            return self.target.origin
        # The client's http client has followed a redirection to another server.
        host, port = scope["server"]
        host = f"[{host}]" if ":" in host else host
        return f"{scope['scheme']}://{host}:{port}"

    def head(self, scope: Any, host: str, size: int) -> bytes:
        """Return the request line and the headers of a scope's request, encoded.

        Args:
            scope: an http scope.
            host: the host header, unless the scope's headers have another host.
            size: the size of the body in bytes.

        Raises:
            ValueError: the path or a header has a line break.
        """
        method = scope["method"]
        line = b"%b %b HTTP/1.1" % (method.encode("ascii"), _path_and_query(scope))
        if b"\r" in line or b"\n" in line:
            raise ValueError(f"a line break in the path of a request: {scope['path']!r}")
        headers = tuple(scope["headers"])
        lines = self._lines_of(headers, scope.get("server"), scope["scheme"], host)
        if size or method not in _WITHOUT_BODY:
            return b"%b\r\n%bcontent-length: %d\r\n\r\n" % (line, lines, size)
        return b"%b\r\n%b\r\n" % (line, lines)

    def _made_lines(self, headers: RawHeaders, server: Any, scheme: str, host: str) -> bytes:
        kept = self._kept(headers, server, scheme)
        if b"host" not in [name for name, _ in kept]:
            kept.insert(0, (b"host", host.encode("ascii")))
        kept += self._own_headers
        lines = b"".join([b"%b: %b\r\n" % (name, _text(value).encode()) for name, value in kept])
        if not lines.count(b"\r") == lines.count(b"\n") == len(kept):
            raise ValueError("a line break in a header of a request")
        return lines

    def headers(self, scope: Any) -> list[tuple[str, str]]:
        """Return the headers of a scope's request. The host header is left out if it is the host of
        the scope: the remote server has another host.
        """
        kept = self._kept(scope["headers"], scope.get("server"), scope["scheme"])
        kept += self._own_headers
        return [(name.decode("latin-1"), _text(value)) for name, value in kept]

    def _kept(self, headers: RawHeaders, server: Any, scheme: str) -> list[tuple[bytes, bytes]]:
        """Return the headers of a scope that are sent to the server."""
        return [
            (name, value)
            for name, value in headers
            if name not in self._dropped
            and not (name == b"host" and _is_own_host(value, server, scheme))
        ]

    def limit(self, scope: Any) -> float:
        """Return the most seconds for a connection, or for the answer to a handshake."""
        if self._connect_timeout is not None:
            return self._connect_timeout
        return SHARE * float(extension_of(scope).get("handshake_timeout", DEFAULT_TIMEOUT))


def response_headers(raw: RawHeaders) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response, without the headers of its connection."""
    headers = [(name.lower(), value) for name, value in raw]
    return [header for header in headers if header[0] not in _OF_THE_CONNECTION]


class Disconnect:
    """The disconnect of a client. It cancels the task that forwards the scope, while the task waits
    for the server's response.

    Attributes:
        has_come: whether the client has disconnected.
        cancels: whether a disconnect cancels the task.
    """

    def __init__(self) -> None:
        self.has_come = False
        self.cancels = True
        self._cancelled = False
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())

    def arrived(self) -> None:
        """Note that the client has disconnected."""
        self.has_come = True
        if self.cancels:
            self.cancels, self._cancelled = False, True
            self._task.cancel()

    def is_cause(self) -> bool:
        """Return whether a caught CancelledError has no other cause than the disconnect."""
        return self._cancelled and not self._task.uncancel()


def extension_of(scope: Any) -> Any:
    """Return the ASGI extension with which a `TestClient` describes a request; {} without one."""
    return scope.get("extensions", {}).get(EXTENSION, {})


def _path_and_query(scope: Any) -> bytes:
    path, query = scope["raw_path"], scope["query_string"]
    return b"%b?%b" % (path, query) if query else bytes(path)


def _is_own_host(value: bytes, server: Any, scheme: str) -> bool:
    if server is None:
        return True
    host, _, port = value.decode("latin-1").rpartition(":")
    if not host or not port.isdecimal():
        host, port = value.decode("latin-1"), str(DEFAULT_PORTS.get(scheme, server[1]))
    return bool(host.strip("[]").lower() == server[0].lower() and port == str(server[1]))


def _text(value: bytes) -> str:
    """Return a header's value as text for aiohttp, which encodes headers as UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
