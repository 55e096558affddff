"""The HAR file of a client's packets."""

from __future__ import annotations

from typing import Any

import pytest
import socketio
from client_logs import entry, log

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._connection.transcript_entry import TranscriptEntry


@pytest.mark.slow
@pytest.mark.parametrize("payload", ['{"token": "s3cret"', "5"])
async def test_an_auth_payload_that_is_no_json(tmp_path: Any, payload: str) -> None:
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    async with TestClient(app) as client:
        await client.connect()
        frame = f"40{payload}"
        packet = entry(0.1, "sent", "CONNECT", args=("x",), frame=frame)
        opened = TranscriptEntry(0.0, "received", "websocket", "OPEN", args=({},), frame="0{}")
        path = client.transcript.to_har(tmp_path / "a.har")
    from asgi_sio_testclient.trace._har import write_har  # noqa: PLC0415 (of one test)

    text = write_har(path, log(opened, packet)).read_text(encoding="utf-8")
    assert "s3cret" not in text
