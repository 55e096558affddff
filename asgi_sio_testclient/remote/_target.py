"""Parses the URL of a remote server, and masks secrets in it. Does no I/O."""

from __future__ import annotations

import re
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient._error_texts import shown_url
from asgi_sio_testclient._protocol.names import DEFAULT_PORTS

__all__ = ["Target", "parse_target"]

__tracebackhide__ = True

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_DEFAULT_PATH = "/socket.io"


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a server.

    Attributes:
        url: scheme, host and port, for ``base_url`` of a `TestClient`, with user and password if
            the given URL had them.
        origin: the same without user and password.
        scheme: "http" or "https".
        netloc: the host, and the port if the given URL had one.
        host: the host, without the brackets of IPv6.
        port: the port; the default of the scheme if the given URL had none.
    """

    url: str = field(repr=False)
    origin: str
    scheme: str
    netloc: str
    host: str
    port: int

    @property
    def address(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(url: Any) -> Target:
    """Parse the URL of a server.

    Raises:
        ValueError: `url` is no http(s) or ws(s) URL with a host; or it has a path, a query or a
            fragment.
    """
    text = str(url).strip()
    match = _SCHEME.match(text)
    if match is None:
        raise ValueError(
            f"no scheme in the url {shown_url(text)!r}: expected something like "
            f"'http://{shown_url(text).lstrip('/') or 'localhost:8000'}'"
        )
    scheme = _SCHEMES.get(match.group(1).lower())
    if scheme is None:
        raise ValueError(f"no http(s) url: {shown_url(text)!r}; expected http, https, ws or wss")
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        # The reason may quote a part of the password.
        why = exc if shown_url(text) == text else "host and port can't be read"
        raise ValueError(f"no valid url: {shown_url(text)!r}: {why}") from None
    if not host:
        raise ValueError(f"no host in the url {shown_url(text)!r}")
    if parts.path.strip("/"):
        raise ValueError(_path_refused(shown_url(text), parts.path))
    if parts.query or parts.fragment:
        raise ValueError(
            f"a query in the url {shown_url(text)!r}: pass it to connect(query=...)"
            if parts.query
            else f"a fragment in the url {shown_url(text)!r}: a fragment is never sent"
        )
    userinfo, at, netloc = parts.netloc.rpartition("@")
    return Target(
        url=f"{scheme}://{userinfo}{at}{netloc}",
        origin=f"{scheme}://{netloc}",
        scheme=scheme,
        netloc=netloc,
        host=host,
        port=port or DEFAULT_PORTS[scheme],
    )


def _path_refused(shown: str, path: str) -> str:
    path = f"/{path.strip('/')}"
    if path == _DEFAULT_PATH:
        hint = "leave it out: '/socket.io' is the default of socketio_path"
    elif path.endswith(_DEFAULT_PATH):
        hint = f"pass socketio_path={path!r}"
    else:
        hint = (
            f"for a namespace call connect({path!r}), for a mounted server pass "
            f"socketio_path={path + _DEFAULT_PATH!r}"
        )
    return f"a path in the url {shown!r}: {hint}"
