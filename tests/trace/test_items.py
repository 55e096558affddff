"""A trace as data."""

from __future__ import annotations

from pathlib import Path

from traced_shop import page_data

from asgi_sio_testclient.trace import Trace


def test_lanes_spans_and_marks_of_others_can_be_added(tmp_path: Path) -> None:
    trace = Trace("found in run 4 of 200")
    lane = trace.lane("schedule", "schedule")
    assert trace.lane("schedule", "schedule") is lane
    hold = trace.add_span(lane, "book is held at booking.py:15", 0.1, 0.34, kind="hold")
    broke = trace.add_mark(lane, "two bookings", 0.5, kind="error", failed=True)
    trace.add_arrow(hold, broke)
    trace.add_problem("two bookings of one seat", broke)
    trace.add_problem("a line without a place")
    data = page_data(trace.to_html(tmp_path / "t.html"))
    assert data["arrows"] == [[0, 1, 0]]
    assert data["problems"] == [["two bookings of one seat", 1], ["a line without a place", -1]]
