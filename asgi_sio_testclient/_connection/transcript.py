"""The transcript of one client: every packet in both directions, and its HTTP requests. Frames are
stored as they were sent, and decoded when the transcript is read.
"""

from __future__ import annotations

import itertools
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

from asgi_sio_testclient._error_texts import printable
from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient._http.urls import session_url
from asgi_sio_testclient._protocol import engineio, packets
from asgi_sio_testclient._protocol.names import EncodedPacket

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from socketio.packet import Packet

    from asgi_sio_testclient._server.runs import HandlerRun
    from asgi_sio_testclient.trace import ClientLog, Failure, Recording, Trace

__all__ = ["Transcript", "TranscriptEntry", "shorten"]

__tracebackhide__ = True

Record = tuple[float, str, str, Any]  # time, direction, transport, frame or HTTP request
_RunKey = tuple[str, str, int | None]  # event, namespace, ack id

MAX_PACKETS = 10_000
TRIM_EVERY = 1024
SENT, RECEIVED = "sent", "received"
HTTP = "http"
_WIDTH = 100
_SHOWN_ARGUMENTS = 60
_MASK = "***"
_CONNECT = "0"
_CONTEXT = 200  # packets before the first one that is read, which may be needed to interpret it
_ARROWS = {SENT: "->", RECEIVED: "<-"}


@dataclass(frozen=True)
class TranscriptEntry:
    """One packet, or one HTTP request of ``client.http``.

    Attributes:
        time: seconds since the client first connected or made a request.
        direction: "sent" or "received"; an HTTP request is "sent".
        transport: "websocket" or "polling"; "http" for a request.
        engineio_type: "OPEN", "MESSAGE", ...; "HTTP" for a request.
        socketio_type: "CONNECT", "EVENT", ...; None if the packet is not Socket.IO's; "ATTACHMENT"
            for an attachment.
        namespace: the namespace, or None.
        event: the name of an event, or None.
        args: the values of an event or an ack; the method, the URL (with masked values of its
            query) and the status of a request; else the data, if any.
        attachments: how many binary parts follow.
        id: the ack id.
        handler: the run of the app's handler that the packet started, with ``.name`` and
            ``.duration`` (seconds); or None.
        frame: the encoded packet.
        request: the HTTP request, with ``.method``, ``.url``, ``.status`` and ``.duration``
            (seconds); None for a packet.
    """

    time: float
    direction: str
    transport: str
    engineio_type: str
    socketio_type: str | None = None
    namespace: str | None = None
    event: str | None = None
    args: tuple[Any, ...] = ()
    attachments: int = 0
    id: int | None = None
    frame: EncodedPacket = field(default="", repr=False)
    handler: HandlerRun | None = field(default=None, compare=False)
    request: HTTPRequest | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return one line that fits a terminal; possible secrets are masked."""
        line = (
            f"{self.time * 1000:9.2f} ms {_ARROWS[self.direction]} {self.transport:9} {self.label}"
        )
        if self.handler is not None and self.handler.duration is not None:
            line += (
                f"  [{self.handler.name or 'no handler'}: {self.handler.duration * 1000:.2f} ms]"
            )
        if self.request is not None and self.request.duration is not None:
            line += f"  [{self.request.duration * 1000:.2f} ms]"
        return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."

    @property
    def label(self) -> str:
        """Type, namespace, event and arguments, shortened."""
        if self.request is not None:
            return self.request.label
        if self.socketio_type is None:
            return " ".join((self.engineio_type, *(shorten(arg) for arg in self.args)))
        parts = [self.socketio_type]
        if self.namespace not in (None, "/"):
            parts.append(printable(str(self.namespace)).replace("\n", "\\n"))
        if self.id is not None:
            parts.append(f"#{self.id}")
        if self.event is not None:
            parts.append(repr(self.event))
        if self.attachments:
            parts.append(f"({self.attachments} attachment{'s' if self.attachments > 1 else ''})")
        parts.extend(_MASK if self.has_auth else shorten(arg) for arg in self.args)
        return " ".join(parts)

    def __repr__(self) -> str:
        """Return the repr of a dataclass, masked like the label: pytest shows it for a failed
        assert.
        """
        shown = {name: getattr(self, name) for name in _SHOWN_IN_REPR}
        shown["args"] = self.shown_args
        return f"TranscriptEntry({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    @property
    def shown_args(self) -> tuple[Any, ...]:
        """The arguments as the text shows them: an auth payload is masked."""
        return (_MASK,) * len(self.args) if self.has_auth else self.args

    @property
    def has_auth(self) -> bool:
        """Whether the arguments are an auth payload, which is masked in texts."""
        if self.direction != SENT:
            return False
        if self.socketio_type == "MALFORMED":
            return isinstance(self.args[0], str) and self.args[0].startswith(_CONNECT)
        return self.socketio_type == "CONNECT"


_SHOWN_IN_REPR = [attribute.name for attribute in fields(TranscriptEntry) if attribute.repr]

observers: list[Callable[[Transcript], None]] = []
"""Functions that are called with each new transcript; the pytest plugin shows the transcripts of a
failed test.
"""


class Transcript(Sequence[TranscriptEntry]):
    """The packets and HTTP requests of one client, oldest first; the last 10,000 of them. ``str()``
    returns a text with a line for each packet.
    """

    def __init__(
        self, packet_class: type[Packet], name: str, others: Callable[[], Iterable[Transcript]]
    ) -> None:
        self.name = name
        # The base_url and the socketio_path of the client, as in `TestClient`.
        self.options: Any = None
        self._packet_class = packet_class
        self._others = others
        # Packets, and the runs of handlers that they started, in order; a packet starts at most one
        # run. Not a deque: an empty deque takes 760 bytes, and most clients send few packets.
        self.notes: list[Record | HandlerRun] = []
        # Called in the hot path by the session, so this is the method of the list.
        self.note: Callable[[Record | HandlerRun], None] = self.notes.append
        self.trim_at = TRIM_EVERY
        self._most = MAX_PACKETS
        self._trimmed = 0
        for observer in observers:
            observer(self)
        self._began: float | None = None

    def begin(self) -> None:
        """Start the clock, at the first connect or request."""
        if self._began is None:
            self._began = perf_counter()

    def note_request(self, request: HTTPRequest) -> None:
        """Add an HTTP request, which begins now."""
        if self._began is None:
            self._began = request.started
        self.note((request.started, SENT, HTTP, request))
        if len(self.notes) > self.trim_at:
            self.trim()

    def trim(self) -> None:
        """Remove the oldest entries. Called when there are more than `trim_at` entries."""
        old = self.notes[: -2 * self._most]
        del self.notes[: len(old)]
        self._trimmed += sum(isinstance(note, tuple) for note in old)
        self.trim_at = len(self.notes) + min(TRIM_EVERY, self._most)

    def keep(self, packets: int) -> None:
        """Keep fewer packets than the last 10,000. Call this before the first packet."""
        self._most = self.trim_at = packets

    # -- reading

    def count_received(self, event: str, namespace: str) -> int:
        """Return how many events of that name arrived."""
        return sum(
            entry.direction == RECEIVED
            and entry.event == event
            and namespace in {"*", entry.namespace}
            for entry in self
        )

    def last_received(self, event: str, namespace: str) -> float:
        """Return when the latest event of that name arrived, in seconds of `time.perf_counter`;
        0.0 without one.
        """
        times = [
            entry.time
            for entry in self
            if entry.direction == RECEIVED
            and entry.event == event
            and namespace in {"*", entry.namespace}
        ]
        return self._origin + times[-1] if times else 0.0

    def last_sent(self) -> float:
        """Return when the latest packet was sent, in seconds of `time.perf_counter`; 0.0
        without one.
        """
        times = [time for time, way, _, _ in self._records() if way == SENT]
        return times[-1] if times else 0.0

    def connected_since(self) -> dict[str, float]:
        """Return when each namespace was last connected, in seconds of `time.perf_counter`."""
        return {
            str(entry.namespace): self._origin + entry.time
            for entry in self
            if entry.direction == RECEIVED and entry.socketio_type == "CONNECT"
        }

    @property
    def dropped(self) -> int:
        """How many packets were removed because only the last 10,000 are kept."""
        return self._trimmed + max(0, self._kept() - self._most)

    @property
    def handlers(self) -> list[HandlerRun]:
        """The runs of the app's handlers that packets of this client started, oldest first."""
        runs = [note for note in list(self.notes) if not isinstance(note, tuple)]
        return runs[-self._most :]

    def sizes_sent(self, count: int) -> list[int]:
        """Return the sizes of the packets sent among the last `count` packets, in characters or
        bytes.
        """
        return [len(frame) for _, way, _, frame in self._records(count) if way == SENT]

    def _records(self, count: int | None = None) -> list[Record]:
        """Return the last `count` packets and requests; for None, all that are kept."""
        count = self._most if count is None else min(count, self._most)
        # A copy: a transcript may be read in another thread than the event loop's.
        latest = (note for note in reversed(list(self.notes)) if note.__class__ is tuple)
        records: list[Any] = list(itertools.islice(latest, count))
        records.reverse()
        return records

    def __len__(self) -> int:
        return min(self._kept(), self._most)

    def _kept(self) -> int:
        return list(map(type, self.notes)).count(tuple)

    @overload
    def __getitem__(self, index: int) -> TranscriptEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[TranscriptEntry]: ...
    def __getitem__(self, index: int | slice) -> TranscriptEntry | list[TranscriptEntry]:
        if isinstance(index, slice):
            return self._entries()[index]
        records = self._records(_CONTEXT - index if index < 0 else None)
        position = range(len(records))[index]
        start = max(0, position - _context_of(records, position))
        return self._read(records, start, position + 1)[-1]

    def __iter__(self) -> Iterator[TranscriptEntry]:
        return iter(self._entries())

    def __str__(self) -> str:
        lines = [str(entry) for entry in self._entries()]
        if self.dropped:
            lines.insert(0, f"({self.dropped} older packets were dropped)")
        return "\n".join(lines) if lines else "(no packets)"

    def __repr__(self) -> str:
        return f"<Transcript of {self.name}: {len(self)} packets>"

    def tail(self, count: int) -> list[str]:
        """Return the last `count` lines of the text."""
        return [str(entry) for entry in self._read(self._records(_CONTEXT))[-count:]]

    def to_mermaid(self) -> str:
        """Return a mermaid sequence diagram of this client and all others of the same running
        app.
        """
        transcripts = list(self._others()) or [self]
        rows = sorted(
            (
                (transcript._origin + entry.time, number, transcript.name, entry)
                for transcript in transcripts
                for number, entry in enumerate(transcript._entries())
            ),
            key=lambda row: row[:2],
        )
        lines = ["sequenceDiagram"]
        lines += [f"    participant {transcript.name}" for transcript in transcripts]
        lines.append("    participant server")
        for _, _, name, entry in rows:
            ends = (name, "server") if entry.direction == SENT else ("server", name)
            lines.append(f"    {ends[0]}->>{ends[1]}: {_mermaid_text(entry.label)}")
        return "\n".join(lines)

    # -- exports

    def to_trace(
        self,
        *,
        title: str = "",
        outcome: str = "",
        failure: Failure | None = None,
        recording: Recording | None = None,
        transcripts: Iterable[Transcript] = (),
    ) -> Trace:
        """Return a trace of this client and all others of the same running app.

        Args:
            title: the title; by default the client's name.
            outcome: "passed", "failed" or "".
            failure: the failure of the test, or None.
            recording: the recording; by default the active `trace.recording`.
            transcripts: transcripts that are used in the place of those of the same app.
        """
        from asgi_sio_testclient import trace  # noqa: PLC0415 (only where it is asked for)

        shown = list(transcripts) or list(self._others()) or [self]
        return trace.build(
            [transcript._log() for transcript in shown],
            recording or trace.active(),
            title=title or f"Socket.IO trace of {self.name}",
            outcome=outcome,
            failure=failure,
        )

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a trace as one HTML file that needs no network, and return its path.

        The trace has this client and all others of the same running app, the handlers that ran, and
        arrows from causes to effects. Auth payloads are masked. Within
        `asgi_sio_testclient.trace.recording`, the trace also has the waits of each handler;
        otherwise, the handler that emitted an event is inferred from the order in time.

        Raises:
            OSError: the file can't be written. Missing folders are made.
        """
        return self.to_trace().to_html(path)

    def to_chrome_trace(self, path: str | os.PathLike[str]) -> Path:
        """Write the same as trace-event JSON, which Perfetto (ui.perfetto.dev) and
        chrome://tracing open, and return its path.

        Raises:
            OSError: the file can't be written. Missing folders are made.
        """
        return self.to_trace().to_chrome_trace(path)

    def to_har(self, path: str | os.PathLike[str], *, secrets: bool = False) -> Path:
        """Write this client's packets and HTTP requests as a HAR file, and return its path.

        Websocket frames are in ``_webSocketMessages``, as Chrome and Playwright write them.

        Args:
            path: the path of the file. Missing folders are created.
            secrets: whether auth payloads are written unchanged; if not, each text in them is
                ``"***"``.

        Raises:
            OSError: the file can't be written.
        """
        from asgi_sio_testclient.trace import write_har  # noqa: PLC0415 (as above)

        return write_har(path, self._log(), secrets=secrets)

    def portable(self) -> list[dict[str, Any]]:
        """Return the packets and requests without values that differ from run to run, for
        snapshots.

        The result has one dict for each packet of Socket.IO and for each HTTP request, without
        times and heartbeat. Ack ids, session ids, UUIDs and timestamps are numbered in their order
        (``"<sid 1>"``); auth payloads are masked.
        """
        from asgi_sio_testclient.trace import portable  # noqa: PLC0415 (as above)

        return portable(self._log())

    def _log(self) -> ClientLog:
        from asgi_sio_testclient.trace import ClientLog  # noqa: PLC0415 (as above)

        entries = self._entries()
        return ClientLog(
            name=self.name,
            url=self._url,
            origin=self._origin,
            packets=[entry for entry in entries if entry.request is None],
            runs=self.handlers,
            requests=[entry.request for entry in entries if entry.request is not None],
        )

    @property
    def _url(self) -> str:
        if self.options is None:
            return session_url("http://testserver", "socket.io")
        return session_url(self.options.base_url, self.options.socketio_path)

    @property
    def _origin(self) -> float:
        return self._began or 0.0

    def _entries(self) -> list[TranscriptEntry]:
        return self._read(self._records())

    def _read(
        self, records: list[Record], start: int = 0, stop: int | None = None
    ) -> list[TranscriptEntry]:
        """Return the entries of `records` from `start` to `stop`."""
        records = records[start:]
        runs = self._runs_since(records[0][0]) if records else []
        reader = _Reader(self._packet_class, records, runs, self._origin)
        count = len(records) if stop is None else stop - start
        return [reader.read(index) for index in range(count)]

    def _runs_since(self, moment: float) -> list[HandlerRun]:
        """Return the runs of handlers that were noted after a packet of that time, oldest first."""
        runs: list[HandlerRun] = []
        for note in reversed(list(self.notes)):
            if not isinstance(note, tuple):
                runs.append(note)
            elif note[0] < moment:
                break
        runs.reverse()
        return runs


def _context_of(records: list[Record], position: int) -> int:
    """Return how many packets before an entry have to be read with it: to find the packet of an
    attachment, and the event that started a handler.
    """
    _, direction, transport, frame = records[position]
    alone = direction == RECEIVED and isinstance(frame, str) and not frame.startswith("b")
    return 0 if alone or transport == HTTP else _CONTEXT


class _Reader:
    """Reads records in order, and assigns attachments to the packet before them, and handlers to
    the event that started them.
    """

    def __init__(
        self,
        packet_class: type[Packet],
        records: list[Record],
        runs: list[HandlerRun],
        origin: float,
    ) -> None:
        self._packet_class = packet_class
        self._records = records
        self._runs: defaultdict[_RunKey, deque[HandlerRun]] = defaultdict(deque)
        for run in runs:
            self._runs[run.event, run.namespace, run.id].append(run)
        self._origin = origin
        self._attachments = {SENT: 0, RECEIVED: 0}

    def read(self, index: int) -> TranscriptEntry:
        """Return the entry of one record. Call this for each record, in order."""
        time, direction, transport, frame = self._records[index]
        if transport == HTTP:
            return self._request(time - self._origin, frame)
        entry = partial(TranscriptEntry, time - self._origin, direction, transport, frame=frame)
        try:
            packet = engineio.decode(frame)
        except ProtocolError:
            return entry("MALFORMED", args=(frame,))
        if packet.packet_type != engineio.MESSAGE:
            name = engineio.packet_name(packet.packet_type)
            args = () if packet.data in (None, "") else (packet.data,)
            return entry(name, args=args)
        if packet.binary and self._attachments[direction]:
            self._attachments[direction] -= 1
            return entry("MESSAGE", "ATTACHMENT", args=(packet.data,))
        message = packet.data if packet.binary else frame[1:]
        try:
            found = self._message(self._packet_class(encoded_packet=message), index)
        except Exception:  # noqa: BLE001 (a custom class's errors are of any type)
            return entry("MESSAGE", "MALFORMED", args=(message,))
        return entry("MESSAGE", **found)

    def _request(self, time: float, request: HTTPRequest) -> TranscriptEntry:
        args = (request.method, request.url, request.status)
        return TranscriptEntry(time, SENT, HTTP, "HTTP", args=args, request=request)

    def _message(self, packet: Any, index: int) -> dict[str, Any]:
        """Return the fields of a Socket.IO packet's entry beside its frame."""
        direction = self._records[index][1]
        self._attachments[direction] = packet.attachment_count
        attachments = self._parts(index, packet.attachment_count)
        if attachments and len(attachments) == packet.attachment_count:
            packet.data = packet.reconstruct_binary(packet.data, attachments)
        kind, event = packets.packet_name(packet.packet_type), None
        args: tuple[Any, ...] = () if packet.data is None else (packet.data,)
        if isinstance(packet.data, list):
            args = tuple(packet.data)
            if kind.endswith("EVENT"):
                event, args = str(args[0]), args[1:]
        namespace = packet.namespace or "/"
        run = None
        if direction == SENT:
            run = self._run_of(event or kind.lower(), namespace, packet.id)
        return {
            "socketio_type": kind,
            "namespace": namespace,
            "event": event,
            "args": args,
            "attachments": packet.attachment_count,
            "id": packet.id,
            "handler": run,
        }

    def _parts(self, index: int, count: int) -> list[bytes]:
        """Return the attachments that follow a record."""
        direction = self._records[index][1]
        parts: list[bytes] = []
        while len(parts) < count and index + 1 < len(self._records):
            index += 1
            _, way, transport, frame = self._records[index]
            if way == direction and transport != HTTP:
                try:
                    packet = engineio.decode(frame)
                except ProtocolError:
                    break
                if not packet.binary:
                    break
                parts.append(packet.data)
        return parts

    def _run_of(self, event: str, namespace: str, id_: int | None) -> HandlerRun | None:
        """Return the run that a sent packet started; None if the app has no handler for it."""
        runs = self._runs.get((event, namespace, id_))
        run = runs.popleft() if runs else None
        return run if run is not None and run.name else None


def shorten(value: Any, limit: int = _SHOWN_ARGUMENTS) -> str:
    """Return a value as text: as JSON if possible, cut to `limit` characters."""
    if isinstance(value, bytes | bytearray):
        text = f"<{len(value)} bytes>"
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            text = repr(value)
    text = printable(text).replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _mermaid_text(text: str) -> str:
    # Mermaid reads ";" as the end of a line and "#" as the beginning of an entity.
    return text.translate({ord("#"): "#35;", ord(";"): "#59;"})
