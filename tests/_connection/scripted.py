"""Servers whose every packet a test writes, over a websocket and over long-polling."""

import asyncio
import json

from asgi_sio_testclient import TestClient

SOON = 10.0  # seconds, the bound of waits that end at once
NEVER = 0.05  # seconds, for waits that end by their timeout


OPEN = "0" + json.dumps(
    {"sid": "abc", "upgrades": ["websocket"], "pingInterval": 25000, "pingTimeout": 20000}
)


class Wire:
    """The server's side of one websocket."""

    def __init__(self, receive, send):
        self._receive, self._send = receive, send

    async def accept(self):
        assert (await self._receive())["type"] == "websocket.connect"
        await self._send({"type": "websocket.accept"})

    async def send(self, *frames):
        for frame in frames:
            key = "text" if isinstance(frame, str) else "bytes"
            await self._send({"type": "websocket.send", key: frame})

    async def receive(self):
        """Return the next frame, or None at the end."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message.get("text", message.get("bytes"))

    async def close(self, **fields):
        await self._send({"type": "websocket.close", **fields})

    async def open(self, *namespaces):
        """Accept, send OPEN, and answer the CONNECT of each namespace."""
        await self.accept()
        await self.send(OPEN)
        for namespace in namespaces:
            prefix = "" if namespace == "/" else f"{namespace},"
            assert await self.receive() == f"40{prefix}"
            await self.send(f'40{prefix}{{"sid":"{namespace}"}}')

    async def until_the_end(self):
        frames = []
        while (frame := await self.receive()) is not None:
            frames.append(frame)
        return frames


def over_websocket(script):
    """Return an app that runs `script` with each websocket."""

    async def app(scope, receive, send):
        assert scope["type"] == "websocket"
        await script(Wire(receive, send))

    return app


class Polled:
    """The server's side of Engine.IO over long-polling, with the test's answers to each GET.

    Args:
        websocket: handles the upgrade; if it is None, the upgrade is refused.
    """

    def __init__(self, *answers, websocket=None):
        self.answers = asyncio.Queue()
        for answer in answers:
            self.answers.put_nowait(answer)
        self.posted = asyncio.Queue()
        self.post_status = 200
        self._websocket = websocket

    async def __call__(self, scope, receive, send):
        if scope["type"] == "websocket":
            await (self._websocket or Wire.close)(Wire(receive, send))
        elif scope["method"] == "POST":
            for frame in (await receive())["body"].decode().split("\x1e"):
                self.posted.put_nowait(frame)
            await respond(send, b"OK", self.post_status)
        else:
            await receive()
            answer = await self.answers.get()
            if callable(answer):
                await answer(send)
            else:
                await respond(send, answer.encode())


async def respond(send, body, status=200, headers=()):
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def soon(awaitable):
    return await asyncio.wait_for(awaitable, SOON)


def client_of(app, *transports, **options):
    options = {"lifespan": False, "timeout": SOON, **options}
    return TestClient(app, transports=transports or ("websocket",), **options)
