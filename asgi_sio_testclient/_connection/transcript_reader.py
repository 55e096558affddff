"""Makes the entries of a transcript from its records: decodes packets, and finds the attachments of
a packet and the run of a handler that a packet started.
"""

from __future__ import annotations

from collections import defaultdict, deque
from functools import partial
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._connection.transcript_entry import HTTP, RECEIVED, SENT, TranscriptEntry
from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient._protocol import engineio, packets

if TYPE_CHECKING:
    from socketio.packet import Packet

    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["CONTEXT", "Record", "RecordReader", "context_of"]

__tracebackhide__ = True

Record = tuple[float, str, str, Any]  # time, direction, transport, frame or HTTP request
_RunKey = tuple[str, str, int | None]  # event, namespace, ack id
CONTEXT = 200  # packets before the first one that is read, which may be needed to interpret it


def context_of(records: list[Record], position: int) -> int:
    """Return how many packets before an entry have to be read with it: to find the packet of an
    attachment, and the event that started a handler.
    """
    _, direction, transport, frame = records[position]
    alone = direction == RECEIVED and isinstance(frame, str) and not frame.startswith("b")
    return 0 if alone or transport == HTTP else CONTEXT


class RecordReader:
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
