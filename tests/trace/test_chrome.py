"""The trace events of Perfetto."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from traced_shop import Shop, shopping

from asgi_sio_testclient.trace import Trace, recording


async def test_perfettos_events_have_lanes_slices_and_flows(tmp_path: Path) -> None:
    with recording():
        ann = await shopping(Shop())
        path = ann.transcript.to_chrome_trace(tmp_path / "trace.json")
    events = json.loads(path.read_text(encoding="utf-8"))["traceEvents"]
    names = {event["args"]["name"] for event in events if event["name"] == "thread_name"}
    assert {"client1", "client2", "Shop.book"} <= names
    flows = [event for event in events if event["ph"] in "sf"]
    assert len(flows) % 2 == 0
    slices = [event for event in events if event["ph"] == "X"]
    for flow in flows:
        assert any(
            one["tid"] == flow["tid"] and one["ts"] <= flow["ts"] <= one["ts"] + one["dur"]
            for one in slices
        ), flow


def test_spans_that_overlap_without_nesting_get_a_thread_each(tmp_path: Path) -> None:
    trace = Trace()
    lane = trace.lane("handler")
    for start, end in ((0.0, 2.0), (1.0, 3.0), (1.5, 1.6)):
        trace.add_span(lane, "run", start, end)
    trace.add_span(lane, "open", 2.5)
    events = json.loads(trace.to_chrome_trace(tmp_path / "t.json").read_text())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X"]
    assert [event["tid"] for event in slices] == [1, 2, 1, 1]
    assert slices[-1]["dur"] == pytest.approx(500_000)
