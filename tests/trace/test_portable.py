"""`transcript.portable()` is equal in every run."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
import socketio
from client_logs import entry, log

from asgi_sio_testclient import TestClient, trace
from asgi_sio_testclient.trace import portable


async def session(transports: tuple[str, ...]) -> list[dict[str, Any]]:
    sio = socketio.AsyncServer(async_mode="asgi")

    async def note(sid: str, text: str) -> str:
        id = str(uuid.uuid4())
        await sio.emit("noted", {"id": id, "by": sid, "at": datetime.now(UTC).isoformat()})
        await sio.emit("told", f"note {id} by {sid}: {text}")
        await sio.emit("blob", b"\x01")
        return id

    async def api(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    sio.on("note", note)
    async with TestClient(
        socketio.ASGIApp(sio, api), auth={"token": "s3cret"}, transports=transports
    ) as client:
        await client.connect()
        await client.http.get(f"/notes/{uuid.uuid4()}")
        await client.call("note", "one")
        await client.call("note", "two")
        await client.settle()
        return client.transcript.portable()


async def test_two_runs_are_equal_over_all_transports() -> None:
    rows = await session(("websocket",))
    assert rows == await session(("polling", "websocket"))
    assert rows[:3] == [
        {"sent": "CONNECT", "namespace": "/", "args": ["***"]},
        {"received": "CONNECT", "namespace": "/", "args": [{"sid": "<sid 1>"}]},
        {"sent": "HTTP", "request": "GET /notes/<uuid 1>", "status": 204},
    ]
    noted = next(row for row in rows if row.get("event") == "noted")
    assert noted["args"] == [{"id": "<uuid 2>", "by": "<sid 1>", "at": "<time 1>"}]
    told = [row["args"] for row in rows if row.get("event") == "told"]
    assert told == [["note <uuid 2> by <sid 1>: one"], ["note <uuid 3> by <sid 1>: two"]]
    acks = [row["ack"] for row in rows if "ack" in row]
    assert acks == [1, 1, 2, 2]
    assert {"received": "EVENT", "namespace": "/", "event": "blob", "args": [b"\x01"]} in rows


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'recorder'"):
        _ = trace.recorder  # type: ignore[attr-defined]


def test_a_portable_transcript_of_anything() -> None:
    packets = [
        entry(1.0, "received", "CONNECT", args=({"sid": "abc"}, "more")),
        entry(1.1, "received", "CONNECT", namespace="/x"),
        entry(1.2, "received", "CONNECT", namespace="/y", args=({"sid": 5},)),
        entry(2.0, "received", event="said", args=(("abc", [1, None]), {"abc": True})),
        entry(3.0, "sent", event="bare"),
    ]
    rows = portable(log(*packets))
    text = json.dumps(rows)
    assert "abc" not in text
    assert "<sid 1>" in text
    assert "args" not in rows[-1]
