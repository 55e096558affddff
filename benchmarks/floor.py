"""The floor: what the app itself costs. Hands it ready-made strings, waits for the raw answer.

Nothing is encoded, decoded, checked, recorded or timed out. Whatever a client does on top of this
is the client's cost; whatever happens in here is python-socketio's. It is kept as lean as a driver
can be that is still one: `receive()` parks on a future when it has nothing, and `send()` resolves
the future of whoever waits. (An `asyncio.Queue` in `receive()` is the more usual way; it is there
as `QueueFloor`, so that the page can say how much of a ratio depends on that choice.)
"""

import asyncio
from collections import deque

from benchmarks import wire


class WebSocketFloor:
    """One bare websocket connection to `app`."""

    __slots__ = ("_answer", "_app", "_inbox", "_loop", "_parked", "_task", "_wanted")

    def __init__(self, app) -> None:
        self._app = app
        self._inbox = deque()
        self._parked = None
        self._answer = None
        self._wanted = 0

    async def connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(
            self._app(wire.websocket_scope(), self._receive, self._send)
        )
        await self._exchange({"type": "websocket.connect"})
        await self._exchange(wire.text(wire.CONNECT))

    async def call(self) -> str:
        return await self._exchange(wire.text(wire.CALL))

    async def emit_and_event(self) -> str:
        return await self._exchange(wire.text(wire.ASK))

    def expect(self) -> asyncio.Future:
        """The future of the next message, for whoever makes others speak."""
        self._answer = answer = self._loop.create_future()
        return answer

    def push(self, message) -> None:
        parked = self._parked
        if parked is None or parked.done():
            self._inbox.append(message)
        else:
            parked.set_result(message)

    async def close(self) -> None:
        """Gone without a goodbye: the least that ends the app's side."""
        self.push({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await self._task

    async def close_politely(self) -> None:
        """With the Socket.IO goodbye first, as a real client."""
        self.push(wire.text(wire.DISCONNECT))
        await self.close()

    def _exchange(self, message) -> asyncio.Future:
        answer = self.expect()
        self.push(message)
        return answer

    async def _receive(self):
        if self._inbox:
            return self._inbox.popleft()
        self._parked = parked = self._loop.create_future()
        message = await parked
        self._parked = None
        return message

    async def _send(self, message) -> None:
        if message["type"] == "websocket.send":
            answer = self._answer
            if answer is not None and not answer.done():
                answer.set_result(message["text"])


class QueueFloor(WebSocketFloor):
    """The same with an `asyncio.Queue` for what goes to the app."""

    __slots__ = ("_queue",)

    def __init__(self, app) -> None:
        super().__init__(app)
        self._queue = asyncio.Queue()

    def push(self, message) -> None:
        self._queue.put_nowait(message)

    async def _receive(self):
        return await self._queue.get()


class PollingFloor:
    """One bare polling session: every request is awaited where it is made, none in a task."""

    __slots__ = ("_app", "_chunks", "_message", "_scopes")

    def __init__(self, app) -> None:
        self._app = app

    async def connect(self) -> None:
        opening = await self._request(wire.http_scope("GET"), wire.body(""))
        sid = wire.sid_of(opening.decode())
        self._scopes = {
            packet: wire.post_scope(sid, packet)
            for packet in (wire.CONNECT, wire.CALL, wire.ASK, wire.CLOSE)
        }
        self._scopes["GET"] = wire.http_scope("GET", sid)
        await self._exchange(wire.CONNECT)

    async def call(self) -> bytes:
        return await self._exchange(wire.CALL)

    async def emit_and_event(self) -> bytes:
        return await self._exchange(wire.ASK)

    async def close(self) -> None:
        await self._request(self._scopes[wire.CLOSE], wire.body(wire.CLOSE))

    async def _exchange(self, packet: str) -> bytes:
        await self._request(self._scopes[packet], wire.body(packet))
        return await self._request(self._scopes["GET"], wire.body(""))

    async def _request(self, scope, message) -> bytes:
        self._message = message
        await self._app(scope, self._receive, self._send)
        return self._chunks

    async def _receive(self):
        return self._message

    async def _send(self, message) -> None:
        if message["type"] == "http.response.body":
            self._chunks = message["body"]
