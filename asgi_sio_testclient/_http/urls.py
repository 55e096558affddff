"""Parses base URLs, paths and queries, and masks secrets in them."""

from __future__ import annotations

import functools
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from asgi_sio_testclient._protocol.names import DEFAULT_PORTS

if TYPE_CHECKING:
    pass

__tracebackhide__ = True


_SHOWN_IN_QUERIES = {"transport", "EIO", "sid"}
_MASK = "***"
SCHEMES = frozenset({"http", "https"})


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
        ValueError: `base_url` is no http or https URL with a host.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as exc:
        shown = _without_userinfo(base_url)
        # httpx quotes the part that it can't parse, which may be a part of the password.
        why = exc if shown == base_url else "it is no URL"
        raise ValueError(f"base_url is {shown!r}: {why}") from None
    scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
    if scheme not in SCHEMES or not url.host:
        shown = _without_userinfo(base_url)
        raise ValueError(f"base_url is {shown!r}; expected something like 'http://testserver'")
    port = url.port or DEFAULT_PORTS[scheme]
    path = url.raw_path.split(b"?")[0].decode("ascii").rstrip("/")
    return Origin(scheme, url.netloc.decode("ascii"), path, (url.host, port), url.userinfo)


@functools.lru_cache(maxsize=256)
def engineio_path(base: str, socketio_path: str) -> str:
    path = f"{base}/{socketio_path.strip('/')}".rstrip("/") + "/"
    return urllib.parse.quote(path, safe="/%:@!$&'()*+,;=-._~")


@functools.lru_cache(maxsize=256)
def url_of(origin: Origin, path: str) -> str:
    return f"{origin.scheme}://{origin.netloc}{path}"


def session_url(base_url: str, socketio_path: str) -> str:
    """Return the URL at which sessions are opened, without query, user name and password."""
    origin = parse_base_url(base_url)
    return url_of(origin, engineio_path(origin.path, socketio_path))


def query_prefix(query: Mapping[str, Any] | str | None) -> str:
    """Return the user's part of the query string, ending in "&"."""
    if query is None:
        return ""
    text = query.lstrip("?") if isinstance(query, str) else str(httpx.QueryParams(query))
    text = urllib.parse.quote(text, safe="/%:@!$&'()*+,;=-._~?[]|")
    return f"{text}&" if text else ""


def masked_url(url: str) -> str:
    """Return a URL with user and password and the values of its query masked."""
    base, mark, query = url.partition("?")
    return _without_userinfo(base) + mark + masked_query(query.partition("&t=")[0])


def masked_query(query: str) -> str:
    """Return a query string with its values masked, except those of Engine.IO."""
    return "&".join(map(_masked_pair, query.split("&")))


def _masked_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if not equals:
        # "?t0k3n": a part without "=" may be the secret.
        return _MASK if name else ""
    return f"{name}={_MASK}" if value and name not in _SHOWN_IN_QUERIES else pair


def _without_userinfo(base_url: str) -> str:
    return re.sub("//.*@", f"//{_MASK}@", base_url)
