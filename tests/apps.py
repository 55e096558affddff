"""Small real apps and ASGI wrappers for the tests, without use of the client."""

import asyncio
from dataclasses import dataclass, field

import socketio
from socketio.exceptions import ConnectionRefusedError as Refused

WAIT = 60.0


class Journal(list):
    """A list of what an app's handlers were called with, in order. Tests await its entries."""

    def __init__(self):
        super().__init__()
        self._waiting = []

    def note(self, *entry):
        self.append(entry)
        for event in self._waiting:
            event.set()

    def kinds(self, kind):
        return [entry[1:] for entry in self if entry[0] == kind]

    async def until(self, kind, count=1):
        event = asyncio.Event()
        self._waiting.append(event)
        try:
            async with asyncio.timeout(WAIT):
                while len(self.kinds(kind)) < count:
                    event.clear()
                    await event.wait()
        finally:
            self._waiting.remove(event)
        return self.kinds(kind)


@dataclass
class Exchange:
    """One ASGI connection of the app: its scope, and the messages in both directions."""

    scope: dict
    received: list = field(default_factory=list)
    sent: list = field(default_factory=list)

    @property
    def headers(self):
        return [(name.decode(), value.decode()) for name, value in self.scope["headers"]]

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) <= 1, values
        return values[0] if values else None

    def response_header(self, name):
        start = next(m for m in self.sent if m["type"] == "http.response.start")
        headers = {key.decode().lower(): value.decode() for key, value in start["headers"]}
        return headers.get(name)


class Recorder:
    """Records every scope and message of an app, and can call a function of the test after each
    send().
    """

    def __init__(self, app):
        self.app = app
        self.exchanges = []
        self.journal = Journal()
        self.after_send = None

    def of(self, kind):
        return [exchange for exchange in self.exchanges if exchange.scope["type"] == kind]

    @property
    def handshake(self):
        return next(e for e in self.exchanges if e.scope["type"] in ("http", "websocket"))

    async def __call__(self, scope, receive, send):
        exchange = Exchange(dict(scope))
        self.exchanges.append(exchange)

        async def recording_receive():
            message = await receive()
            exchange.received.append(message)
            self.journal.note(message["type"], message)
            return message

        async def recording_send(message):
            exchange.sent.append(message)
            await send(message)
            self.journal.note(message["type"], message)
            if self.after_send is not None:
                self.after_send(message)

        await self.app(scope, recording_receive, recording_send)


@dataclass
class Lab:
    """An app whose handlers are named by their behaviour, with the journal of its handlers."""

    sio: socketio.AsyncServer
    app: Recorder
    journal: Journal = field(default_factory=Journal)
    environs: dict = field(default_factory=dict)
    patience: float = 0.5  # seconds that the app waits for a client's answer

    @property
    def disconnects(self):
        """The namespaces and reasons of all disconnect handlers that have ended."""
        return self.journal.kinds("disconnect")

    @property
    def auths(self):
        return [auth for _, _, auth in self.journal.kinds("connect")]

    @property
    def environ(self):
        return next(reversed(self.environs.values()))

    def assert_released(self):
        """Assert that the server has no state of any client."""
        manager = self.sio.manager
        assert manager.rooms == {}
        assert manager.pending_connect == {}
        assert manager.pending_disconnect == {}
        assert manager.callbacks == {}
        assert self.sio.environ == {}
        assert self.sio.eio.sockets == {}
        assert self.sio._binary_packet == {}


def lab(namespaces=("/",), socketio_path="socket.io", other_asgi_app=None, **options):
    sio = socketio.AsyncServer(async_mode="asgi", **options)
    app = socketio.ASGIApp(sio, other_asgi_app=other_asgi_app, socketio_path=socketio_path)
    built = Lab(sio, Recorder(app))
    for namespace in namespaces:
        _add_connection_handlers(built, namespace)
        _add_event_handlers(built, namespace)
        _add_server_actions(built, namespace)
    return built


def _add_connection_handlers(built, namespace):
    sio, journal = built.sio, built.journal

    @sio.on("connect", namespace=namespace)
    async def connect(sid, environ, auth):
        journal.note("connect", namespace, sid, auth)
        built.environs[sid] = environ
        if isinstance(auth, dict) and "refuse" in auth:
            raise Refused(*auth["refuse"])
        if isinstance(auth, dict) and "greet" in auth:
            await sio.emit("greeting", auth["greet"], to=sid, namespace=namespace)

    @sio.on("disconnect", namespace=namespace)
    async def disconnect(sid, reason):
        # These turns of the loop detect a client that does not wait for this handler.
        for _ in range(3):
            await asyncio.sleep(0)
        journal.note("disconnect", namespace, reason)


def _add_event_handlers(built, namespace):
    sio, journal = built.sio, built.journal

    @sio.on("echo", namespace=namespace)
    async def echo(sid, *args):
        return args

    @sio.on("reply", namespace=namespace)
    async def reply(sid, *args):
        await sio.emit("reply", args, to=sid, namespace=namespace)

    @sio.on("keep", namespace=namespace)
    async def keep(sid, *args):
        journal.note("keep", *args)

    @sio.on("message", namespace=namespace)
    async def message(sid, *args):
        await sio.send(args, to=sid, namespace=namespace)
        return args

    @sio.on("slow", namespace=namespace)
    async def slow(sid, seconds, value):
        await asyncio.sleep(seconds)
        return value

    @sio.on("shout", namespace=namespace)
    async def shout(sid, *args):
        await sio.emit("shout", args, namespace=namespace)

    @sio.on("join", namespace=namespace)
    async def join(sid, room):
        await sio.enter_room(sid, room, namespace=namespace)
        return "joined"

    @sio.on("to_room", namespace=namespace)
    async def to_room(sid, room, *args):
        await sio.emit("room", args, room=room, skip_sid=sid, namespace=namespace)
        return "told"


def _add_server_actions(built, namespace):
    sio, journal = built.sio, built.journal

    @sio.on("ask", namespace=namespace)
    async def ask(sid, *args):
        """Call the client, and emit how its answer arrived here."""
        try:
            answer = await sio.call(
                "question", args, to=sid, namespace=namespace, timeout=built.patience
            )
        except socketio.exceptions.TimeoutError:
            journal.note("unanswered")
            return
        journal.note("answer", answer)
        await sio.emit("answered", to=sid, namespace=namespace)

    @sio.on("burst", namespace=namespace)
    async def burst(sid, count):
        for number in range(count):
            await sio.emit("burst", number, to=sid, namespace=namespace)
        return count

    @sio.on("where", namespace=namespace)
    async def where(sid):
        return sio.transport(sid, namespace)

    @sio.on("kick", namespace=namespace)
    async def kick(sid):
        await sio.disconnect(sid, namespace=namespace)

    @sio.on("drop", namespace=namespace)
    async def drop(sid):
        await sio.eio.disconnect(sio.manager.eio_sid_from_sid(sid, namespace))

    @sio.on("verbatim", namespace=namespace)
    async def verbatim(sid, text):
        """Send an Engine.IO message with the test's own text."""
        await sio.eio.send(sio.manager.eio_sid_from_sid(sid, namespace), text)


@dataclass
class Gate:
    """A gate in a handler: an event shows that the handler has reached it, another one opens it."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def pass_through(self):
        self.reached.set()
        await self.opened.wait()

    async def somebody_waits(self):
        async with asyncio.timeout(WAIT):
            await self.reached.wait()
