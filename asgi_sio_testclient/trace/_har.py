"""Writes the packets and HTTP requests of one client as a HAR file, as Chrome and Playwright do."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asgi_sio_testclient.trace._build import ClientLog, Packet, Request
from asgi_sio_testclient.trace._files import Path_, write

__all__ = ["write_har"]

__tracebackhide__ = True

_SEPARATOR = "\x1e"
_TEXT, _BINARY = 1, 2  # a websocket's opcodes
_MILLISECONDS = 1000
_OK = 200
_ONE_BODY = 0.002  # seconds between two packets of one polling body


def write_har(path: Path_, log: ClientLog, *, secrets: bool = False) -> Path:
    """See `Transcript.to_har`."""
    # Packets have times of a monotonic clock; a HAR file has times of the wall clock.
    shift = time.time() - time.perf_counter()
    entries = [_request(request, shift) for request in log.requests]
    requested = [request.started - log.origin for request in log.requests]
    for session in _sessions(log.packets):
        entries += _Session(session, log, shift, requested, secrets=secrets).entries()
    entries.sort(key=lambda entry: entry["startedDateTime"])
    har = {
        "log": {
            "version": "1.2",
            "creator": {"name": "asgi-sio-testclient", "version": ""},
            "pages": [],
            "entries": entries,
        }
    }
    return write(path, json.dumps(har, ensure_ascii=False, indent=1))


def _sessions(packets: Iterable[Packet]) -> list[list[Packet]]:
    """Return the packets of each Engine.IO session. An OPEN packet begins a session."""
    sessions: list[list[Packet]] = [[]]
    for packet in packets:
        if packet.engineio_type == "OPEN" and sessions[-1]:
            sessions.append([])
        sessions[-1].append(packet)
    return [session for session in sessions if session]


class _Session:
    """The entries of one Engine.IO session."""

    def __init__(
        self,
        packets: list[Packet],
        log: ClientLog,
        shift: float,
        requested: list[float],
        *,
        secrets: bool,
    ) -> None:
        self._address = log.url
        self._requested = requested
        self._packets = packets
        self._shift = log.origin + shift
        self._secrets = secrets
        opened = packets[0].args[0] if packets[0].args else None
        self._sid = str(opened.get("sid", "")) if isinstance(opened, dict) else ""

    def entries(self) -> list[dict[str, Any]]:
        """Return an entry for the websocket, and an entry for each polling request."""
        entries: list[dict[str, Any]] = []
        socket = [packet for packet in self._packets if packet.transport == "websocket"]
        polled = [packet for packet in self._packets if packet.transport == "polling"]
        if socket:
            entries.append(self._websocket(socket, upgraded=bool(polled)))
        bodies: list[list[Packet]] = []
        for packet in polled:
            if not bodies or not self._joins(bodies[-1][-1], packet):
                bodies.append([])
            bodies[-1].append(packet)
        return entries + [self._poll(body) for body in bodies]

    def _joins(self, last: Packet, packet: Packet) -> bool:
        """Return whether two consecutive packets over polling were in one body, by their times."""
        return (
            last.direction == packet.direction
            and "OPEN" not in {last.engineio_type, packet.engineio_type}
            and packet.time - last.time < _ONE_BODY
            and not any(last.time <= moment <= packet.time for moment in self._requested)
        )

    def _url(self, transport: str, *, sid: bool) -> str:
        # "http" is "ws", "https" is "wss".
        address = f"ws{self._address[4:]}" if transport == "websocket" else self._address
        query = f"EIO=4&transport={transport}" + (f"&sid={self._sid}" if sid else "")
        return f"{address}?{query}"

    def _websocket(self, packets: list[Packet], *, upgraded: bool) -> dict[str, Any]:
        messages = []
        for packet in packets:
            frame = self._frame(packet)
            text = isinstance(frame, str)
            messages.append(
                {
                    "type": "send" if packet.direction == "sent" else "receive",
                    "time": self._shift + packet.time,
                    "opcode": _TEXT if text else _BINARY,
                    "data": frame if text else base64.b64encode(frame).decode(),
                }
            )
        entry = _entry(self._shift + packets[0].time, packets[-1].time - packets[0].time)
        entry["_resourceType"] = "websocket"
        entry["_webSocketMessages"] = messages
        entry["request"] = _http_request("GET", self._url("websocket", sid=upgraded))
        entry["response"] = _http_response(101, "x-unknown", "")
        return entry

    def _poll(self, packets: list[Packet]) -> dict[str, Any]:
        frames = map(self._frame, packets)
        body = _SEPARATOR.join(
            frame if isinstance(frame, str) else f"b{base64.b64encode(frame).decode()}"
            for frame in frames
        )
        text = "text/plain; charset=UTF-8"
        entry = _entry(self._shift + packets[0].time, packets[-1].time - packets[0].time)
        entry["_resourceType"] = "xhr"
        opens = packets[0].engineio_type == "OPEN"
        url = self._url("polling", sid=not opens)
        if packets[0].direction == "sent":
            entry["request"] = _http_request("POST", url, text, body)
            entry["response"] = _http_response(_OK, text, "OK")
        else:
            entry["request"] = _http_request("GET", url)
            entry["response"] = _http_response(_OK, text, body)
        return entry

    def _frame(self, packet: Packet) -> Any:
        """Return the encoded packet, with a masked auth payload."""
        if not packet.has_auth or self._secrets or isinstance(packet.frame, bytes):
            return packet.frame
        head, brace, payload = packet.frame.partition("{")
        return head + _masked(brace + payload) if brace else packet.frame


def _masked(payload: str) -> str:
    try:
        return json.dumps(_mask(json.loads(payload)), ensure_ascii=False)
    except ValueError:
        return '{"auth":"***"}'


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return "***" if isinstance(value, str) else value


def _request(request: Request, shift: float) -> dict[str, Any]:
    ended = request.started if request.ended is None else request.ended
    entry = _entry(request.started + shift, ended - request.started)
    entry["_resourceType"] = "fetch"
    body = request.body.decode("utf-8", "replace") if request.body else None
    entry["request"] = _http_request(request.method, request.full_url, request.content_type, body)
    answer = (request.response_body or b"").decode("utf-8", "replace")
    entry["response"] = _http_response(request.status or 0, request.response_type, answer)
    return entry


def _entry(started: float, seconds: float) -> dict[str, Any]:
    when = datetime.fromtimestamp(started, UTC).isoformat(timespec="microseconds")
    milliseconds = max(0.0, seconds * _MILLISECONDS)
    return {
        "startedDateTime": when.replace("+00:00", "Z"),
        "time": milliseconds,
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
    }


def _http_request(
    method: str, url: str, content_type: str = "", body: str | None = None
) -> dict[str, Any]:
    query = [pair.partition("=") for pair in url.partition("?")[2].split("&") if pair]
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "queryString": [{"name": name, "value": value} for name, _, value in query],
        "headersSize": -1,
        "bodySize": -1,
    }
    if body is not None:
        request["postData"] = {"mimeType": content_type, "text": body}
    return request


def _http_response(status: int, content_type: str, text: str) -> dict[str, Any]:
    return {
        "status": status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [],
        "content": {"size": len(text), "mimeType": content_type, "text": text},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }
