"""The files of a trace."""

from __future__ import annotations

from pathlib import Path

from traced_shop import page_data

from asgi_sio_testclient.trace import Trace


def test_an_empty_trace_can_be_written(tmp_path: Path) -> None:
    assert page_data(Trace().to_html(tmp_path / "t.html"))["items"] == []
    assert Trace().to_chrome_trace(tmp_path / "t.json").exists()
