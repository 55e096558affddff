"""Transcripts of clients, made by hand."""

from __future__ import annotations

from typing import Any

from asgi_sio_testclient._connection.transcript_entry import TranscriptEntry
from asgi_sio_testclient.trace import ClientLog


def entry(time: float, direction: str, kind: str = "EVENT", **values: Any) -> TranscriptEntry:
    values.setdefault("namespace", "/")
    return TranscriptEntry(
        time, direction, "websocket", "MESSAGE", kind, frame=values.pop("frame", "42"), **values
    )


def log(*packets: TranscriptEntry, **values: Any) -> ClientLog:
    return ClientLog("client1", 0.0, packets, **values)
