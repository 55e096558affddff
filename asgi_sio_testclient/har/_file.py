"""Reads a browser's recording: the Socket.IO connections and HTTP requests in a HAR file.

Chrome, Firefox and Playwright write websocket frames as ``_webSocketMessages``. With the option to
attach content, Playwright writes bodies and frames into separate files.
"""

from __future__ import annotations

import base64
import json
import os
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from asgi_sio_testclient._exceptions import TestClientError
from asgi_sio_testclient._protocol import engineio
from asgi_sio_testclient._protocol.names import EncodedPacket

__all__ = ["HARError", "Recorded", "RecordedRequest", "RecordedSession", "read_har"]

__tracebackhide__ = True

SENT, RECEIVED = "sent", "received"
_TEXT, _BINARY = 1, 2  # a websocket's opcodes
_OK = 200
_MILLISECONDS = 1000
_OWN_QUERY = frozenset({"EIO", "transport", "sid", "t", "b64", "j"})
_CLOSED_AFTER = 1e-4  # seconds: Playwright gives the time of the last frame in the place of the end
_MILLISECONDS_FROM = 1e11  # as seconds it would be the year 5138

Attached = Callable[[str], bytes]


class HARError(TestClientError):
    """Raised for a file that has no usable recording; the text gives the cause."""


@dataclass(eq=False)
class RecordedRequest:
    """One HTTP request that does not belong to a Socket.IO connection.

    Attributes:
        time: when the request was sent, in seconds since the epoch.
        ended: when the response was complete, in seconds since the epoch.
        method: "GET", "POST", ...
        url: the whole URL.
        headers: the headers of the request, their names in lower case.
        body: the body of the request; None without a body.
        body_type: the content type of the request's body.
        status: the status of the response.
        response_type: the content type of the response.
        response: the body of the response; None if the file does not have the body.
        cookies: the cookies that the response sets, by name.
        kind: the browser's resource type, such as "fetch"; "" if the file does not have the type.
    """

    time: float
    ended: float
    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    body_type: str
    status: int
    response_type: str
    response: str | None
    cookies: dict[str, str]
    kind: str

    @property
    def sets_cookies(self) -> bool:
        """Whether the response sets cookies."""
        return bool(self.cookies)


@dataclass(eq=False)
class RecordedSession:
    """One Engine.IO session.

    Attributes:
        url: the URL of the first request.
        headers: the headers of the first request, their names in lower case.
        query: the parameters that the page added to Engine.IO's own parameters.
        frames: time (seconds since the epoch), direction, transport and encoded packet of each
            packet, in order of time.
        closed: when the browser closed the websocket, in seconds since the epoch; 0 if the file
            does not have the time.
    """

    url: str
    headers: dict[str, str]
    query: dict[str, str]
    frames: list[tuple[float, str, str, EncodedPacket]] = field(default_factory=list)
    closed: float = 0.0

    @property
    def ended(self) -> float:
        """When the session ended, in seconds since the epoch; infinite if the file does not have
        the time.
        """
        last = self.frames[-1][0]
        return self.closed if self.closed > last + _CLOSED_AFTER else float("inf")

    @property
    def transports(self) -> tuple[str, ...]:
        """The transports in the order of their use, as `TestClient` takes them."""
        used = dict.fromkeys(transport for _, _, transport, _ in self.frames)
        return ("polling", "websocket") if len(used) > 1 else tuple(used)

    @property
    def base_url(self) -> str:
        """The scheme (http or https) and the host of the URL."""
        parts = urlsplit(self.url)
        return f"{parts.scheme.replace('ws', 'http')}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The path of the Socket.IO endpoint, without slashes at its ends."""
        return urlsplit(self.url).path.strip("/")


@dataclass(eq=False)
class Recorded:
    """The content of a HAR file.

    Attributes:
        name: the name of the file.
        sessions: the Engine.IO sessions, in the order in which they began.
        requests: the other HTTP requests, in the order in which they were sent.
    """

    name: str
    sessions: list[RecordedSession]
    requests: list[RecordedRequest]


def read_har(path: str | os.PathLike[str]) -> Recorded:
    """Read a HAR file, or a zip archive with one.

    Raises:
        OSError: the file can't be read.
        HARError: the file is no HAR file, or has no usable Socket.IO connection.
    """
    file = Path(path)
    text, attached = _open(file)
    try:
        entries = json.loads(text)["log"]["entries"]
    except (ValueError, KeyError, TypeError) as exc:
        raise HARError(f"not a HAR file: {file.name} ({type(exc).__name__}: {exc})") from None
    reader = _Reader(attached)
    for entry in entries:
        try:
            reader.read(entry)
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            url = str(entry.get("request", {}).get("url", "")) if isinstance(entry, dict) else ""
            what = f"{type(exc).__name__}: {exc}"
            raise HARError(
                f"malformed entry {url.partition('?')[0]} in {file.name}: {what}"
            ) from exc
    return reader.result(file.name)


def _open(file: Path) -> tuple[str, Attached]:
    if not zipfile.is_zipfile(file):
        return file.read_text(encoding="utf-8-sig"), lambda name: (file.parent / name).read_bytes()
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if name.endswith(".har")]
    if not names:
        raise HARError(f"no HAR file in the archive {file.name}")
    return archive.read(names[0]).decode("utf-8-sig"), archive.read


class _Reader:
    def __init__(self, attached: Attached) -> None:
        self._attached = attached
        self._sessions: dict[str, RecordedSession] = {}
        self._requests: list[RecordedRequest] = []
        self._without_frames = ""

    def read(self, entry: Any) -> None:
        """Read one entry of the file.

        Raises:
            HARError: the entry is a request of another version of Engine.IO than 4.
            KeyError, TypeError, ValueError, AttributeError: the entry is malformed.
        """
        request = entry["request"]
        query = dict(parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True))
        if "EIO" not in query or "transport" not in query:
            self._requests.append(self._request(entry))
            return
        if query["EIO"] != "4":
            raise HARError(
                f"Engine.IO {query['EIO']} was recorded: socket.io-client 3 or later is needed"
            )
        frames = self._frames(entry, query["transport"])
        sid = query.get("sid") or next(filter(None, (_sid(frame) for *_, frame in frames)), "")
        if not sid:
            return  # refused, or without an answer
        session = self._sessions.get(sid)
        if session is None:
            extra = {name: value for name, value in query.items() if name not in _OWN_QUERY}
            session = RecordedSession(request["url"], _headers(request), extra)
            self._sessions[sid] = session
        session.frames += frames
        if query["transport"] == "websocket":
            took = max(0.0, float(entry.get("time") or 0)) / _MILLISECONDS
            session.closed = _epoch(entry["startedDateTime"]) + took

    def result(self, name: str) -> Recorded:
        """Return the sessions and requests that were read.

        Raises:
            HARError: no entry belongs to a Socket.IO connection with packets.
        """
        sessions = [session for session in self._sessions.values() if _is_whole(session)]
        for session in sessions:
            session.frames.sort(key=lambda frame: frame[0])
        sessions.sort(key=lambda session: session.frames[0][0])
        if not sessions:
            raise HARError(
                f"no Socket.IO packets in {name}"
                + (f": {self._without_frames}" if self._without_frames else "")
            )
        self._requests.sort(key=lambda request: request.time)
        return Recorded(name, sessions, self._requests)

    def _frames(self, entry: Any, transport: str) -> list[tuple[float, str, str, EncodedPacket]]:
        started = _epoch(entry["startedDateTime"])
        if transport == "websocket":
            return [
                (_time(message.get("time"), started, number), *_message(message))
                for number, message in enumerate(self._messages(entry))
                if message.get("opcode", _TEXT) in {_TEXT, _BINARY}
            ]
        if entry["response"]["status"] != _OK:
            return []
        if entry["request"]["method"] == "POST":
            body, time, way = self._body(entry["request"].get("postData") or {}), started, SENT
        else:
            took = max(0.0, float(entry.get("time") or 0)) / _MILLISECONDS
            body, time, way = self._body(entry["response"]["content"]), started + took, RECEIVED
        if not body:
            self._without_frames = "the bodies of polling were not recorded"
            return []
        return [(time, way, "polling", packet) for packet in body.split(engineio.SEPARATOR)]

    def _messages(self, entry: Any) -> Iterable[Any]:
        messages = entry.get("_webSocketMessages")
        if messages is not None:
            return messages  # type: ignore[no-any-return]
        name = entry["response"].get("content", {}).get("_file", "")
        if name:
            return map(json.loads, self._attached(name).decode().splitlines())
        self._without_frames = "the websocket's frames were not recorded"
        return ()

    def _body(self, content: Any) -> str | None:
        if content.get("_file"):
            return self._attached(content["_file"]).decode("utf-8", "replace")
        text = content.get("text")
        if text is not None and content.get("encoding") == "base64":
            return base64.b64decode(text).decode("utf-8", "replace")
        if text is None and content.get("params"):
            pairs = (f"{param['name']}={param.get('value', '')}" for param in content["params"])
            return "&".join(pairs)
        return None if text is None else str(text)

    def _request(self, entry: Any) -> RecordedRequest:
        request, response = entry["request"], entry["response"]
        started = _epoch(entry["startedDateTime"])
        body = request.get("postData") or {}
        headers = {item["name"].lower(): item["value"] for item in response.get("headers", ())}
        content = response.get("content", {})
        return RecordedRequest(
            time=started,
            ended=started + max(0.0, float(entry.get("time") or 0)) / _MILLISECONDS,
            method=request["method"],
            url=request["url"],
            headers=_headers(request),
            body=self._body(body),
            body_type=body.get("mimeType", ""),
            status=int(response["status"]),
            response_type=content.get("mimeType") or headers.get("content-type", ""),
            response=self._body(content),
            cookies=_cookies(response),
            kind=str(entry.get("_resourceType", "")),
        )


def _is_whole(session: RecordedSession) -> bool:
    """Return whether a session has a packet of the client and the OPEN packet of the server."""
    return any(way == SENT for _, way, _, _ in session.frames) and any(
        _sid(frame) for _, way, _, frame in session.frames if way == RECEIVED
    )


def _headers(request: Any) -> dict[str, str]:
    return {item["name"].lower(): item["value"] for item in request.get("headers", ())}


def _cookies(response: Any) -> dict[str, str]:
    """Return the cookies that a response sets, by name."""
    cookies: SimpleCookie = SimpleCookie()
    for item in response.get("headers", ()):
        if item["name"].lower() == "set-cookie":
            # Playwright writes several in one value, a line for each.
            for line in item["value"].splitlines():
                cookies.load(line)
    listed = {item["name"]: item["value"] for item in response.get("cookies") or ()}
    return {name: morsel.value for name, morsel in cookies.items()} | listed


def _sid(frame: EncodedPacket) -> str:
    """Return the session id in an OPEN packet; "" for any other packet."""
    if isinstance(frame, str) and frame.startswith("0{"):
        try:
            return str(json.loads(frame[1:])["sid"])
        except (ValueError, KeyError):
            return ""
    return ""


def _message(message: Any) -> tuple[str, str, EncodedPacket]:
    way = SENT if message["type"] == "send" else RECEIVED
    data = message["data"]
    if message.get("opcode", _TEXT) == _BINARY:
        try:
            return way, "websocket", base64.b64decode(data, validate=True)
        except ValueError:
            return way, "websocket", str(data).encode("latin-1", "replace")
    return way, "websocket", str(data)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _time(value: Any, started: float, number: int) -> float:
    """Return a frame's time in seconds since the epoch.

    Args:
        value: the time in the file: seconds from Chrome, milliseconds or -1 from Playwright.
        started: when the request started, for a frame without a time.
        number: the position of the frame.
    """
    if not isinstance(value, int | float) or value <= 0:
        return started + number * 1e-6
    return value / _MILLISECONDS if value > _MILLISECONDS_FROM else float(value)
