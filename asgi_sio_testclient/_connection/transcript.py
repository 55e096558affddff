"""The transcript of one client: every packet in both directions, and its HTTP requests.

Frames are stored as they were sent, and decoded when the transcript is read: see
`transcript_reader`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

from asgi_sio_testclient._connection.transcript_entry import HTTP, RECEIVED, SENT, TranscriptEntry
from asgi_sio_testclient._connection.transcript_reader import (
    CONTEXT,
    Record,
    RecordReader,
    context_of,
)
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient._http.urls import session_url

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from socketio.packet import Packet

    from asgi_sio_testclient._server.runs import HandlerRun
    from asgi_sio_testclient.trace import ClientLog, Failure, Recording, Trace

__all__ = ["Transcript", "observers"]

__tracebackhide__ = True

MAX_PACKETS = 10_000
TRIM_EVERY = 1024

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
        records = self._records(CONTEXT - index if index < 0 else None)
        position = range(len(records))[index]
        start = max(0, position - context_of(records, position))
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
        return [str(entry) for entry in self._read(self._records(CONTEXT))[-count:]]

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
        reader = RecordReader(self._packet_class, records, runs, self._origin)
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


def _mermaid_text(text: str) -> str:
    # Mermaid reads ";" as the end of a line and "#" as the beginning of an entity.
    return text.translate({ord("#"): "#35;", ord(";"): "#59;"})
