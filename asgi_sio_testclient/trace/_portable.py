"""A transcript without the values that differ from run to run, for snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from asgi_sio_testclient.trace._build import ClientLog, Packet, Request
from asgi_sio_testclient.trace._ids import TIME, UUID, kind_of

__all__ = ["portable"]

__tracebackhide__ = True

_ANYWHERE = re.compile(f"(?P<uuid>{UUID.pattern})|(?P<time>{TIME.pattern})", re.IGNORECASE)


def portable(log: ClientLog) -> list[dict[str, Any]]:
    """See `Transcript.portable`."""
    numbers = _Numbers()
    items: list[tuple[float, Packet | Request]] = [
        (log.origin + packet.time, packet) for packet in _shown(log)
    ]
    items += [(request.started, request) for request in log.requests]
    items.sort(key=lambda item: item[0])
    return [_row(item, numbers) for _, item in items]


def _row(item: Any, numbers: _Numbers) -> dict[str, Any]:
    return _request(item, numbers) if hasattr(item, "full_url") else _packet(item, numbers)


def _shown(log: ClientLog) -> Iterator[Packet]:
    """Yield the packets of Socket.IO: heartbeat and upgrade depend on time and transport."""
    for packet in log.packets:
        if packet.socketio_type not in {None, "ATTACHMENT"}:
            yield packet


def _packet(packet: Packet, numbers: _Numbers) -> dict[str, Any]:
    row: dict[str, Any] = {
        packet.direction: str(packet.socketio_type).removeprefix("BINARY_"),
        "namespace": packet.namespace,
    }
    if packet.event is not None:
        row["event"] = packet.event
    if packet.id is not None:
        asked_by_client = (packet.direction == "sent") == (packet.event is not None)
        row["ack"] = numbers.of("ack", (asked_by_client, packet.namespace, packet.id))
    if packet.socketio_type == "CONNECT" and packet.direction == "received":
        numbers.note_sid(packet.args)
    if packet.args:
        row["args"] = [numbers.replace(value) for value in packet.shown_args]
    return row


def _request(request: Request, numbers: _Numbers) -> dict[str, Any]:
    url = numbers.replace(request.url)
    return {"sent": "HTTP", "request": f"{request.method} {url}", "status": request.status}


class _Numbers:
    """Numbers the values of each kind in the order of their appearance."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[Any, int]] = {}
        self._sids: set[str] = set()

    def of(self, kind: str, value: Any) -> int:
        """Return the number of a value among the values of its kind."""
        numbers = self._numbers.setdefault(kind, {})
        return numbers.setdefault(value, len(numbers) + 1)

    def note_sid(self, args: tuple[Any, ...]) -> None:
        """Count the session id in a CONNECT packet as one, whatever its shape."""
        for data in args:
            if isinstance(data, dict) and isinstance(data.get("sid"), str):
                self._sids.add(data["sid"])

    def replace(self, value: Any) -> Any:
        """Return a value in which parts that differ from run to run are replaced by their kind and
        number.
        """
        if isinstance(value, dict):
            return {self.replace(key): self.replace(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.replace(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        kind = "sid" if text in self._sids else kind_of(text)
        if kind:
            return self._name(kind, text)
        for sid in self._sids:
            text = text.replace(sid, self._name("sid", sid) if sid in text else "")
        return _ANYWHERE.sub(lambda found: self._name(str(found.lastgroup), found[0]), text)

    def _name(self, kind: str, text: str) -> str:
        return f"<{kind} {self.of(kind, text)}>"
