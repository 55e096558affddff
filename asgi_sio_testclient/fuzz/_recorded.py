"""Reads recorded arguments: from a browser's HAR file, a list of packets, or a transcript."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from socketio.packet import Packet

from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._protocol import engineio

__all__ = ["read_recording"]

__tracebackhide__ = True

SEPARATOR = "\x1e"  # between the packets of a long-polling body
Arguments = dict[tuple[str, str], list[tuple[Any, ...]]]


def read_recording(source: Any) -> Arguments:
    """Return the arguments of each event that a client sent, by namespace and event.

    Args:
        source: the path of a HAR file; or of a text file with one Engine.IO packet on each line,
            such as ``42["say","hello"]``; or a transcript.

    Raises:
        ValueError: the recording has no event that a client sent.
        OSError: the file cannot be read.
    """
    if isinstance(source, str | Path):
        text = Path(source).read_text(encoding="utf-8")
        events = _events(_frames(text))
    else:
        events = (
            (entry.namespace, entry.event, entry.args)
            for entry in source
            if entry.direction == "sent" and entry.event is not None
        )
    found: Arguments = {}
    for namespace, event, args in events:
        known = found.setdefault((namespace, event), [])
        if args not in known:
            known.append(args)
    if not found:
        raise ValueError("no event that a client sent is in the recording")
    return found


def _frames(text: str) -> Iterator[str | bytes]:
    """Yield the Engine.IO packets that a client sent, from a HAR file's text or a list of lines."""
    try:
        recording = json.loads(text)
    except ValueError:
        recording = None
    if not isinstance(recording, dict):
        yield from (line.strip() for line in text.splitlines() if line.strip())
        return
    for entry in recording.get("log", {}).get("entries", ()):
        for message in entry.get("_webSocketMessages", ()):
            if message.get("type") == "send":
                binary = message.get("opcode") == 2  # noqa: PLR2004 (RFC 6455: a binary frame)
                data = message.get("data", "")
                yield base64.b64decode(data) if binary else data
        body = entry.get("request", {}).get("postData", {}).get("text", "")
        yield from body.split(SEPARATOR) if body else ()


def _events(frames: Iterable[str | bytes]) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Yield the namespace, the event and the arguments of each EVENT packet in `frames`."""
    waiting: Any = None
    for frame in frames:
        try:
            packet = engineio.decode(frame)
        except ProtocolError:
            continue
        if packet.packet_type != engineio.MESSAGE:
            continue
        if packet.binary:
            if waiting is not None and waiting.add_attachment(packet.data):
                yield _event(waiting)
                waiting = None
            continue
        message = _message(frame[1:])
        if message is None:
            continue
        if message.attachment_count:
            waiting = message
        elif isinstance(message.data, list) and message.data and message.packet_type in _EVENTS:
            yield _event(message)


def _message(data: Any) -> Any:
    """Decode a Socket.IO packet; return None for data that can't be decoded."""
    try:
        return Packet(encoded_packet=data)
    except Exception:  # noqa: BLE001 (a malformed packet raises any type)
        return None


_EVENTS = {2, 5}  # EVENT, BINARY_EVENT


def _event(message: Any) -> tuple[str, str, tuple[Any, ...]]:
    name, *args = message.data
    return message.namespace or "/", str(name), tuple(args)
