"""From an ASGI scope to what is requested of a server elsewhere. Knows no I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from asgi_sio_testclient.asgi._elsewhere import EXTENSION
from asgi_sio_testclient.remote._target import PORTS, Target

__all__ = ["Disconnect", "Receive", "Requests", "Send", "response_headers"]

__tracebackhide__ = True

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

DEFAULT_TIMEOUT = 5.0  # seconds: that of a client
SHARE = 0.8  # of the client's timeout, so that the cause comes before the client's own error

# What belongs to one connection, and is set for the next one by aiohttp.
_OF_THE_CONNECTION = {
    b"connection", b"keep-alive", b"sec-websocket-accept", b"sec-websocket-extensions",
    b"sec-websocket-key", b"sec-websocket-protocol", b"sec-websocket-version", b"te",
    b"transfer-encoding", b"upgrade",
}  # fmt: skip
_SET_ANEW = {*_OF_THE_CONNECTION, b"content-length"}


class Requests:
    """How scopes become requests to one server.

    Args:
        target: the server.
        connect_timeout: seconds; None: a share of the client's timeout.
        headers: of every request, over those of the scope.
    """

    def __init__(
        self, target: Target, connect_timeout: float | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        self.target = target
        self._connect_timeout = connect_timeout
        self._headers = list(headers)
        self._overridden = {name.lower().encode() for name, _ in headers}

    def url(self, scope: Any) -> str:
        """The URL of a scope's request, percent-encoded."""
        origin = self.target.origin
        if _told(scope).get("other_origin"):
            # A redirection led the client's http client to another server.
            host, port = scope["server"]
            host = f"[{host}]" if ":" in host else host
            origin = f"{scope['scheme']}://{host}:{port}"
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        return f"{origin}{path}?{query}" if query else f"{origin}{path}"

    def headers(self, scope: Any) -> list[tuple[str, str]]:
        """The headers of a scope's request. The host's name is the server's own, unless the scope's
        header differs from the host of the scope.
        """
        dropped = _SET_ANEW | self._overridden
        headers = [
            (name.decode("latin-1"), _text(value))
            for name, value in scope["headers"]
            if name not in dropped and not (name == b"host" and _is_own_host(value, scope))
        ]
        return headers + self._headers

    def limit(self, scope: Any) -> float:
        """Seconds that a connection, or the answer to a handshake, may take."""
        if self._connect_timeout is not None:
            return self._connect_timeout
        return SHARE * float(_told(scope).get("handshake_timeout", DEFAULT_TIMEOUT))

    def is_handshake(self, scope: Any) -> bool:
        """Whether the client said that the response to this request is bounded by its timeout."""
        return "handshake_timeout" in _told(scope)


def response_headers(
    raw: Iterable[tuple[bytes, bytes]],
) -> list[tuple[bytes, bytes]]:
    """The headers of a response, without those of its connection."""
    headers = [(name.lower(), value) for name, value in raw]
    return [header for header in headers if header[0] not in _OF_THE_CONNECTION]


class Disconnect:
    """The end that the client makes of a scope: it cancels the task that forwards the scope, while
    that waits for the server's response.

    Attributes:
        came: the client has left.
        cancels: whether it cancels.
    """

    def __init__(self) -> None:
        self.came = False
        self.cancels = True
        self._cancelled = False
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())

    def arrived(self) -> None:
        """The client has left."""
        self.came = True
        if self.cancels:
            self.cancels, self._cancelled = False, True
            self._task.cancel()

    def is_cause(self) -> bool:
        """Whether a CancelledError, just caught, comes of it alone."""
        return self._cancelled and not self._task.uncancel()


def _told(scope: Any) -> Any:
    """What a `TestClient` says about a request of its own."""
    return scope.get("extensions", {}).get(EXTENSION, {})


def _is_own_host(value: bytes, scope: Any) -> bool:
    server = scope.get("server")
    if server is None:
        return True
    host, _, port = value.decode("latin-1").rpartition(":")
    if not host or not port.isdecimal():
        host, port = value.decode("latin-1"), str(PORTS.get(scope["scheme"], server[1]))
    return host.strip("[]").lower() == server[0].lower() and port == str(server[1])


def _text(value: bytes) -> str:
    """A header's value as aiohttp takes it, which sends UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
