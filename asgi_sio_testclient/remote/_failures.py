"""Converts aiohttp's exceptions to one line that begins with the cause and names host and port."""

from __future__ import annotations

import errno
import os
import re
import ssl
from typing import cast

import aiohttp
from yarl import URL

from asgi_sio_testclient.asgi._elsewhere import RemoteFailure

__all__ = ["FAILURES", "Stage", "failure", "where"]

__tracebackhide__ = True

FAILURES = (aiohttp.ClientError, OSError, UnicodeError)
"""The exceptions of a request, a handshake or a lost connection. TimeoutError is an OSError;
UnicodeError is raised for a host name that DNS can't encode.
"""

_REFUSED = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError)
_NOT_CONNECTED = (*_REFUSED, aiohttp.ConnectionTimeoutError, UnicodeError)
_WITHOUT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
_SHOWN_CHARACTERS = 60


class Stage:
    """The progress of opening a connection.

    Attributes:
        connected: whether the TCP connection is open, with TLS if the scheme is https.
    """

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False


def where(url: URL) -> str:
    """Return host and port of a URL."""
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host
    return f"{host}:{url.port}"


def failure(exc: BaseException, url: URL, stage: Stage | None, limit: float) -> RemoteFailure:
    """Return the error for an exception of aiohttp.

    Args:
        exc: the exception of aiohttp.
        url: the URL of the request.
        stage: the progress of a handshake; None for a request in an open session.
        limit: the timeout of the connection, or of the answer to a handshake, in seconds.
    """
    connected = not isinstance(exc, _NOT_CONNECTED)
    return RemoteFailure(_words_for(exc, url, stage, limit), connected=connected)


def _words_for(exc: BaseException, url: URL, stage: Stage | None, limit: float) -> str:
    """Return the first line of the error for an exception of aiohttp."""
    at = where(url)
    if isinstance(exc, _REFUSED):
        return _not_connected(exc, url)
    if isinstance(exc.__cause__, ssl.SSLError):
        return _no_tls(at, exc.__cause__)  # the server refused at the end of the TLS handshake
    if isinstance(exc, UnicodeError):
        return f"no such host: {url.host!r} (port {url.port}): no valid host name"
    if isinstance(exc, TimeoutError):
        if stage is not None and stage.connected:
            return (
                f"no answer: {at} took the connection and sent no response within {limit:g} s; "
                f"is the path {url.path!r} right?"
            )
        return f"no connection: {at} did not take one within {limit:g} s"
    if isinstance(exc, aiohttp.WSServerHandshakeError):
        return f"no websocket: {at} answered with status {exc.status}: {exc.message}"
    if isinstance(exc, aiohttp.ClientResponseError):
        return f"no HTTP: {at} answered {_quoted(exc.message)}"
    if isinstance(exc, aiohttp.ClientPayloadError):
        return f"connection lost: {at} ended it in the middle of a response"
    if stage is not None:
        tls = " does it expect TLS (https), or" if url.scheme == "http" else ""
        return f"no answer: {at} ended the connection;{tls} is the path {url.path!r} wrong?"
    return f"connection lost: {at} ended it without a response"


def _not_connected(exc: aiohttp.ClientError, url: URL) -> str:
    """Return the first line for a connection that could not be opened."""
    at = where(url)
    if isinstance(exc, aiohttp.ClientConnectorDNSError):
        return f"no such host: {url.host!r} (port {url.port}): {_words(exc.os_error)}"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return (
            f"certificate refused: {at}: {_certificate(exc.certificate_error)} "
            "(verify= takes a CA file, an SSLContext or False)"
        )
    error = cast("aiohttp.ClientConnectorError", exc).os_error
    if isinstance(exc, aiohttp.ClientConnectorSSLError):
        return _no_tls(at, error)
    if error.errno == errno.ECONNREFUSED:
        return f"connection refused: nothing listens at {at}"
    if url.scheme == "https" and isinstance(error, ConnectionResetError):
        return f"TLS failed: {at} ended the handshake"
    return f"no connection: {at}: {_words(error)}"


def _no_tls(at: str, exc: BaseException) -> str:
    reason = getattr(exc, "reason", None) or str(exc)
    if any(word in reason for word in _WITHOUT_TLS):
        return f"no TLS: {at} answered without it; is the URL's scheme http?"
    return f"TLS failed: {at}: {reason.replace('_', ' ').lower()}"


def _certificate(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    return str(exc)


def _words(exc: OSError) -> str:
    """Return the message of the operating system, without the number and the address."""
    return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror or str(exc)


def _quoted(message: str) -> str:
    """Return the part of the answer that a message of the HTTP parser quotes."""
    quoted = re.search(r"""b(['"]).*\1""", message)
    text = message.splitlines()[0] if quoted is None else quoted.group()[1:]
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
