"""An ASGI middleware that keeps everything an app sees and does, and what makes two such recordings
comparable: ids, times and ports are replaced, and nothing else.
"""

import gzip
import re
import zlib

PACKET_SEPARATOR = b"\x1e"


class Recorder:
    """Keeps every scope and, per connection, every message in order.

    Long-polling is kept as what it stands for: the packets in both directions, in order, beside
    what each kind of request looked like. How many packets share a request is a matter of time.
    """

    def __init__(self, app):
        self.app = app
        self.connections = []
        self.journal = []

    async def __call__(self, scope, receive, send):
        connection = Connection(scope)
        self.connections.append(connection)

        async def recording_receive():
            message = await receive()
            connection.messages.append(("receives", dict(message)))
            return message

        async def recording_send(message):
            connection.messages.append(("sends", dict(message)))
            await send(message)

        try:
            await self.app(scope, recording_receive, recording_send)
        except Exception as exc:
            connection.messages.append(("raises", type(exc).__name__))
            raise

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
            "websockets": [
                {"scope": names.scope(c.scope), "messages": list(map(names.message, c.messages))}
                for c in self.connections
                if c.scope["type"] == "websocket"
            ],
        }


class Connection:
    """One call of the app."""

    def __init__(self, scope):
        self.scope = {**scope, "headers": list(scope["headers"])}
        self.messages = []


class Request:
    """All requests of one kind: method, path and query."""

    def __init__(self):
        self.scopes = []
        self.answers = []
        self.received = []
        self.sent = []
        self.endings = []

    def add(self, connection, names):
        body = b"".join(m.get("body", b"") for way, m in connection.messages if way == "receives")
        scope = names.scope(connection.scope)
        # The length goes with how many packets share a request.
        scope["headers"] = [
            (name, "<length>" if name == "content-length" else value)
            for name, value in scope["headers"]
        ]
        if scope not in self.scopes:
            self.scopes.append(scope)
        self.received += names.packets(body)
        starts = [m for way, m in connection.messages if way == "sends" and "status" in m]
        sent = b"".join(m.get("body", b"") for way, m in connection.messages if way == "sends")
        for start in starts:
            headers = dict(start.get("headers", ()))
            self.sent += names.packets(decoded(sent, headers.get(b"Content-Encoding")))
            answer = start["status"], names.headers(start.get("headers", ()))
            if answer not in self.answers:
                self.answers.append(answer)
        self.endings += [m for way, m in connection.messages if way == "raises"]

    def plain(self):
        # POSTs are answered OK each: how many there are is a matter of time.
        sent = ["OK"] if set(self.sent) == {"OK"} else self.sent
        return {
            "scopes": self.scopes,
            "answers": self.answers,
            "receives": self.received,
            "sends": sent,
            "raises": self.endings,
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

    def scope(self, scope):
        plain = {
            **scope,
            "query_string": self.text(scope["query_string"].decode()),
            "headers": self.headers(scope["headers"]),
            "client": (scope["client"][0], "<port>"),
        }
        plain["asgi"] = dict(scope["asgi"])
        plain.pop("fidelity", None)
        return plain
