"""The `http` of the sync client: an httpx transport through the portal."""

from __future__ import annotations

from typing import Any

import httpx

from asgi_sio_testclient._sync.portal import _Loop

__tracebackhide__ = True


class _PortalTransport(httpx.BaseTransport):
    """Passes the requests of a sync client to an async client, which calls the app."""

    def __init__(self, loop: _Loop, http: Any) -> None:
        self._loop = loop
        self._http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # The async client reads the body again, which needs a complete body.
        request.read()
        return self._loop.run(self._send, request)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        auth = {"auth": None} if "authorization" in request.headers else {}
        response = await self._http.send(
            self._converted(request), stream=True, follow_redirects=False, **auth
        )
        try:
            body = b"".join([chunk async for chunk in response.aiter_raw()])
        finally:
            await response.aclose()
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body)
        )

    def _converted(self, request: httpx.Request) -> Any:
        """Convert a request for the async client: httpx2's transports need httpx2's requests."""
        if isinstance(self._http, httpx.AsyncClient):
            return request
        return self._http.build_request(
            request.method,
            str(request.url),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )


def _is_plain_sync_client(http: Any) -> bool:
    """Return whether a client is httpx's sync client or a similar one: not async, without an event
    loop, and not Werkzeug's.
    """
    return hasattr(http, "send") and not hasattr(http, "aclose") and not hasattr(http, "portal")
