"""An ASGI middleware that records all scopes and messages of an app, and makes recordings
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
    """Records every scope, and every message of each connection in order.

    A recording has the packets of long-polling in both directions, in order, and the requests of
    each kind. How many packets one request has depends on timing.
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
        """Return whether a packet was sent or received, over any transport."""
        polled = (body.split(PACKET_SEPARATOR) for each, body in self._polled if each == way)
        messages = (each for connection in self.connections for each in connection.messages)
        return any(packet.encode() in packets for packets in polled) or any(
            message.get("text") == packet for each, message in messages if each == way
        )

    @property
    def size(self):
        """The number of connections and messages."""
        return sum(len(connection.messages) + 1 for connection in self.connections)

    def let_polls_expire(self, is_over):
        """End pending GETs of sessions that are over, which would last 45 s, by a cancellation of
        the server's wait, which the server takes for its timeout.
        """
        for sid, connection in self.pending_polls():
            if is_over(sid):
                connection.task.cancel()

    def pending_polls(self):
        """Yield the session id and the connection of each pending GET."""
        for connection in self.connections:
            query = parse_qs(connection.scope["query_string"].decode())
            pending = connection.scope.get("method") == "GET" and connection.status is None
            if pending and "sid" in query:
                yield query["sid"][0], connection

    def recording(self):
        """Return the recording as plain data, with replaced ids, times and ports."""
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
        """Return whether the body in that direction contains packets of long-polling."""
        if b"transport=polling" not in self.scope.get("query_string", b""):
            return False
        if self.scope["method"] == "GET":
            return way == "sends" and self.status == OK
        return self.scope["method"] == "POST" and way == "receives"

    @property
    def start(self):
        """The start message of the response."""
        return next((m for way, m in self.messages if way == "sends" and "status" in m), None)

    @property
    def status(self):
        return None if self.start is None else self.start["status"]

    def body(self, way):
        """Return the decompressed body in that direction."""
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
        # The length depends on how many packets one request has.
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
        # Each POST is answered OK; the number of POSTs depends on timing.
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
    """Replaces values that differ between runs: each id gets a name, in the order of their
    appearance.
    """

    def __init__(self):
        self._known = {}

    def text(self, text):
        if not any(mark in text for mark in ("sid", "io=", "t=")):
            return text  # most texts, some of which are long
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
