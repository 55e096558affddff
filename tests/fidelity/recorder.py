"""An ASGI middleware that keeps everything an app sees and does, and what makes two such recordings
comparable: ids, times and ports are replaced, and nothing else.
"""

import asyncio
import gzip
import re
import zlib
from urllib.parse import parse_qs

PACKET_SEPARATOR = b"\x1e"
OK = 200


class Recorder:
    """Keeps every scope and, per connection, every message in order.

    Long-polling is kept as what it stands for: the packets in both directions, in one order, beside
    what each kind of request looked like. How many packets share a request is a matter of time.
    """

    def __init__(self, app):
        self.app = app
        self.connections = []
        self.lifespan = []
        self.journal = []
        self._polled = []

    async def __call__(self, scope, receive, send):
        connection = Connection(scope)
        if scope["type"] == "lifespan":
            self.lifespan = [connection]
        else:
            self.connections.append(connection)

        async def recording_receive():
            message = await receive()
            self._record(connection, "receives", message)
            return message

        async def recording_send(message):
            self._record(connection, "sends", message)
            await send(message)

        try:
            await self.app(scope, recording_receive, recording_send)
        except Exception as exc:
            connection.messages.append(("raises", type(exc).__name__))
            raise

    def _record(self, connection, way, message):
        connection.messages.append((way, dict(message)))
        if connection.carries(way) and "body" in message and not message.get("more_body"):
            self._polled.append((way, connection.body(way)))

    def has(self, way, packet):
        """Whether a packet has gone that way, over whichever transport."""
        polled = (body.split(PACKET_SEPARATOR) for each, body in self._polled if each == way)
        messages = (each for connection in self.connections for each in connection.messages)
        return any(packet.encode() in packets for packets in polled) or any(
            message.get("text") == packet for each, message in messages if each == way
        )

    @property
    def size(self):
        """How much there is."""
        return sum(len(connection.messages) + 1 for connection in self.connections)

    def let_polls_expire(self, is_over):
        """What takes 45 s: GETs that pend for a session that `is_over` are ended. The server's
        wait is cancelled, which it takes for one that was too long.
        """
        for sid, connection in self.pending_polls():
            if is_over(sid):
                connection.task.cancel()

    def pending_polls(self):
        """The GETs that the server holds, each with its session's id."""
        for connection in self.connections:
            query = parse_qs(connection.scope["query_string"].decode())
            pending = connection.scope.get("method") == "GET" and connection.status is None
            if pending and "sid" in query:
                yield query["sid"][0], connection

    def recording(self):
        """All of it, as plain data, normalised."""
        names = Names()
        requests = {}
        for connection in self.connections:
            if connection.scope["type"] == "http":
                key = (connection.scope["method"], names.query(connection.scope))
                request = requests.setdefault(key, Request())
                request.add(connection, names)
        return {
            "app": [tuple(names.anything(part) for part in note) for note in self.journal],
            "http": {
                f"{method} {query}": request.plain()
                for (method, query), request in requests.items()
            },
            "polling": [
                (way, packet) for way, body in self._polled for packet in names.packets(body)
            ],
            "lifespan": [
                {"scope": names.plain(c.scope), "messages": list(map(names.message, c.messages))}
                for c in self.lifespan
            ],
            "websockets": [
                {"scope": names.scope(c.scope), "messages": list(map(names.message, c.messages))}
                for c in self.connections
                if c.scope["type"] == "websocket"
            ],
        }


class Connection:
    """One call of the app."""

    def __init__(self, scope):
        self.scope = {**scope}
        if "headers" in scope:
            self.scope["headers"] = list(scope["headers"])
        self.messages = []
        self.task = asyncio.current_task()

    def carries(self, way):
        """Whether what goes that way in it is Engine.IO's, over long-polling."""
        if b"transport=polling" not in self.scope.get("query_string", b""):
            return False
        if self.scope["method"] == "GET":
            return way == "sends" and self.status == OK
        return self.scope["method"] == "POST" and way == "receives"

    @property
    def start(self):
        """The start of its response."""
        return next((m for way, m in self.messages if way == "sends" and "status" in m), None)

    @property
    def status(self):
        return None if self.start is None else self.start["status"]

    def body(self, way):
        """What went that way, whole and plain."""
        whole = b"".join(m.get("body", b"") for each, m in self.messages if each == way)
        headers = dict(self.start.get("headers", ())) if way == "sends" else {}
        return decoded(whole, headers.get(b"Content-Encoding"))


class Request:
    """All requests of one kind: method, path and query."""

    def __init__(self):
        self.scopes = []
        self.answers = []
        self.received = []
        self.sent = []
        self.endings = []
        self.disconnects = []

    def add(self, connection, names):
        scope = names.scope(connection.scope)
        # The length goes with how many packets share a request.
        scope["headers"] = [
            (name, "<length>" if name == "content-length" else value)
            for name, value in scope["headers"]
        ]
        if scope not in self.scopes:
            self.scopes.append(scope)
        self.received += names.packets(connection.body("receives"))
        start = connection.start
        if start is not None:
            self.sent += names.packets(connection.body("sends"))
            answer = start["status"], names.headers(start.get("headers", ()))
            if answer not in self.answers:
                self.answers.append(answer)
        self.endings += [m for way, m in connection.messages if way == "raises"]
        received = [m for way, m in connection.messages if way == "receives"]
        self.disconnects += [m for m in received if m["type"] != "http.request"]

    def plain(self):
        # POSTs are answered OK each: how many there are is a matter of time.
        sent = ["OK"] if set(self.sent) == {"OK"} else self.sent
        return {
            "scopes": self.scopes,
            "answers": self.answers,
            "receives": self.received,
            "sends": sent,
            "raises": self.endings,
            "disconnects": self.disconnects,
        }


def decoded(body, encoding):
    if encoding == b"gzip":
        return gzip.decompress(body)
    return zlib.decompress(body) if encoding == b"deflate" else body


class Names:
    """Replaces what differs from run to run: an id by a name, in the order of coming."""

    def __init__(self):
        self._known = {}

    def text(self, text):
        if not any(mark in text for mark in ("sid", "io=", "t=")):
            return text  # as most are, and some are long
        text = re.sub(r"(?<=sid\":\")[\w-]{20}", self._sid, text)
        text = re.sub(r"(?<=sid=)[\w-]{20}", self._sid, text)
        text = re.sub(r"(?<=io=)[\w-]{20}", self._sid, text)
        return re.sub(r"(?<=[?&]t=)[\d.]+|^t=[\d.]+", "<time>", text)

    def _sid(self, match):
        return self._known.setdefault(match[0], f"<sid {len(self._known) + 1}>")

    def anything(self, value):
        return self.text(value) if isinstance(value, str) else value

    def message(self, entry):
        way, message = entry
        if isinstance(message, dict):
            message = {
                key: self.headers(value) if key == "headers" else self._part(value)
                for key, value in message.items()
            }
        return way, message

    def _part(self, value):
        if isinstance(value, bytes | bytearray) and b"\xa3sid\xb4" in value:
            # msgpack writes an id as a string of 20 bytes.
            return re.sub(rb"(?<=\xa3sid\xb4)[\w-]{20}", b"<sid>", bytes(value))
        return self.anything(value)

    def packets(self, body):
        return [
            self.text(packet.decode(errors="replace"))
            for packet in body.split(PACKET_SEPARATOR)
            if packet
        ]

    def query(self, scope):
        return self.text(scope["path"] + "?" + scope["query_string"].decode())

    def headers(self, headers):
        unique = {"sec-websocket-key": "<key>", "date": "<time>"}
        plain = [(name.decode().lower(), self.text(value.decode())) for name, value in headers]
        return [(name, unique.get(name, value)) for name, value in plain]

    def plain(self, scope):
        return {**scope, "asgi": dict(scope["asgi"]), "state": dict(scope["state"])}

    def scope(self, scope):
        return {
            **self.plain(scope),
            "query_string": self.text(scope["query_string"].decode()),
            "headers": self.headers(scope["headers"]),
            "client": (scope["client"][0], "<port>"),
        }
