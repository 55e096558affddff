"""Forwards one websocket scope over aiohttp."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import WSMessage, WSMsgType
from yarl import URL

from asgi_sio_testclient.asgi._elsewhere import RemoteFailure
from asgi_sio_testclient.remote._failures import FAILURES, Stage, failure, where
from asgi_sio_testclient.remote._pool import Pool, Refused, WebSocket, stage_of_this_task
from asgi_sio_testclient.remote._requests import (
    Disconnect,
    Receive,
    Requests,
    Send,
    response_headers,
)

__all__ = ["forward_websocket"]

__tracebackhide__ = True

NO_STATUS_RECEIVED = 1005
# Messages of this size or more are compressed, as in the ws package of Node.js.
COMPRESS_FROM = 1024  # characters or bytes


async def forward_websocket(
    pool: Pool, requests: Requests, scope: Any, receive: Receive, send: Send
) -> None:
    """Open one websocket and forward messages both ways, until one side closes.

    Raises:
        RemoteFailure: the websocket can't be opened, or the connection was lost.
    """
    await _WebSocketForward(pool, requests, scope, receive, send).run()


class _WebSocketForward:
    def __init__(
        self, pool: Pool, requests: Requests, scope: Any, receive: Receive, send: Send
    ) -> None:
        self._pool = pool
        self._requests = requests
        self._scope = scope
        self._receive = receive
        self._send = send
        self._url = URL(requests.url(scope), encoded=True)
        self._disconnect = Disconnect()
        self._opened: asyncio.Future[WebSocket] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        await self._receive()  # websocket.connect
        from_client = asyncio.create_task(self._from_client())
        websocket = None
        try:
            websocket = await self._open()
            self._disconnect.cancels = False
            await self._accept(websocket)
            await self._from_server(websocket)
        except Refused as refused:
            self._disconnect.cancels = False
            await self._refuse(refused)
        except asyncio.CancelledError:
            if self._disconnect.is_cause():
                return
            raise
        finally:
            self._disconnect.cancels = False
            self._opened.cancel()
            if not self._disconnect.has_come:
                from_client.cancel()
            await asyncio.wait((from_client,))
            if websocket is not None:
                websocket.release()

    async def _open(self) -> WebSocket:
        limit = self._requests.limit(self._scope)
        stage = Stage()
        stage_of_this_task.set(stage)
        try:
            async with asyncio.timeout(limit):
                return await self._pool.websocket(
                    self._url,
                    self._requests.headers(self._scope),
                    self._scope["subprotocols"],
                    close_timeout=limit,
                )
        except FAILURES as exc:
            raise failure(exc, self._url, stage, limit) from exc

    async def _accept(self, websocket: WebSocket) -> None:
        await self._send(
            {
                "type": "websocket.accept",
                "subprotocol": websocket.protocol,
                "headers": response_headers(websocket.raw_headers),
            }
        )
        self._opened.set_result(websocket)

    async def _refuse(self, refused: Refused) -> None:
        response = refused.response
        await self._send(
            {
                "type": "websocket.http.response.start",
                "status": response.status,
                "headers": response_headers(response.raw_headers),
            }
        )
        await self._send({"type": "websocket.http.response.body", "body": refused.body})

    async def _from_server(self, websocket: WebSocket) -> None:
        """Forward the server's messages to the client until the server closes."""
        receive, send = websocket.receive, self._send
        while True:
            message = await receive()
            if message.type is WSMsgType.TEXT:
                await send({"type": "websocket.send", "text": message.data})
            elif message.type is WSMsgType.BINARY:
                await send({"type": "websocket.send", "bytes": message.data})
            else:
                break
        if not self._disconnect.has_come:
            await self._closed(websocket, message)

    async def _closed(self, websocket: WebSocket, message: WSMessage) -> None:
        """Process the end of the websocket by the server: pass on its close frame.

        Raises:
            RemoteFailure: the server sent no close frame, or broke the protocol.
        """
        at = where(self._url)
        if message.type is WSMsgType.ERROR:
            raise RemoteFailure(f"no valid websocket frame: {at} sent one: {message.data}")
        if message.type is not WSMsgType.CLOSE:
            raise RemoteFailure(f"connection lost: {at} ended it without a close frame")
        code = message.data or NO_STATUS_RECEIVED
        await self._send({"type": "websocket.close", "code": code, "reason": message.extra or ""})

    async def _from_client(self) -> None:
        """Forward the client's messages to the server until the client disconnects."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._disconnect.arrived()
        websocket = await self._opened
        receive, compress = self._receive, websocket.compress
        try:
            while message["type"] != "websocket.disconnect":
                data = message.get("text")
                if data is not None:
                    await websocket.send_str(data, compress if len(data) >= COMPRESS_FROM else 0)
                else:
                    data = message["bytes"]
                    await websocket.send_bytes(data, compress if len(data) >= COMPRESS_FROM else 0)
                message = await receive()
        except ConnectionError:
            return  # the other direction raises the cause
        self._disconnect.arrived()
        if "reason" not in message and message["code"] == NO_STATUS_RECEIVED:
            websocket.release()  # without a close frame, like a lost network
        else:
            reason = message.get("reason", "").encode()
            await websocket.close(code=message["code"], message=reason)
