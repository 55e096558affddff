"""Sends an HTTP request over a connection of aiohttp's connector.

aiohttp's session is not used: for each request it creates objects for the request, the response,
the URL, cookies and redirections, which takes most of the time of a call over long-polling. The
connector (DNS, TLS, the pool) and the parser of responses are aiohttp's.
"""

from __future__ import annotations

import math
from typing import Any

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

__all__ = ["RawResponse", "exchange"]

__tracebackhide__ = True

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""The methods of requests that may be sent again: RFC 9110, section 9.2.2."""

_REFUSED = (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)
_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
_FIRST_FINAL = 200
SWITCHING_PROTOCOLS = 101
WRITTEN_AT_ONCE = 65_536  # bytes; a smaller body is written together with the head

RawResponse = tuple[int, Any, bytes]
"""Status, pairs of headers, body."""


async def exchange(
    connector: aiohttp.BaseConnector,
    origin: aiohttp.ClientRequest,
    timeout: aiohttp.ClientTimeout,
    head: bytes,
    body: bytes,
    stage: Any,
) -> RawResponse:
    """Send a request, and return the whole response, without decoding or following redirections.

    An idempotent request is sent once more if the connection ends without a response: a server may
    close an idle connection at any time.

    Args:
        connector: the connector that opens connections.
        origin: a request object of aiohttp for the same server, for the connector.
        timeout: the timeout of connecting.
        head: request line and headers.
        body: the body of the request.
        stage: its `connected` is set once the connection is open.

    Raises:
        aiohttp.ClientError, OSError: the server sent no response.
    """
    method = head.partition(b" ")[0].decode()
    if method in IDEMPOTENT:
        try:
            return await _exchange_once(connector, origin, timeout, method, head, body, stage)
        except _REFUSED:
            raise
        except _LOST:
            pass
    return await _exchange_once(connector, origin, timeout, method, head, body, stage)


async def _exchange_once(
    connector: aiohttp.BaseConnector,
    origin: aiohttp.ClientRequest,
    timeout: aiohttp.ClientTimeout,
    method: str,
    head: bytes,
    body: bytes,
    stage: Any,
) -> RawResponse:
    """Send a request over one connection; see `exchange`."""
    try:
        connection = await connector.connect(origin, [], timeout)
    except TimeoutError as exc:
        raise aiohttp.ConnectionTimeoutError from exc
    stage.connected = True
    protocol: Any = connection.protocol
    try:
        protocol.set_response_params(
            skip_payload=method == "HEAD",
            read_until_eof=True,
            auto_decompress=False,
            timeout_ceil_threshold=math.inf,
        )
        transport = protocol.transport
        if len(body) <= WRITTEN_AT_ONCE:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        message, payload = await _response(protocol)
        content = payload.read_nowait() if payload.is_eof() else await payload.read()
    except BaseException:
        _abort(connection)
        raise
    if transport.get_write_buffer_size():
        _abort(connection)  # the server answered before the whole body was sent
    else:
        connection.release()
    return message.code, message.raw_headers, content


def _abort(connection: aiohttp.connector.Connection) -> None:
    """Abort a connection without writing its buffer, which the server may never read."""
    protocol: Any = connection.protocol
    protocol.abort()
    connection.close()


async def _response(protocol: Any) -> Any:
    """Return the first response that is not an interim response, and the reader of its body."""
    try:
        while True:
            message, payload = await protocol.read()
            if message.code >= _FIRST_FINAL or message.code == SWITCHING_PROTOCOLS:
                return message, payload
    except HttpProcessingError as exc:
        raise aiohttp.ClientResponseError(
            None,  # type: ignore[arg-type]
            (),
            status=exc.code,
            message=exc.message,
            headers=exc.headers,
        ) from exc
