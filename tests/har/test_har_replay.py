"""The report of a replay when the app answers late, differently, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from handwritten import check, joined, server, websocket, written
from socketio import ASGIApp, AsyncServer
from socketio.exceptions import ConnectionRefusedError as Refusal

from asgi_sio_testclient import HandshakeFailed
from asgi_sio_testclient.har import read_har, replay
from asgi_sio_testclient.har._render import expression
from asgi_sio_testclient.har._replay import _shown_as
from asgi_sio_testclient.har._values import ANYTHING


async def changes(path: Path, sio: AsyncServer) -> list[str]:
    """The lines of the diff that only the recording or only the replay has."""
    played = await replay(read_har(path), ASGIApp(sio), timeout=0.2)
    return [line for line in played.diff() if line[:7] in {"-client", "+client"}]


async def test_an_ack_that_comes_after_its_time(tmp_path: Path) -> None:
    sio = server()
    acked = []

    async def say(sid: str) -> str:
        await asyncio.sleep(0.5)
        acked.append(sid)
        return "late"

    sio.on("say", say)
    path = written(tmp_path, websocket(joined((0.1, '>420["say"]'), (0.11, '430["said"]'))))
    played = await replay(read_har(path), ASGIApp(sio), timeout=0.2)
    assert played.diff()[-1] == "-client <- ack of 'say' in / [\"said\"]"
    assert acked
    assert played.errors == []


async def test_an_ack_that_is_awaited_later_of_an_event_that_was_not_sent(tmp_path: Path) -> None:
    sio = server()

    def connect(sid: str, environ: Any) -> None:
        raise Refusal("closed")

    sio.on("connect", connect)
    frames = (
        (0.1, '>420["say"]'),
        (0.12, '>42["more"]'),
        (0.13, '42["news"]'),
        (0.14, "430[true]"),
    )
    lines = await changes(written(tmp_path, websocket(joined(*frames))), sio)
    assert "+client emits 'say' in /: not connected" in lines
    assert not any("ack of 'say'" in line for line in lines)


async def test_a_namespace_that_is_never_answered(tmp_path: Path) -> None:
    sio = server()

    def connect(sid: str, environ: Any) -> None:
        raise OSError("no database")

    sio.on("connect", connect, namespace="/more")
    sio.on("say", lambda sid: True)
    frames = (
        (0.1, '>40/more,{"token":1}'),
        (0.11, '40/more,{"sid":"abcdefghijKLMNOPAAAC"}'),
        (0.2, '>420["say"]'),
        (0.21, "430[true]"),
    )
    lines = await changes(written(tmp_path, websocket(joined(*frames))), sio)
    assert lines[0] == "-client connects to /more: accepted"
    assert lines[1].startswith("+client connects to /more: ")
    assert len(lines) == 2


async def test_ticks_are_awaited_once(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def start(sid: str) -> None:
            for number in range(5):
                await sio.emit("tick", number, to=sid)

        sio.on("start", start)
        return ASGIApp(sio)

    ticks = ((1.0 + second, f'42["tick",{second}]') for second in range(4))
    path = written(tmp_path, websocket(joined((0.1, '>42["start"]'), *ticks)))
    source = await check(path, make)
    assert source.count('await_event("tick")') == 1


async def test_events_at_any_time_are_each_awaited(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def start(sid: str) -> None:
            for number in range(3):
                await sio.emit("news", number, to=sid)

        sio.on("start", start)
        return ASGIApp(sio)

    moments = (1.0, 1.2, 4.0)
    news = ((moment, f'42["news",{number}]') for number, moment in enumerate(moments))
    path = written(tmp_path, websocket(joined((0.1, '>42["start"]'), *news)))
    source = await check(path, make)
    assert source.count('await_event("news")') == 3


async def test_a_variable_of_a_key_that_the_event_names(tmp_path: Path) -> None:
    def make() -> Any:
        sio = server()

        async def create(sid: str) -> None:
            await sio.emit("room_key", {"key": "Zx81Qw77Lm"}, to=sid)

        sio.on("create", create)
        sio.on("enter", lambda sid, key: key == "Zx81Qw77Lm")
        return ASGIApp(sio)

    frames = (
        (0.1, '>42["create"]'),
        (0.11, '42["room_key",{"key":"Ab12Cd34Ef"}]'),
        (0.2, '>420["enter","Ab12Cd34Ef"]'),
        (0.21, "430[true]"),
    )
    source = await check(written(tmp_path, websocket(joined(*frames))), make)
    assert 'call("enter", room_key_value)' in source


RECORDING = Path(__file__).parent / "recordings" / "websocket.har"
LONG = bytes(range(256)) * 2


def test_what_stands_for_values_is_shown() -> None:
    assert expression(ANYTHING) == repr(ANYTHING) == "ANY"
    assert _shown_as(ANYTHING) == "(any)"
    assert _shown_as(LONG) == f"<512 bytes: {LONG[:16].hex(' ')}>"
    assert _shown_as("x") == "'x'"


@pytest.mark.slow
async def test_an_app_without_a_server_can_not_be_replayed_against() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] in {"http", "websocket"}, "no lifespan"
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b"{}"})
        else:
            await send({"type": "websocket.close"})

    with pytest.raises(HandshakeFailed):
        await replay(read_har(RECORDING), app)
