"""The floor: a bare driver that passes constant strings to the app and waits for its messages.

The floor does not encode, decode, check or record packets, and has no timeouts. So its cost is the
server's own cost and what every client has to do, and the rest of a client's cost is the client's
own. The floor behaves as a real client, with as little code as possible:

- it sends the headers and the query of a real client, of which the server makes an environ;
- it sends a DISCONNECT packet before it closes, and ends the server's service task as
  `socketio.AsyncServer.shutdown` does: the next test would otherwise pay for that task;
- over polling it keeps a GET pending during its POSTs, with a task for each request.

`receive()` awaits a future if there is no message, and `send()` sets the result of the future of
the waiting client. `QueueFloor` uses an `asyncio.Queue` instead, which is more usual, so that the
page shows how much a ratio depends on that choice. `BareFloor` closes without a DISCONNECT packet,
and does not end the service task.
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
        """Return a future of the next message, for events that another client causes."""
        self._answer = answer = self._loop.create_future()
        return answer

    def push(self, message) -> None:
        parked = self._parked
        if parked is None or parked.done():
            self._inbox.append(message)
        else:
            parked.set_result(message)

    async def close(self) -> None:
        """Send a DISCONNECT packet, close the websocket and await the end of the app's call."""
        self.push(wire.text(wire.DISCONNECT))
        self.push({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await self._task

    async def close_last(self) -> None:
        """Close, and end the server's service task, which the next client starts again."""
        await self.close()
        await end_service_task(self._app)

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


class BareFloor(WebSocketFloor):
    """The same, closed without a DISCONNECT packet: the least that ends the app's call."""

    __slots__ = ()

    async def close(self) -> None:
        self.push({"type": "websocket.disconnect", "code": 1000, "reason": ""})
        await self._task

    close_last = close


class QueueFloor(WebSocketFloor):
    """The same with an `asyncio.Queue` for the messages to the app."""

    __slots__ = ("_queue",)

    def __init__(self, app) -> None:
        super().__init__(app)
        self._queue = asyncio.Queue()

    def push(self, message) -> None:
        self._queue.put_nowait(message)

    async def _receive(self):
        return await self._queue.get()


class PollingFloor:
    """One bare polling session: a GET is always pending, and every request has a task."""

    __slots__ = ("_app", "_get", "_loop", "_scopes")

    def __init__(self, app) -> None:
        self._app = app

    async def connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        opening = await self._request(wire.http_scope("GET"), wire.body(""))
        sid = wire.sid_of(opening.decode())
        self._scopes = {
            packet: wire.post_scope(sid, packet)
            for packet in (wire.CONNECT, wire.CALL, wire.ASK, wire.CLOSE)
        }
        self._scopes["GET"] = wire.http_scope("GET", sid)
        self._poll()
        await self._exchange(wire.CONNECT)

    async def call(self) -> bytes:
        return await self._exchange(wire.CALL)

    async def emit_and_event(self) -> bytes:
        return await self._exchange(wire.ASK)

    async def close(self) -> None:
        await self._request(self._scopes[wire.CLOSE], wire.body(wire.CLOSE))
        # The server would hold the pending GET for 45 s.
        self._get.cancel()
        await asyncio.wait([self._get])

    async def close_last(self) -> None:
        await self.close()
        await end_service_task(self._app)

    async def _exchange(self, packet: str) -> bytes:
        get = self._get
        await self._request(self._scopes[packet], wire.body(packet))
        answer = await get
        self._poll()
        return answer

    def _poll(self) -> None:
        self._get = self._request(self._scopes["GET"], wire.body(""))

    def _request(self, scope, message) -> asyncio.Task:
        return self._loop.create_task(_Request(message).run(self._app, scope))


class _Request:
    __slots__ = ("_body", "_message")

    def __init__(self, message) -> None:
        self._message = message

    async def run(self, app, scope) -> bytes:
        await app(scope, self._receive, self._send)
        return self._body

    async def _receive(self):
        return self._message

    async def _send(self, message) -> None:
        if message["type"] == "http.response.body":
            self._body = message["body"]


async def end_service_task(app) -> None:
    eio = app.engineio_server.eio
    eio.service_task_event.set()
    await eio.service_task_handle
    eio.start_service_task = True
