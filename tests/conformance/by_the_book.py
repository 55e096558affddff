"""A server that conforms in every case, which shows that every case can be passed."""

import asyncio
import base64
import json
import re
from urllib.parse import parse_qs

PING_INTERVAL, PING_TIMEOUT = 0.3, 0.2
PACKET = re.compile(r"(?P<kind>[0-6])(?P<data>.*)", re.DOTALL)
EVENT = re.compile(r"2(?:(?P<nsp>/[^,]*),)?(?P<id>\d+)?(?P<data>\[.*\])")
BINARY_EVENT = re.compile(r"5(?P<count>\d+)-(?P<id>\d+)?(?P<data>\[.*\])")
DISCONNECT = re.compile(r"1(/[^,]*)?,?")
CONNECT = re.compile(r"0(?P<nsp>/[^,]*)?,?(?P<auth>\{.*\})?")


class Session:
    """One Engine.IO session, whose messages `application` handles."""

    def __init__(self, server, sid, application):
        self.server = server
        self.sid = sid
        self.messages = application(self)
        self.waiting = []
        self.poll = None
        self.websocket = None
        self.upgrading = False
        self.pong = asyncio.Event()
        self.heartbeat = asyncio.create_task(self.beat())

    async def send(self, frame):
        if self.websocket is not None:
            key = "text" if isinstance(frame, str) else "bytes"
            await self.websocket({"type": "websocket.send", key: frame})
            return
        if isinstance(frame, bytes):
            frame = "b" + base64.b64encode(frame).decode()
        self.waiting.append(frame)
        self.flush()

    def flush(self):
        if self.poll is not None and self.waiting:
            poll, self.poll = self.poll, None
            frames, self.waiting = self.waiting, []
            poll.set_result("\x1e".join(frames))

    async def close(self, last=None):
        if self.server.sessions.pop(self.sid, None) is None:
            return
        self.heartbeat.cancel()
        if self.websocket is not None:
            await self.websocket({"type": "websocket.close"})
        elif last is not None:
            await self.send(last)

    async def beat(self):
        while True:
            await asyncio.sleep(PING_INTERVAL)
            self.pong.clear()
            await self.send("2")
            try:
                await asyncio.wait_for(self.pong.wait(), PING_TIMEOUT)
            except TimeoutError:
                break
        self.heartbeat = asyncio.get_running_loop().create_future()
        await self.close()

    async def take(self, frame):
        """Handle a packet; return whether it is valid."""
        packet = PACKET.fullmatch(frame) if isinstance(frame, str) else None
        if isinstance(frame, bytes):
            await self.messages(frame)
        elif frame.startswith("b"):
            await self.messages(base64.b64decode(frame[1:]))
        elif packet is None:
            await self.close()
            return False
        elif packet["kind"] == "1":
            await self.close("6")
        elif packet["kind"] == "3":
            self.pong.set()
        elif packet["kind"] == "4":
            await self.messages(packet["data"])
        return True


class Server:
    """An Engine.IO server as an ASGI app."""

    def __init__(self, application):
        self.application = application
        self.sessions = {}
        self.count = 0

    async def __call__(self, scope, receive, send):
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        session = self.sessions.get(query.get("sid"))
        right = query.get("EIO") == "4" and ("sid" not in query or session is not None)
        if scope["type"] == "websocket":
            await receive()
            if right and query.get("transport") == "websocket":
                await self.serve_websocket(session, receive, send)
            else:
                await send({"type": "websocket.close"})
            return
        body = None
        if right and query.get("transport") == "polling":
            body = await self.answer(scope["method"], session, receive)
        await send({"type": "http.response.start", "status": 400 if body is None else 200})
        await send({"type": "http.response.body", "body": (body or "").encode()})

    def open(self, upgrades):
        self.count += 1
        session = Session(self, f"s{self.count}", self.application)
        self.sessions[session.sid] = session
        fields = {"sid": session.sid, "upgrades": upgrades, "maxPayload": 1_000_000}
        times = {"pingInterval": PING_INTERVAL * 1000, "pingTimeout": PING_TIMEOUT * 1000}
        return session, "0" + json.dumps({**fields, **{k: int(v) for k, v in times.items()}})

    async def answer(self, method, session, receive):
        request = await receive()
        if session is None:
            return self.open(["websocket"])[1] if method == "GET" else None
        if session.websocket is not None:
            return None
        if method == "POST":
            for frame in request["body"].decode().split("\x1e"):
                if not await session.take(frame):
                    return None
            return "ok"
        if session.upgrading:
            return "6"
        if session.poll is not None:
            await session.close("1")
            return None
        return await self.long_poll(session, receive)

    async def long_poll(self, session, receive):
        poll = session.poll = asyncio.get_running_loop().create_future()
        session.flush()
        leaving = asyncio.ensure_future(receive())
        await asyncio.wait([poll, leaving], return_when=asyncio.FIRST_COMPLETED)
        if poll.done():
            leaving.cancel()
            return poll.result()
        await session.close()
        return None

    async def serve_websocket(self, session, receive, send):
        if session is not None and session.websocket is not None:
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        if session is None:
            session, first = self.open([])
            session.websocket = send
            await session.send(first)
        else:
            session.upgrading = True
        while (message := await receive())["type"] == "websocket.receive":
            frame = message.get("text", message.get("bytes"))
            if frame == "2probe":
                await send({"type": "websocket.send", "text": "3probe"})
            elif frame == "5":
                session.websocket = send
            else:
                await session.take(frame)
        session.websocket = None
        await session.close()


def echo(session):
    """Send every message back, as the Engine.IO suite requires."""

    async def message(data):
        await session.send(f"4{data}" if isinstance(data, str) else data)

    return message


class SocketIO:
    """The handlers that the Socket.IO suite requires."""

    def __init__(self, session):
        self.session = session
        self.incomplete = []

    async def __call__(self, data):
        if self.incomplete:
            await self.attachment(data)
        elif match := CONNECT.fullmatch(data):
            await self.connect(match["nsp"], match["auth"] or "{}")
        elif match := EVENT.fullmatch(data):
            await self.event(match, "", [])
        elif match := BINARY_EVENT.fullmatch(data):
            self.incomplete.append(match)
        elif not DISCONNECT.fullmatch(data):
            await self.session.close()

    async def connect(self, namespace, auth):
        prefix = f"{namespace}," if namespace else ""
        if namespace not in {None, "/custom"}:
            await self.session.send(f'44{prefix}{{"message":"Invalid namespace"}}')
            return
        await self.session.send(f'40{prefix}{{"sid":"{self.session.sid}{namespace}"}}')
        await self.session.send(f'42{prefix}["auth",{auth}]')

    async def attachment(self, data):
        self.incomplete.append(data)
        match, *attachments = self.incomplete
        if len(attachments) == int(match["count"]):
            self.incomplete.clear()
            await self.event(match, f"{len(attachments)}-", attachments)

    async def event(self, match, count, attachments):
        name, *arguments = json.loads(match["data"])
        if name == "message":
            kind, arguments = "5" if count else "2", ["message-back", *arguments]
        else:
            kind = "6" if count else "3"
        data = json.dumps(arguments, separators=(",", ":"))
        await self.session.send(f"4{kind}{count}{match['id'] or ''}{data}")
        for each in attachments:
            await self.session.send(each)


def by_the_book():
    """Return an app with both servers."""
    servers = {"/engine.io/": Server(echo), "/socket.io/": Server(SocketIO)}

    async def app(scope, receive, send):
        await servers[scope["path"]](scope, receive, send)

    return app
