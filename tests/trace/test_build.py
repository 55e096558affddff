"""What a trace has of the packets, handlers, emits and waits of a test."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import socketio
from client_logs import entry, log
from traced_shop import Shop, shopping

from asgi_sio_testclient import EventTimeout, TestClient
from asgi_sio_testclient._connection.transcript_entry import TranscriptEntry
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient.trace import (
    ClientLog,
    Emit,
    Failure,
    Item,
    Note,
    Recording,
    Trace,
    Wait,
    build,
    recording,
)


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
    assert raised.startswith("Shop.scan raised LookupError: no parcel 'P1' at traced_shop.py:")
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
    assert problem.text.startswith("Shop.book has not ended at traced_shop.py:")
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


@dataclass(eq=False)
class Run:
    """A run of a handler, with the attributes that a trace reads."""

    started: float
    ended: float | None = None
    name: str = "order"
    event: str = "order"
    namespace: str = "/"
    sid: str | None = "s1"
    id: int | None = None
    error: BaseException | None = None
    source: str = ""
    place: str = ""


def test_a_run_without_a_source_or_a_place() -> None:
    trace = build([log(runs=[Run(1.0)])], Recording(), title="t")
    (span,) = trace.spans
    assert span.detail.endswith("did not end")
    assert "defined at" not in span.detail
    assert [problem.text for problem in trace.problems] == ["order has not ended"]


def test_an_emit_of_nobody_and_one_of_a_request() -> None:
    requests = [HTTPRequest("GET", "/a", "http://testserver/a", started=2.0)]
    emits = [Emit(1.0, "early", "/", (1,)), Emit(3.0, "late", "/", (), room="r", place="app.py:3")]
    trace = build([log(requests=requests)], Recording(emits=emits), title="t")
    early, late = (mark for mark in trace.marks if mark.kind == "emit")
    assert early.lane.kind == "server"
    assert "from" not in early.detail
    assert late.lane is trace.spans[0].lane
    assert "from app.py:3" in late.detail


def test_waits_of_others_and_short_ones_are_left_out() -> None:
    waits = [
        Wait(1.0, "of nobody", 2.0, client="client9"),
        Wait(1.0, "too short", 1.0, client="client1"),
        Wait(1.0, "long", 2.0, client="client1"),
    ]
    trace = build([log()], Recording(waits=waits), title="t")
    assert [span.title for span in trace.spans if "long" in span.title]
    assert not [span for span in trace.spans if "nobody" in span.title or "short" in span.title]


def test_the_emit_that_fits_is_taken_once() -> None:
    emits = [
        Emit(1.0, "said", "/", ("other",)),
        Emit(1.0, "said", "/", ("hi",), room="s2"),
        Emit(1.0, "said", "/", ("hi",), skipped=("s1",)),
        Emit(1.0, "said", "/", ("hi",)),
    ]
    packets = [
        entry(0.5, "received", "CONNECT", args=({"sid": "s1"},)),
        entry(0.6, "received", "CONNECT", namespace="/x", args=()),
        entry(0.7, "received", "CONNECT", namespace="/y", args=("words",)),
        entry(2.0, "received", event="said", args=("hi",)),
        entry(2.1, "received", event="said", args=("hi",)),
        entry(2.2, "received", "ATTACHMENT", args=(b"x",)),
    ]
    neighbour = ClientLog(
        "client2", 0.0, [entry(0.5, "received", "CONNECT", args=({"sid": "s2"},))]
    )
    trace = build([log(*packets), neighbour], Recording(emits=emits), title="t")
    sources = [arrow.source for arrow in trace.arrows if "'said'" in arrow.target.title]
    assert [source.kind for source in sources] == ["emit", "departure"]


@pytest.mark.parametrize(("later", "found"), [(0.001, True), (0.1, False)])
def test_without_recorded_emits_the_handler_that_has_just_ended_is_taken(
    later: float, found: bool
) -> None:
    arrived = entry(2.0 + later, "received", event="said", args=("hi",))
    trace = build([log(arrived, runs=[Run(1.0, 2.0)])], Recording(), title="t")
    sources = [arrow.source for arrow in trace.arrows if "'said'" in arrow.target.title]
    assert ("order" in [source.title for source in sources]) is found


def test_what_is_no_packet_of_a_namespace() -> None:
    ping = TranscriptEntry(1.0, "received", "websocket", "PING", frame="2")
    ack = entry(2.0, "sent", "ACK", id=5)
    answer = entry(3.0, "received", "ACK", id=6)
    trace = build([log(ping, ack, answer)], Recording(), title="t")
    groups = {mark.group for mark in trace.marks}
    assert "heartbeat" in groups
    assert len([mark for mark in trace.marks if mark.kind in {"arrival", "departure"}]) == 3
