"""Traces: built from transcripts and recordings, and written as HTML, Chrome traces and HAR."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, TestClient
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient.trace import Failure, Item, Note, Trace, build, recording


def page_data(path: Path) -> dict[str, Any]:
    """Return the data of a written page."""
    found = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def item(trace: Trace, title: str, kind: str = "") -> Item:
    """Return the only item whose title begins with this text."""
    items: list[Item] = [*trace.spans, *trace.marks]
    (found,) = [item for item in items if item.title.startswith(title) and kind in {"", item.kind}]
    return found


def led_to(trace: Trace, source: Item) -> list[str]:
    return [
        f"{arrow.target.lane.title}: {arrow.target.title}"
        for arrow in trace.arrows
        if arrow.source is source
    ]


class Shop:
    """An app with a handler that waits, one that raises, and an HTTP endpoint that emits."""

    def __init__(self) -> None:
        self.paid = asyncio.Event()
        self.booking = asyncio.Event()
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.sio.on("connect", self.connect)
        self.sio.on("book", self.book)
        self.sio.on("scan", self.scan)
        self.sio.on("ask", self.ask)
        self.sio.on("disconnect", self.disconnect)
        self.app = socketio.ASGIApp(self.sio, self.api)  # without a lifespan

    async def connect(self, sid: str, environ: Any, auth: Any) -> None:
        await self.sio.enter_room(sid, "shop")
        if auth == "nobody":
            raise socketio.exceptions.ConnectionRefusedError("not you")

    async def book(self, sid: str, seat: int) -> dict[str, bool]:
        self.booking.set()
        await self.paid.wait()
        await self.sio.emit("booked", {"seat": seat}, room="shop")
        return {"ok": True}

    async def scan(self, sid: str, label: str) -> None:
        raise LookupError(f"no parcel {label!r}")

    async def ask(self, sid: str) -> None:
        answer = await self.sio.call("question", to=sid)
        await self.sio.emit("answered", answer, to="nobody here")

    def disconnect(self, sid: str) -> None:
        pass

    async def api(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        self.paid.set()
        await self.sio.emit("open", room="shop")
        status = 404 if scope["path"] == "/nowhere" else 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def shopping(shop: Shop) -> TestClient:
    """Run two clients: one books, and the other pays for the booking over HTTP."""
    async with TestClient(shop.app, auth={"token": "s3cret"}) as ann:
        bob = ann.clone()
        await ann.connect()
        await bob.connect()
        await ann.emit("book", 7)
        await shop.booking.wait()
        await bob.http.post("/pay")
        await bob.await_event("booked")
        await ann.await_event("booked")
        await ann.settle()
    return ann


async def test_every_step_from_packet_to_receiver_is_joined() -> None:
    with recording():
        ann = await shopping(Shop())
        trace = ann.transcript.to_trace()
    titles = [lane.title for lane in trace.lanes]
    assert titles[:3] == ["client1", "client2", "server"]
    assert {"Shop.connect", "Shop.book", "Shop.disconnect", "HTTP"} <= set(titles)
    assert led_to(trace, item(trace, "EVENT 'book'")) == ["Shop.book: Shop.book"]
    emit = item(trace, "emit 'booked'")
    assert emit.lane.title == "Shop.book"
    assert "Shop.book: emit 'booked' {\"seat\": 7}" in led_to(trace, item(trace, "Shop.book"))
    assert led_to(trace, emit) == [
        "client1: EVENT 'booked' {\"seat\": 7}",
        "client2: EVENT 'booked' {\"seat\": 7}",
    ]
    assert not any(arrow.inferred for arrow in trace.arrows if arrow.source is emit)
    assert item(trace, "emit 'open'").lane.title == "HTTP"
    assert trace.problems == []


async def test_an_await_of_a_handler_says_what_it_waited_for() -> None:
    with recording():
        ann = await shopping(Shop())
        trace = ann.transcript.to_trace()
    waits = [span.title for span in trace.spans if span.kind == "wait"]
    assert any("await self.paid.wait()" in wait for wait in waits), waits


async def test_without_a_recording_the_emitter_is_inferred() -> None:
    async with TestClient(Shop().app) as client:
        client.on("question", lambda: "yes")
        await client.connect()
        await client.emit("ask")
        await client.settle()
        trace = client.transcript.to_trace()
    (arrow,) = (arrow for arrow in trace.arrows if "'question'" in arrow.target.title)
    assert arrow.inferred
    assert arrow.source.lane.title == "Shop.ask"
    assert led_to(trace, item(trace, "ACK")) == ["Shop.ask: Shop.ask"]


async def test_the_instrumentation_leaves_the_server_as_it_was() -> None:
    shop = Shop()
    with recording():
        await shopping(shop)
    assert "_trigger_event" not in vars(shop.sio)
    assert "emit" not in vars(shop.sio.manager)


async def test_a_hook_that_somebody_replaced_stays() -> None:
    shop = Shop()

    async def other(*args: Any, **options: Any) -> None:
        """An emit that other code has set."""

    with recording():
        async with TestClient(shop.app) as client:
            await client.connect()
            shop.sio.manager.emit = other
    assert shop.sio.manager.emit is other


async def test_what_the_app_raised_is_a_problem_with_its_place() -> None:
    with recording():
        async with TestClient(Shop().app, raise_app_exceptions=False) as client:
            await client.connect()
            await client.emit("scan", "P1")
            await client.emit("scna", "P1")
            await client.settle()
            await client.http.post("/nowhere")
            await client.settle()
            trace = client.transcript.to_trace()
    handlers, raised, http = (problem.text for problem in trace.problems)
    assert handlers == "client1: no handler for 'scna' in namespace '/'"
    assert raised.startswith("Shop.scan raised LookupError: no parcel 'P1' at test_traces.py:")
    assert http == "client1: POST /nowhere 404"
    error = item(trace, "raised LookupError")
    assert "\nLookupError: no parcel 'P1'\n" in error.detail
    assert "site-packages" not in error.detail


async def test_a_refused_connect_is_a_problem() -> None:
    async with TestClient(Shop().app, auth="nobody") as client:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect()
        trace = client.transcript.to_trace()
    assert [problem.text for problem in trace.problems] == [
        'client1: CONNECT_ERROR {"message": "not you"}'
    ]
    assert all(not span.failed for span in trace.spans)


async def test_an_ack_of_the_client_leads_back_to_the_handler_that_asked() -> None:
    with recording():
        async with TestClient(Shop().app) as client:
            client.on("question", lambda: "yes")
            await client.connect()
            await client.emit("ask")
            await client.settle()
            trace = client.transcript.to_trace()
    assert led_to(trace, item(trace, "ACK")) == ["Shop.ask: Shop.ask"]
    assert item(trace, "emit 'answered'").title.endswith("(reached no client here)")


async def test_a_handler_that_still_runs_is_a_problem_with_the_line_where_it_waits() -> None:
    shop = Shop()
    async with TestClient(shop.app) as client:
        await client.connect()
        await client.emit("book", 1)
        with pytest.raises(EventTimeout):
            await client.await_event("booked", timeout=0.05)
        (problem,) = client.transcript.to_trace().problems
        shop.paid.set()
    assert problem.text.startswith("Shop.book has not ended at test_traces.py:")
    assert problem.text.endswith("await self.paid.wait()")


async def test_what_the_test_waits_for_is_in_its_clients_lane() -> None:
    with recording():
        async with TestClient(Shop().app) as client:
            await client.connect()
            with pytest.raises(EventTimeout):
                await client.await_event("never", timeout=0.05)
            trace = client.transcript.to_trace()
    wait = item(trace, "await_event('never')", "wait")
    assert wait.lane.title == "client1"
    assert wait.failed
    assert any("await_event('never')" in problem.text for problem in trace.problems)


async def test_a_cancelled_handler_is_recorded_and_cancelled() -> None:
    shop = Shop()

    async def leave_while_it_runs() -> None:
        async with TestClient(shop.app, timeout=0.1) as client:
            await client.connect()
            await client.emit("book", 1)
            await client.emit("scna", 1)
            await shop.booking.wait()

    with recording() as recorded, pytest.warns(Warning, match="Shop.book"):
        await leave_while_it_runs()
    waits = [wait for wait in recorded.waits if wait.run is not None]
    assert any(isinstance(wait.error, asyncio.CancelledError) for wait in waits)


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


def test_an_empty_trace_can_be_written(tmp_path: Path) -> None:
    assert page_data(Trace().to_html(tmp_path / "t.html"))["items"] == []
    assert Trace().to_chrome_trace(tmp_path / "t.json").exists()


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


async def test_the_failed_assertion_is_the_first_problem() -> None:
    async with TestClient(Shop().app) as client:
        await client.connect()
        failure = Failure(client.transcript._origin + 1.0, "assert 1 == 2", "E  assert 1 == 2")
        trace = client.transcript.to_trace(title="test_it", outcome="failed", failure=failure)
    assert trace.lanes[0].title == "test"
    assert trace.problems[0].text == "test failed: assert 1 == 2"


async def test_equal_emits_are_told_apart_by_whom_they_leave_out() -> None:
    sio = socketio.AsyncServer(async_mode="asgi")

    async def greet(sid: str) -> None:
        await sio.emit("greeting", skip_sid=sid)
        await sio.emit("own", to=sid)

    sio.on("greet", greet)
    with recording():
        async with TestClient(socketio.ASGIApp(sio)) as ann:
            bob = ann.clone()
            await ann.connect()
            await bob.connect()
            await ann.emit("greet")
            await bob.emit("greet")
            await ann.settle()
            trace = ann.transcript.to_trace()
    for event, receivers in (("greeting", ["client2", "client1"]), ("own", ["client1", "client2"])):
        emits = [mark for mark in trace.marks if mark.title.startswith(f"emit '{event}'")]
        targets = [
            arrow.target.lane.title
            for emit in emits
            for arrow in trace.arrows
            if arrow.source is emit
        ]
        assert targets == receivers


@pytest.mark.slow
def test_notes_of_a_tool_are_problems_in_a_lane_of_their_own() -> None:
    with recording() as current:
        current.notes.append(Note(1.0, "packet of client 1 is held 0.3 s", "hold"))
        trace = build([], current)
        current.clear()
    assert [lane.title for lane in trace.lanes] == ["schedule"]
    assert [problem.text for problem in trace.problems] == ["packet of client 1 is held 0.3 s"]
    assert current.notes == []


@pytest.mark.slow
def test_a_request_counts_as_no_packet() -> None:
    request = HTTPRequest("GET", "/", "http://testserver/")
    assert len(request) == 0
    assert request
