"""The page of a trace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import socketio
from traced_shop import Shop, page_data, shopping

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.trace import Trace, recording


async def test_the_page_needs_no_network_and_hides_secrets(tmp_path: Path) -> None:
    with recording():
        ann = await shopping(Shop())
        path = ann.transcript.to_html(tmp_path / "new" / "trace.html")
    text = path.read_text(encoding="utf-8")
    assert "s3cret" not in text
    assert "default-src 'none'" in text
    assert not re.findall(r"(?:src|href)=|url\(|@import", text)
    data = page_data(path)
    assert [lane[0] for lane in data["lanes"]][:2] == ["client1", "client2"]


async def test_text_of_the_app_cannot_end_the_script(tmp_path: Path) -> None:
    trace = Trace("<script>alert(1)</script> @@DATA@@")
    trace.add_mark(trace.lane("x"), "</script><script>alert(2)</script>", 1.0)
    text = trace.to_html(tmp_path / "trace.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 2
    assert "alert(2)</script>" not in text
    assert page_data(tmp_path / "trace.html")["title"] == trace.title


@pytest.mark.slow
async def test_a_thousand_packets_are_less_than_a_megabyte(tmp_path: Path) -> None:
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("echo", lambda sid, data: data)
    with recording():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            for number in range(500):
                await client.call("echo", {"number": number, "text": f"{number} " * 500})
            path = client.transcript.to_html(tmp_path / "trace.html")
    assert len(client.transcript) >= 1000
    assert path.stat().st_size < 1_000_000
