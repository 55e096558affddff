"""`RemoteServer`: an ASGI app that forwards every scope to a remote server."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient.asgi._elsewhere import Elsewhere
from asgi_sio_testclient.remote._requests import Receive, Requests, Send
from asgi_sio_testclient.remote._target import parse_target

if TYPE_CHECKING:
    from asgi_sio_testclient.remote._pool import Pool

__all__ = ["RemoteServer"]

__tracebackhide__ = True


class RemoteServer(Elsewhere):
    """An ASGI app that forwards every http and websocket scope to a remote Socket.IO server, over
    aiohttp.

    All clients of one event loop share the connections, which are closed with the last client.

    Args:
        url: the URL of the server, such as "https://staging.example.com". ws:// means http://, and
            wss:// means https://. A `TestClient` uses user and password in the URL for Basic
            authentication.
        verify: the verification of TLS: True, False for none, the path of a CA file or directory,
            or an `ssl.SSLContext`.
        connect_timeout: the most seconds for a connection, and for the answer to a handshake; None
            for four fifths of the client's timeout.
        headers: headers of every request, which replace those of the client.

    Raises:
        ValueError: the URL has no scheme or no host; or the URL has a path: pass a namespace to
            `connect`, and a mount point to ``socketio_path``.
        TypeError: an argument has the wrong type.
        ImportError: aiohttp is not installed.

    Attributes:
        url: scheme, host and port of the server.
        address: host and port.
        base_url: the URL for a client's ``base_url``, with user and password if the URL had them.
    """

    def __init__(
        self,
        url: str,
        *,
        verify: bool | str | os.PathLike[str] | ssl.SSLContext = True,
        connect_timeout: float | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
    ) -> None:
        target = parse_target(url)
        if importlib.util.find_spec("aiohttp") is None:
            raise ImportError(
                "RemoteServer needs aiohttp: pip install 'asgi-sio-testclient[remote]'"
            )
        self.url = target.origin
        self.address = target.address
        self.base_url = target.url
        self._tls = _tls(verify)
        self._requests = Requests(target, _seconds(connect_timeout), _header_pairs(headers))
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Forward one scope.

        Raises:
            ConnectionError: the server can't be reached, or the connection was lost.
        """
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            pool = self._pools[loop] = self._new_pool()
        pool.users += 1
        try:
            if scope["type"] == "lifespan":
                await _until_shutdown(receive, send)
            else:
                await pool.forward[scope["type"]](pool, self._requests, scope, receive, send)
        finally:
            pool.users -= 1
            if not pool.users:
                del self._pools[loop]
                await pool.close()

    def _new_pool(self) -> Pool:
        from asgi_sio_testclient.remote import _forward  # noqa: PLC0415 (it imports aiohttp)

        return _forward.new_pool(self._tls, self._requests.limit({}))


async def _until_shutdown(receive: Receive, send: Send) -> None:
    kind = ""
    while kind != "lifespan.shutdown":
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})


def _tls(verify: Any) -> ssl.SSLContext | bool:
    if isinstance(verify, bool | ssl.SSLContext):
        return verify
    if not isinstance(verify, str | os.PathLike):
        raise TypeError(f"verify is {verify!r}; expected a bool, a path or an ssl.SSLContext")
    path = Path(verify)
    if not path.exists():
        raise ValueError(f"verify is {str(path)!r}: there is no such file or directory")
    where = {"capath": path} if path.is_dir() else {"cafile": path}
    try:
        return ssl.create_default_context(**where)  # type: ignore[arg-type]
    except ssl.SSLError as exc:
        raise ValueError(f"verify is {str(path)!r}: no certificate in it: {exc}") from exc


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"connect_timeout is {timeout!r}; expected seconds")
    if not timeout > 0:
        raise ValueError(f"connect_timeout is {timeout!r}; expected seconds, above 0")
    return timeout


def _header_pairs(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    try:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        valid = all(isinstance(text, str) for name, value in pairs for text in (name, value))
    except (TypeError, ValueError):
        valid = False
    if not valid:
        # Without the value, which may be a secret.
        raise TypeError(
            f"headers is of type {type(headers).__name__}; expected a mapping or pairs of str"
        )
    return pairs
