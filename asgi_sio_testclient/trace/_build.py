"""Builds a trace from the logs of clients and a recording. Uses packets, runs and requests through
Protocols only.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from asgi_sio_testclient.trace._items import Item, Mark, Span, started
from asgi_sio_testclient.trace._recording import Emit, Recording, Wait
from asgi_sio_testclient.trace._text import one_line, pretty
from asgi_sio_testclient.trace._trace import Trace

__all__ = ["ClientLog", "Failure", "Packet", "Request", "Run", "build"]

__tracebackhide__ = True


class Packet(Protocol):
    """A packet of one client; see `TranscriptEntry` for the attributes."""

    @property
    def time(self) -> float: ...
    @property
    def direction(self) -> str: ...
    @property
    def transport(self) -> str: ...
    @property
    def engineio_type(self) -> str: ...
    @property
    def socketio_type(self) -> str | None: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def event(self) -> str | None: ...
    @property
    def args(self) -> tuple[Any, ...]: ...
    @property
    def shown_args(self) -> tuple[Any, ...]: ...
    @property
    def id(self) -> int | None: ...
    @property
    def handler(self) -> Any: ...
    @property
    def label(self) -> str: ...
    @property
    def frame(self) -> Any: ...
    @property
    def has_auth(self) -> bool: ...


class Run(Protocol):
    """A run of a handler."""

    event: str
    namespace: str
    sid: str | None
    id: int | None
    started: float
    ended: float | None
    error: BaseException | None

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def place(self) -> str: ...


class Request(Protocol):
    """An HTTP request of a client and its response."""

    method: str
    url: str
    full_url: str
    content_type: str
    body: bytes | None
    response_type: str
    response_body: bytes | None
    status: int | None
    started: float
    ended: float | None
    error: BaseException | None


@dataclass(eq=False, slots=True)
class ClientLog:
    """The packets, requests and handler runs of one client.

    Attributes:
        name: the title of the client's lane.
        origin: the value of `time.perf_counter` at the packets' time 0, in seconds.
        packets: the packets, oldest first.
        runs: the runs of handlers that the client's packets started.
        requests: the HTTP requests.
        url: the URL at which the client's sessions are opened, without the query.
    """

    name: str
    origin: float
    packets: Sequence[Packet]
    runs: Sequence[Run] = ()
    requests: Sequence[Request] = ()
    url: str = "http://testserver/socket.io/"


@dataclass(eq=False, slots=True)
class Failure:
    """The failure of the test.

    Attributes:
        time: when the test failed, in seconds of `time.perf_counter`.
        title: one line.
        detail: further lines, such as the traceback.
    """

    time: float
    title: str
    detail: str = ""


_SEARCHED_SPANS = 200  # the latest spans in which the emitter of an event is searched for
_RECENT = 0.005  # seconds; an emitted event arrives within a few turns of the loop
_NAMES = {"EVENT": "events", "BINARY_EVENT": "events", "ACK": "acks", "BINARY_ACK": "acks"}
_CONNECTS = {"CONNECT", "CONNECT_ERROR", "DISCONNECT"}
_HEARTBEAT = {"PING", "PONG", "NOOP"}
_SERVER_ERROR = 400
_SHORT = 0.001  # seconds; shorter waits of the test are left out


def build(
    logs: Iterable[ClientLog],
    recording: Recording | None = None,
    *,
    title: str = "Socket.IO trace",
    outcome: str = "",
    failure: Failure | None = None,
) -> Trace:
    """Return the trace of the clients of one test.

    Args:
        logs: the log of each client.
        recording: emits and waits recorded on the server; without a recording, the handler that
            emitted an event is inferred from the order in time.
        title: the title of the page, such as the test's name.
        outcome: "passed", "failed" or "".
        failure: the failure of the test, or None.
    """
    builder = _Builder(Trace(title, outcome), list(logs), recording or Recording())
    return builder.build(failure)


@dataclass(eq=False, slots=True)
class _Builder:
    trace: Trace
    logs: list[ClientLog]
    recording: Recording
    spans: dict[int, Span] = field(default_factory=dict)  # by the run's id()
    runs: list[Run] = field(default_factory=list)
    requests: list[Span] = field(default_factory=list)
    sources: list[Span] = field(default_factory=list)  # spans that may have emitted, by start
    emitters: dict[int, Span] = field(default_factory=dict)  # by the emit mark's id()
    emits: dict[tuple[str, str], list[tuple[Emit, Mark]]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)  # client names by session id
    undelivered: dict[tuple[str, str, str], list[tuple[Emit, Mark]]] = field(default_factory=dict)
    problems: list[tuple[float, str, Item]] = field(default_factory=list)

    def build(self, failure: Failure | None) -> Trace:
        trace = self.trace
        if failure is not None:
            trace.lane("test", "test")
        for log in self.logs:
            trace.lane(log.name, "client")
        trace.lane("server", "server")
        self._add_runs()
        for log in self.logs:
            self._add_requests(log)
        self._add_emits()
        self._note_sids()
        self.sources.sort(key=lambda span: span.start)
        for log in self.logs:
            _Packets(self, log).add()
        self._add_waits()
        for note in self.recording.notes:
            lane = trace.lane("schedule", "schedule")
            mark = trace.add_mark(lane, note.text, note.time, kind=note.kind)
            self.problem(note.text, mark)
        self._mark_unreceived()
        if failure is not None:
            lane = trace.lane("test", "test")
            mark = trace.add_mark(
                lane, failure.title, failure.time, kind="assertion", failed=True,
                detail=failure.detail,
            )  # fmt: skip
            trace.add_problem(f"test failed: {failure.title}", mark)
        for _, text, item in sorted(self.problems, key=lambda problem: problem[0]):
            trace.add_problem(text, item)
        self._drop_empty_lanes()
        return trace

    def problem(self, text: str, item: Item) -> None:
        """Add a line to the problems at the top of the page."""
        self.problems.append((started(item), text, item))

    # -- handlers

    def _add_runs(self) -> None:
        seen: dict[int, Run] = {}
        for run in [run for log in self.logs for run in log.runs] + self.recording.runs:
            seen.setdefault(id(run), run)
        self.runs = sorted(
            (run for run in seen.values() if run.name and run.started != float("inf")),
            key=lambda run: run.started,
        )
        for run in self.runs:
            self._add_run(run)

    def _add_run(self, run: Run) -> None:
        name = run.name.rpartition("<locals>.")[2]
        lane = self.trace.lane(name, "handler", run.source)
        error = run.error
        lines = [f"event {run.event!r}, namespace {run.namespace!r}, sid {run.sid!r}"]
        if run.source:
            lines.append(f"defined at {run.source}")
        if run.ended is None:
            lines.append(f"has not ended; it waits at {run.place}" if run.place else "did not end")
        span = self.trace.add_span(
            lane, name, run.started, run.ended, kind="handler",
            failed=error is not None, detail="\n".join(lines),
        )  # fmt: skip
        self.spans[id(run)] = span
        self.sources.append(span)
        if error is not None:
            self._add_error(run, span, error)
        elif run.ended is None:
            where = f" at {run.place}" if run.place else ""
            self.problem(f"{name} has not ended{where}", span)

    def _add_error(self, run: Run, span: Span, error: BaseException) -> None:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        when = run.started if run.ended is None else run.ended
        place = _raised_at(error)
        detail = app_traceback(error)
        mark = self.trace.add_mark(
            span.lane, one_line(f"raised {text}"), when, kind="error", failed=True, detail=detail
        )
        self.trace.add_arrow(span, mark)
        self.problem(
            one_line(f"{span.title} raised {text}", 160) + (place and f" at {place}"), mark
        )

    def _add_emits(self) -> None:
        for emit in self.recording.emits:
            owner = self.spans.get(id(emit.run)) or self._request_at(emit.time)
            lane = self.trace.lane("server", "server") if owner is None else owner.lane
            room = "everybody" if emit.room is None else str(emit.room)
            label = " ".join([f"emit {emit.event!r}", *map(one_line, map(pretty, emit.args))])
            detail = f"to {room} in namespace {emit.namespace!r}"
            if emit.place:
                detail += f"\nfrom {emit.place}"
            mark = self.trace.add_mark(
                lane, one_line(label), emit.time, kind="emit", group="emits",
                detail="\n".join([detail, *map(pretty, emit.args)]),
            )  # fmt: skip
            if owner is not None:
                self.trace.add_arrow(owner, mark, inferred=owner.kind == "request")
                self.emitters[id(mark)] = owner
            self.emits.setdefault((emit.event, emit.namespace), []).append((emit, mark))

    def _request_at(self, time: float) -> Span | None:
        """Return the HTTP request that was pending at a time; None for none, or for several."""
        requests = [span for span in self.requests if span.start <= time]
        active = [span for span in requests if span.end is None or span.end >= time]
        return active[0] if len(active) == 1 else None

    def _add_waits(self) -> None:
        clients = {log.name for log in self.logs}
        for wait in self.recording.waits:
            span = self.spans.get(id(wait.run))
            if span is None and wait.client not in clients:
                continue
            if span is None and wait.error is None and _duration_of(wait) < _SHORT:
                continue
            self._add_wait(wait, span)

    def _add_wait(self, wait: Wait, span: Span | None) -> None:
        lane = self.trace.lane(wait.client, "client") if span is None else span.lane
        failed = isinstance(wait.error, Exception)
        error = "" if wait.error is None else f"{type(wait.error).__name__}: {wait.error}"
        item = self.trace.add_span(
            lane, wait.what, wait.start, wait.end, kind="wait", failed=failed,
            detail="\n".join(filter(None, [wait.place, error])),
        )  # fmt: skip
        if failed and span is None:
            first = str(wait.error).partition("\n")[0]
            self.problem(one_line(f"{wait.client}: {wait.what} failed: {first}", 200), item)

    def _mark_unreceived(self) -> None:
        """Mark emits that no client of the test received."""
        reached = {id(arrow.source) for arrow in self.trace.arrows}
        for emits in self.emits.values():
            for _, mark in emits:
                if id(mark) not in reached:
                    mark.title += "  (reached no client here)"

    # -- HTTP

    def _add_requests(self, log: ClientLog) -> None:
        for request in log.requests:
            text = f"{request.method} {request.url}"
            status = "" if request.status is None else str(request.status)
            bad = request.error is not None or (request.status or 0) >= _SERVER_ERROR
            answer = status or (repr(request.error) if request.error is not None else "no response")
            sent = self.trace.add_mark(
                self.trace.lane(log.name, "client"), text, request.started, kind="sent",
                group="http",
            )  # fmt: skip
            span = self.trace.add_span(
                self.trace.lane("HTTP", "http"), f"{text} {answer}", request.started,
                request.ended, kind="request", failed=bad,
            )  # fmt: skip
            self.trace.add_arrow(sent, span)
            self.sources.append(span)
            self.requests.append(span)
            if request.ended is not None:
                back = self.trace.add_mark(
                    sent.lane, f"{answer} ({text})", request.ended, kind="received",
                    failed=bad, group="http",
                )  # fmt: skip
                self.trace.add_arrow(span, back)
            if bad:
                self.problem(f"{log.name}: {text} {answer}", span)

    # -- emitters of events

    def emitter(self, packet: Packet, time: float, client: str) -> tuple[Item | None, bool]:
        """Return the item that emitted an event, and whether the item is inferred from the order in
        time.

        Args:
            packet: the packet of the event.
            time: when the client received the packet.
            client: the name of the client.
        """
        key = (str(packet.event), str(packet.namespace))
        left = self.undelivered.setdefault((client, *key), list(self.emits.get(key, ())))
        for index, (emit, mark) in enumerate(left):
            if emit.time <= time and emit.args == packet.args and self._is_sent_to(emit, client):
                del left[index]
                return mark, False
        if self.recording.emits:
            return None, False
        near = [span for span in self.sources if span.start <= time][-_SEARCHED_SPANS:]
        active = [span for span in near if span.end is None or span.end >= time]
        if not active:
            active = [span for span in near if time - (span.end or time) <= _RECENT]
        return (active[-1], True) if active else (None, False)

    def _note_sids(self) -> None:
        for log in self.logs:
            for packet in log.packets:
                if packet.direction == "received" and packet.socketio_type == "CONNECT":
                    data = packet.args[0] if packet.args else None
                    if isinstance(data, dict):
                        self.owners[str(data.get("sid"))] = log.name

    def _is_sent_to(self, emit: Emit, client: str) -> bool:
        """Return whether an emit went to a client, by its room and its `skip_sid`."""
        owner = self.owners.get(str(emit.room))
        left_out = any(self.owners.get(str(sid)) == client for sid in emit.skipped)
        return owner in {None, client} and not left_out

    def _drop_empty_lanes(self) -> None:
        used = {id(span.lane) for span in self.trace.spans}
        used |= {id(mark.lane) for mark in self.trace.marks}
        self.trace.lanes = [
            lane for lane in self.trace.lanes if id(lane) in used or lane.kind == "client"
        ]


class _Packets:
    """Adds the packets of one client."""

    def __init__(self, builder: _Builder, log: ClientLog) -> None:
        self._builder = builder
        self._trace = builder.trace
        self._log = log
        self._lane = self._trace.lane(log.name, "client")
        self._server = self._trace.lane("server", "server")
        self._has_handlers = bool(log.runs)
        # By namespace and ack id: the item that answers an event of the client.
        self._asked: dict[tuple[str, int], Item] = {}
        # By namespace: the item that answers a CONNECT packet.
        self._connects: dict[str, Item] = {}
        # By namespace and ack id: the item that emitted an event of the server.
        self._called: dict[tuple[str, int], Item] = {}

    def add(self) -> None:
        for packet in self._log.packets:
            if packet.socketio_type == "ATTACHMENT":
                continue
            time = self._log.origin + packet.time
            if packet.direction == "sent":
                self._add_sent(packet, time)
            else:
                self._add_received(packet, time)

    def _mark(self, packet: Packet, time: float, *, failed: bool = False) -> Mark:
        kind = packet.socketio_type or packet.engineio_type
        group = _NAMES.get(kind, "connects" if kind in _CONNECTS else "engine.io")
        if packet.engineio_type in _HEARTBEAT:
            group = "heartbeat"
        lines = [f"{packet.transport}, namespace {packet.namespace!r}"]
        if packet.namespace is None:
            lines = [packet.transport]
        if packet.id is not None:
            lines.append(f"ack id {packet.id}")
        return self._trace.add_mark(
            self._lane, packet.label, time, kind=packet.direction, failed=failed, group=group,
            detail="\n".join([*lines, *map(pretty, packet.shown_args)]),
        )  # fmt: skip

    def _add_sent(self, packet: Packet, time: float) -> None:
        kind, namespace = packet.socketio_type, packet.namespace or "/"
        span = self._builder.spans.get(id(packet.handler))
        unhandled = kind in {"EVENT", "BINARY_EVENT"} and span is None and self._has_handlers
        mark = self._mark(packet, time, failed=unhandled or kind == "MALFORMED")
        target: Item | None = span
        if kind in {"ACK", "BINARY_ACK"} and packet.id is not None:
            target = self._called.pop((namespace, packet.id), None)
        if target is None:
            text = "no handler" if unhandled else ""
            target = self._trace.add_mark(self._server, text, time, kind="arrival")
        self._trace.add_arrow(mark, target)
        if unhandled:
            self._builder.problem(
                f"{self._lane.title}: no handler for {packet.event!r} in namespace {namespace!r}",
                mark,
            )
        if packet.id is not None and kind in {"EVENT", "BINARY_EVENT"}:
            self._asked[namespace, packet.id] = target
        elif kind == "CONNECT":
            self._connects[namespace] = target

    def _add_received(self, packet: Packet, time: float) -> None:
        kind, namespace = packet.socketio_type, packet.namespace or "/"
        refused = kind in {"CONNECT_ERROR", "MALFORMED"}
        mark = self._mark(packet, time, failed=refused)
        source, inferred = self._source(packet, time, namespace)
        if kind in {"EVENT", "BINARY_EVENT"} and packet.id is not None and source is not None:
            self._called[namespace, packet.id] = self._builder.emitters.get(id(source), source)
        if source is None:
            source = self._trace.add_mark(self._server, "", time, kind="departure")
        self._trace.add_arrow(source, mark, inferred=inferred)
        if refused:
            self._builder.problem(f"{self._lane.title}: {packet.label}", mark)

    def _source(self, packet: Packet, time: float, namespace: str) -> tuple[Item | None, bool]:
        kind = packet.socketio_type
        if kind in {"ACK", "BINARY_ACK"} and packet.id is not None:
            return self._asked.pop((namespace, packet.id), None), False
        if kind in {"CONNECT", "CONNECT_ERROR"}:
            return self._connects.get(namespace), False
        if kind in {"EVENT", "BINARY_EVENT"}:
            return self._builder.emitter(packet, time, self._lane.title)
        return None, False


def _duration_of(wait: Wait) -> float:
    return float("inf") if wait.end is None else wait.end - wait.start


def _raised_at(error: BaseException) -> str:
    """Return file and line of the innermost frame of the app in an error's traceback, or ""."""
    frames = _app_frames(error)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""


def _app_frames(error: BaseException) -> list[traceback.FrameSummary]:
    return [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not any(folder in frame.filename for folder in _LIBRARIES)
    ]


def app_traceback(error: BaseException) -> str:
    """Return the traceback of an error, with the frames of the app only, and the error's notes."""
    lines = traceback.format_list(_app_frames(error))
    return "".join([*lines, *traceback.format_exception_only(error)])


_LIBRARIES = ("site-packages", "asgi_sio_testclient/", "/lib/python3")
