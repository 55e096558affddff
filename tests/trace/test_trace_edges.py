"""Traces built from data without a client."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._connection.transcript import TranscriptEntry
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient.trace import ClientLog, Emit, Recording, Wait, build, portable


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


def entry(time: float, direction: str, kind: str = "EVENT", **values: Any) -> TranscriptEntry:
    values.setdefault("namespace", "/")
    return TranscriptEntry(
        time, direction, "websocket", "MESSAGE", kind, frame=values.pop("frame", "42"), **values
    )


def log(*packets: TranscriptEntry, **values: Any) -> ClientLog:
    return ClientLog("client1", 0.0, packets, **values)


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
