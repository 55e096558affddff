"""Forwards one http scope over aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

from yarl import URL

from asgi_sio_testclient.remote._exchange import RawResponse, exchange
from asgi_sio_testclient.remote._failures import FAILURES, Stage, failure
from asgi_sio_testclient.remote._pool import Pool
from asgi_sio_testclient.remote._requests import (
    Disconnect,
    Receive,
    Requests,
    Send,
    extension_of,
    response_headers,
)

__all__ = ["forward_http"]

__tracebackhide__ = True


async def forward_http(
    pool: Pool, requests: Requests, scope: Any, receive: Receive, send: Send
) -> None:
    """Send the request of an http scope, and pass on the response. If the client disconnects before
    the response is complete, the request is cancelled.

    Raises:
        RemoteFailure: the server sent no response.
    """
    body = await _body(receive)
    if body is None:
        return
    response: RawResponse | None
    if extension_of(scope).get("cancels"):
        response = await _exchange(pool, requests, scope, body)
    else:
        response = await _unless_disconnected(pool, requests, scope, receive, body)
    if response is not None:
        status, headers, content = response
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": response_headers(headers),
            }
        )
        await send({"type": "http.response.body", "body": content})


async def _unless_disconnected(
    pool: Pool, requests: Requests, scope: Any, receive: Receive, body: bytes
) -> RawResponse | None:
    """Return the response; None if the client disconnected before the response was complete."""
    disconnect = Disconnect()
    watcher = asyncio.create_task(_until_disconnect(receive, disconnect))
    try:
        return await _exchange(pool, requests, scope, body)
    except asyncio.CancelledError:
        if disconnect.is_cause():
            return None
        raise
    finally:
        disconnect.cancels = False
        watcher.cancel()
        await asyncio.wait((watcher,))


async def _body(receive: Receive) -> bytes | None:
    """Return the body of a request; None if the client disconnected before the body was
    complete.
    """
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _until_disconnect(receive: Receive, disconnect: Disconnect) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    disconnect.arrived()


async def _exchange(pool: Pool, requests: Requests, scope: Any, body: bytes) -> RawResponse:
    origin = pool.origin(requests.origin(scope))
    head = requests.head(scope, origin.headers["Host"], len(body))
    limit = requests.limit(scope)
    stage = Stage()
    is_handshake = "handshake_timeout" in extension_of(scope)
    answer = exchange(pool.connector, origin, pool.connecting, head, body, stage)
    try:
        if not is_handshake:
            return await answer
        async with asyncio.timeout(limit):
            return await answer
    except FAILURES as exc:
        url = URL(requests.url(scope), encoded=True)
        raise failure(exc, url, stage if is_handshake else None, limit) from exc
