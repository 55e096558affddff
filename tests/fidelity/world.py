"""The app under test: a Socket.IO server whose handlers are named by their behaviour, with a
journal.
"""

import asyncio

import socketio

from .recorder import Recorder

WAIT = 5.0  # seconds, the bound of every wait


class World:
    """An app, its recording, and the journal of its handlers."""

    stop_server = None

    def __init__(self, namespaces=("/",), root_path="", **options):
        self.sio = socketio.AsyncServer(async_mode="asgi", **options)
        path = f"{root_path}/socket.io"
        app = socketio.ASGIApp(self.sio, other_asgi_app=self.pages, socketio_path=path)
        self.recorder = Recorder(app)
        self.journal = self.recorder.journal
        self.sids = {}
        self._noted = []
        for namespace in namespaces:
            self._add_connection_handlers(namespace)
            self._add_event_handlers(namespace)
            self._add_room_handlers(namespace)
            self._add_server_actions(namespace)

    def note(self, *what):
        self.journal.append(what)
        for future in self._noted:
            if not future.done():
                future.set_result(None)

    def let_polls_expire(self):
        """End the polls of clients that have left, as if 45 s had passed."""
        self.recorder.let_polls_expire(self.is_over)

    def is_over(self, sid):
        """Return whether the server has ended an Engine.IO session."""
        sockets = self.sio.eio.sockets
        return sid not in sockets or sockets[sid].closed

    def count(self, kind):
        return sum(note[0] == kind for note in self.journal)

    async def until(self, kind, count=1):
        """Wait until the journal has that many entries of a kind."""
        async with asyncio.timeout(WAIT):
            while self.count(kind) < count:
                future = asyncio.get_running_loop().create_future()
                self._noted.append(future)
                try:
                    await future
                finally:
                    self._noted.remove(future)

    async def until_packet(self, way, packet):
        """Wait until the app has sent or received a packet."""
        async with asyncio.timeout(WAIT):
            while not self.recorder.has(way, packet):  # noqa: ASYNC110 (it tells nobody)
                await asyncio.sleep(0.001)

    def _add_connection_handlers(self, namespace):
        @self.sio.on("connect", namespace=namespace)
        async def connect(sid, environ, auth):
            auth = auth or {}
            self.note("connect", namespace, auth, environ.get("HTTP_COOKIE", ""))
            self.sids[namespace] = sid
            await asyncio.sleep(auth.get("wait", 0))
            if "greet" in auth:
                await self.sio.emit("greeting", auth["greet"], to=sid, namespace=namespace)
            if auth.get("refuse") is False:
                return False
            if "refuse" in auth:
                raise socketio.exceptions.ConnectionRefusedError(*auth["refuse"])
            return None

        @self.sio.on("disconnect", namespace=namespace)
        async def disconnect(sid, reason):
            self.note("disconnect", namespace, reason)

    def _add_event_handlers(self, namespace):
        sio = self.sio

        @sio.on("echo", namespace=namespace)
        async def echo(sid, *args):
            self.note("echo", namespace, *args)
            return args

        @sio.on("reply", namespace=namespace)
        async def reply(sid, *args):
            await sio.emit("reply", args, to=sid, namespace=namespace)

        @sio.on("message", namespace=namespace)
        async def message(sid, *args):
            await sio.send(args, to=sid, namespace=namespace)

        @sio.on("slow", namespace=namespace)
        async def slow(sid, seconds):
            self.note("slow begins")
            await asyncio.sleep(seconds)
            self.note("slow ends")
            return seconds

        @sio.on("fail", namespace=namespace)
        async def fail(sid):
            raise LookupError("as asked")

    def _add_room_handlers(self, namespace):
        sio = self.sio

        @sio.on("join", namespace=namespace)
        async def join(sid, room):
            await sio.enter_room(sid, room, namespace=namespace)
            return "joined"

        @sio.on("leave", namespace=namespace)
        async def leave(sid, room):
            await sio.leave_room(sid, room, namespace=namespace)
            return "left"

        @sio.on("to_room", namespace=namespace)
        async def to_room(sid, room, *args):
            await sio.emit("room", args, room=room, namespace=namespace)

        @sio.on("shout", namespace=namespace)
        async def shout(sid, *args):
            await sio.emit("shout", args, namespace=namespace)

        @sio.on("burst", namespace=namespace)
        async def burst(sid, count):
            for number in range(count):
                await sio.emit("burst", number, to=sid, namespace=namespace)
            return count

    def _add_server_actions(self, namespace):
        sio = self.sio

        @sio.on("ask", namespace=namespace)
        async def ask(sid, *args):
            answer = await sio.call("question", args, to=sid, namespace=namespace, timeout=WAIT)
            self.note("answer", answer)

        @sio.on("kick", namespace=namespace)
        async def kick(sid):
            await sio.disconnect(sid, namespace=namespace)

        @sio.on("drop", namespace=namespace)
        async def drop(sid):
            await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, namespace))

    async def pages(self, scope, receive, send):
        """The app's other pages: a login, a page that never ends, and 404."""
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        await receive()
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        if scope["path"] == "/hold":
            self.note("holds")
            self.note("let go", (await receive())["type"])
            return
        found = scope["path"] == "/login"
        headers = [(b"content-type", b"text/plain")]
        if found:
            secure = b"; Secure" if scope["scheme"] == "https" else b""
            headers.append((b"set-cookie", b"session=abc; Path=/" + secure))
        status = 200 if found else 404
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"welcome" if found else b"not found"})

    async def _live(self, scope, receive, send):
        scope["state"]["opened"] = []
        for phase in ("startup", "shutdown"):
            await receive()
            self.note(phase)
            await send({"type": f"lifespan.{phase}.complete"})
