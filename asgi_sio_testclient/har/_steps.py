"""The steps of a recording: emits, acks, events and requests, made from the recorded packets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._connection.transcript_entry import TranscriptEntry
from asgi_sio_testclient._protocol.packets import packet_class_for
from asgi_sio_testclient.har._file import Recorded, RecordedRequest, RecordedSession
from asgi_sio_testclient.har._pages import has_token, tokens_sent

__all__ = [
    "CloseConnection",
    "Connect",
    "Disconnect",
    "Emit",
    "Receive",
    "Request",
    "Script",
    "ServerDisconnect",
    "Step",
    "User",
    "added_headers",
    "script_of",
]  # fmt: skip

__tracebackhide__ = True


@dataclass(eq=False)
class User:
    """A client of the test: sessions of one browser that follow one another.

    Attributes:
        name: the name of the client's variable.
        session: the first of the sessions.
        serializer: "default" or "msgpack".
        until: when the last session ended, in seconds since the epoch; infinite if the file does
            not have the time.
        last: when the last packet of the last session was sent or received.
    """

    name: str
    session: RecordedSession
    serializer: str
    until: float = 0.0
    last: float = 0.0


@dataclass(eq=False)
class Step:
    """One step of a recording.

    Attributes:
        time: when the step happened, in seconds since the epoch.
        user: the client of the step.
        namespace: the namespace of the step.
    """

    time: float
    user: User
    namespace: str


@dataclass(eq=False)
class Connect(Step):
    """A CONNECT packet and its answer.

    Attributes:
        session: the session that the packet opened; None for a further namespace of a session.
        auth: the auth payload.
        sid: the session id of the accepted connection; "" if the server refused.
        refused: the data of the refusal, in a tuple; None if the server accepted.
    """

    session: RecordedSession | None = None
    auth: Any = None
    sid: str = ""
    refused: tuple[Any, ...] | None = None


@dataclass(eq=False)
class Emit(Step):
    """An event that the client sent.

    Attributes:
        event: the name of the event.
        args: the arguments.
        ack: the values of the ack; None without an ack.
        acked: when the ack arrived, in seconds since the epoch.
        wanted: whether the client requested an ack.
    """

    event: str = ""
    args: tuple[Any, ...] = ()
    ack: tuple[Any, ...] | None = None
    acked: float = 0.0
    wanted: bool = False


@dataclass(eq=False)
class Receive(Step):
    """An event that the client received.

    Attributes:
        event: the name of the event.
        args: the arguments.
        answer: the values of the ack that the client sent; None without an ack.
    """

    event: str = ""
    args: tuple[Any, ...] = ()
    answer: tuple[Any, ...] | None = None


@dataclass(eq=False)
class Disconnect(Step):
    """A DISCONNECT packet of the client: the client disconnects from one namespace."""


@dataclass(eq=False)
class ServerDisconnect(Step):
    """A DISCONNECT packet of the server."""


@dataclass(eq=False)
class CloseConnection(Step):
    """The end of a connection by the client, followed by further steps.

    Attributes:
        since: when the last packet of the connection travelled: it ended between that and `time`.
    """

    since: float = float("inf")


@dataclass(eq=False)
class Request(Step):
    """An HTTP request and its response."""

    request: RecordedRequest


@dataclass(eq=False)
class Script:
    """The clients and steps of a recording.

    Attributes:
        name: the name of the file.
        users: the clients.
        steps: the steps, in order of time.
        packets: how many packets were recorded.
    """

    name: str
    users: list[User]
    steps: list[Step]
    packets: int


def script_of(recorded: Recorded) -> Script:
    """Return the clients and steps of a recording."""
    users: list[User] = []
    steps: list[Step] = []
    for session in recorded.sessions:
        began = session.frames[0][0]
        user = next((user for user in users if _may_return(user, session)), None)
        if user is None:
            name = "client" if not users else f"client{len(users) + 1}"
            user = User(name, session, _serializer(session))
            users.append(user)
        elif not isinstance(_last_of(steps, user), Disconnect | ServerDisconnect):
            steps.append(CloseConnection(min(user.until, began), user, "/", user.last))
        user.until, user.last = session.ended, session.frames[-1][0]
        steps += _Session(session, user).steps()
    steps += _requests(recorded, users[0])
    steps.sort(key=lambda step: step.time)
    last = steps[-1].time if steps else 0.0
    for user in users:
        if user.until < last and not isinstance(
            _last_of(steps, user), Disconnect | ServerDisconnect
        ):
            steps.append(CloseConnection(user.until, user, "/"))
    steps.sort(key=lambda step: step.time)
    _put_causes_first(steps)
    _close_before_effects(steps)
    packets = sum(len(session.frames) for session in recorded.sessions)
    return Script(recorded.name, users, steps, packets)


_MILLISECOND = 0.0021  # seconds: HTTP requests have no finer times than a millisecond


def _put_causes_first(steps: list[Step]) -> None:
    """Move a sent step behind a received step of the same millisecond if the sent step has a text
    in it that first appears in the received step.
    """
    seen: set[str] = set()
    for step in list(steps):
        if isinstance(step, Emit | Request):
            unknown = _long_texts(_sent_by(step)) - seen
            for other in steps[steps.index(step) + 1 :]:
                if other.time > step.time + _MILLISECOND or not unknown:
                    break
                if isinstance(other, Receive) and unknown & _long_texts(_received_by(other)):
                    unknown -= _long_texts(_received_by(other))
                    steps.remove(step)
                    steps.insert(steps.index(other) + 1, step)
        seen |= _long_texts(_sent_by(step)) | _long_texts(_received_by(step))


def _close_before_effects(steps: list[Step]) -> None:
    """Move the end of a connection before the first event that only the end can cause: an event for
    another client with the session id, or an event before which no client sent anything.
    """
    for close in [step for step in steps if isinstance(step, CloseConnection)]:
        ended = steps[: steps.index(close)]
        sids = {step.sid for step in ended if isinstance(step, Connect) and step.user is close.user}
        sent = False
        for other in [step for step in ended if step.time > close.since]:
            sent = sent or isinstance(other, Emit | Request)
            for_another = isinstance(other, Receive) and other.user is not close.user
            if for_another and (not sent or sids & _long_texts(_received_by(other))):
                steps.remove(close)
                steps.insert(steps.index(other), close)
                break


def _long_texts(values: Any) -> set[str]:
    """Return the words of at least eight characters in some values."""
    return set(re.findall(r"[\w-]{8,}", json.dumps(values, default=str)))


def _sent_by(step: Step) -> Any:
    if isinstance(step, Request):
        return [step.request.url, step.request.body]
    return step.args if isinstance(step, Emit) else None


def _received_by(step: Step) -> Any:
    if isinstance(step, Request):
        return step.request.response
    if isinstance(step, Emit):
        return step.ack
    return step.args if isinstance(step, Receive) else None


def _may_return(user: User, session: RecordedSession) -> bool:
    """Return whether a session may be the next one of a client: after the client's last packet, at
    the same path.
    """
    return user.last < session.frames[0][0] and user.session.path == session.path


def _last_of(steps: list[Step], user: User) -> Step | None:
    return next((step for step in reversed(steps) if step.user is user), None)


def _serializer(session: RecordedSession) -> str:
    """Return the serializer: "msgpack" if the CONNECT packet is binary, else "default"."""
    sent = (frame for _, way, _, frame in session.frames if way == "sent")
    first = next((frame for frame in sent if isinstance(frame, bytes) or frame[:1] in "4b"), "")
    return "msgpack" if isinstance(first, bytes) or first.startswith("b") else "default"


_CLOSE = "1"  # Engine.IO's packet


class _Session:
    """The steps of one Engine.IO session."""

    def __init__(self, session: RecordedSession, user: User) -> None:
        self._user = user
        self._session = session
        self._steps: list[Step] = []
        self._connecting: dict[str, Connect] = {}
        self._ended: set[str] = set()
        self._emitted: dict[tuple[str, int], Emit] = {}
        self._received: dict[tuple[str, int], Receive] = {}
        packet_class = packet_class_for(user.serializer, None)
        self._transcript = Transcript(packet_class, user.name, lambda: ())
        for time, way, transport, frame in session.frames:
            self._transcript.note((time, way, transport, frame))
            if way == "sent" and frame == _CLOSE:
                break  # the browser's client ignores what arrives after its CLOSE

    def steps(self) -> list[Step]:
        """Return the steps of the session, in order of time."""
        for entry in self._transcript:
            if entry.socketio_type is not None:
                kind = entry.socketio_type.removeprefix("BINARY_")
                take = getattr(self, f"_{entry.direction}_{kind.lower()}", None)
                if take is not None:
                    take(entry, entry.namespace or "/")
        return self._steps

    def _add(self, step: Step) -> None:
        self._steps.append(step)

    def _sent_connect(self, entry: TranscriptEntry, namespace: str) -> None:
        auth = entry.args[0] if entry.args else None
        opened = None if self._connecting else self._session
        step = Connect(entry.time, self._user, namespace, opened, auth)
        self._connecting[namespace] = step
        self._ended.discard(namespace)
        self._add(step)

    def _received_connect(self, entry: TranscriptEntry, namespace: str) -> None:
        step = self._connecting.get(namespace)
        if step is not None and entry.args and isinstance(entry.args[0], dict):
            step.sid = str(entry.args[0].get("sid", ""))

    def _received_connect_error(self, entry: TranscriptEntry, namespace: str) -> None:
        step = self._connecting.get(namespace)
        if step is not None:
            step.refused = entry.args

    def _sent_event(self, entry: TranscriptEntry, namespace: str) -> None:
        step = Emit(entry.time, self._user, namespace, str(entry.event), entry.args)
        self._add(step)
        step.wanted = entry.id is not None
        if entry.id is not None:
            self._emitted[namespace, entry.id] = step

    def _received_ack(self, entry: TranscriptEntry, namespace: str) -> None:
        step = self._emitted.pop((namespace, entry.id or 0), None)
        if step is not None:
            step.ack, step.acked = entry.args, entry.time

    def _received_event(self, entry: TranscriptEntry, namespace: str) -> None:
        if namespace in self._ended:
            return  # the browser's client ignores the event, as `TestClient` does
        step = Receive(entry.time, self._user, namespace, str(entry.event), entry.args)
        connect = self._connecting.get(namespace)
        if connect is not None and not connect.sid:
            # A connect handler's emit arrives before the answer to CONNECT.
            step.time = connect.time
        self._add(step)
        if entry.id is not None:
            self._received[namespace, entry.id] = step

    def _sent_ack(self, entry: TranscriptEntry, namespace: str) -> None:
        step = self._received.pop((namespace, entry.id or 0), None)
        if step is not None:
            step.answer = entry.args

    def _sent_disconnect(self, entry: TranscriptEntry, namespace: str) -> None:
        self._ended.add(namespace)
        self._add(Disconnect(entry.time, self._user, namespace))

    def _received_disconnect(self, entry: TranscriptEntry, namespace: str) -> None:
        self._ended.add(namespace)
        self._add(ServerDisconnect(entry.time, self._user, namespace))


# -- HTTP

_CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_FETCHED = frozenset({"xhr", "fetch", ""})


def _requests(recorded: Recorded, user: User) -> Iterator[Step]:
    """Yield the requests to the app's host that change something, set cookies, fetch JSON, or get
    a page with a token that is sent later. Requests for other pages, scripts and pictures are left
    out.
    """
    host = urlsplit(recorded.sessions[0].url).netloc
    tokens = tokens_sent(recorded)
    for request in recorded.requests:
        own = urlsplit(request.url).netloc == host
        fetched = request.kind in _FETCHED and _json(request) is not None
        matters = request.sets_cookies or fetched or has_token(request, tokens)
        if own and (request.method in _CHANGES or matters):
            yield Request(request.time, user, "/", request)


_KEPT_HEADERS = re.compile(r"authorization|x-(?!requested-with|forwarded|real-ip|client-data).*")


def added_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that a script of the page has set: not those that browsers add."""
    return {name: value for name, value in headers.items() if _KEPT_HEADERS.fullmatch(name)}


def _json(request: RecordedRequest) -> Any:
    """Return the decoded JSON of a response; None for a response without JSON."""
    if "json" not in request.response_type or not request.response:
        return None
    try:
        return json.loads(request.response)
    except ValueError:
        return None
