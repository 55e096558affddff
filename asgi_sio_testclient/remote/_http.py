"""Forwards one http scope over aiohttp."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import aiohttp
from yarl import URL

from asgi_sio_testclient.remote._failures import FAILURES, Stage, failure
from asgi_sio_testclient.remote._pool import Pool, stage_of_this_task
from asgi_sio_testclient.remote._requests import (
    Disconnect,
    Receive,
    Requests,
    Send,
    response_headers,
)

__all__ = ["forward_http"]

__tracebackhide__ = True

LARGE_BODY = 1 << 20  # bytes, from which aiohttp wants a file instead


async def forward_http(
    pool: Pool, requests: Requests, scope: Any, receive: Receive, send: Send
) -> None:
    """Make one request. Cancelled where the client leaves before the response is whole.

    Raises:
        RemoteFailure: there is no response.
    """
    body = await _body(receive)
    if body is None:
        return
    disconnect = Disconnect()
    watcher = asyncio.create_task(_until_disconnect(receive, disconnect))
    try:
        response, content = await _exchange(pool, requests, scope, body)
        disconnect.cancels = False
    except asyncio.CancelledError:
        if disconnect.is_cause():
            return
        raise
    else:
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": response_headers(response.raw_headers),
            }
        )
        await send({"type": "http.response.body", "body": content})
    finally:
        disconnect.cancels = False
        watcher.cancel()
        await asyncio.wait((watcher,))


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; None where the client left before it was whole."""
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


async def _exchange(
    pool: Pool, requests: Requests, scope: Any, body: bytes
) -> tuple[aiohttp.ClientResponse, bytes]:
    url = URL(requests.url(scope), encoded=True)
    is_handshake = requests.is_handshake(scope)
    session = pool.handshakes if is_handshake else pool.requests
    limit = requests.limit(scope)
    stage = Stage()
    if is_handshake:
        stage_of_this_task.set(stage)
    data = io.BytesIO(body) if len(body) > LARGE_BODY else body or None
    try:
        async with (
            asyncio.timeout(limit if is_handshake else None),
            session.request(
                scope["method"],
                url,
                headers=requests.headers(scope),
                data=data,
                allow_redirects=False,
            ) as response,
        ):
            return response, await response.read()
    except FAILURES as exc:
        raise failure(exc, url, stage if is_handshake else None, limit) from exc
