"""`from-har` and `replay-har`: tests from a browser's recordings, and replays.

The recordings in `recordings` were made with Playwright in Chromium, of `recorded_app`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import socketio
from handwritten import run_on_a_virtual_clock
from recorded_app import PASSWORD, Board
from recorded_files import CHANGES, RECORDINGS, TRANSPORTS, function_of, written

from asgi_sio_testclient import HandshakeFailed, TestClient
from asgi_sio_testclient.har import read_har, replay, source_of_test

pytestmark = pytest.mark.usefixtures("password")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_replay_on_the_same_app_is_the_same(transport: str) -> None:
    played = await replay(read_har(RECORDINGS / f"{transport}.har"), Board().app)
    assert played.diff() == []
    assert played.same
    assert played.errors == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_replay_on_a_changed_app_differs(change: str) -> None:
    played = run_on_a_virtual_clock(
        replay(read_har(RECORDINGS / "websocket.har"), Board(change).app)
    )
    assert not played.same


async def test_the_diff_has_both_sides() -> None:
    played = await replay(read_har(RECORDINGS / "websocket.har"), Board("length").app)
    assert "-client <- ack of 'upload' in / [4]" in played.diff()
    assert "+client <- ack of 'upload' in / [5]" in played.diff()


# -- recordings of this library itself


async def roundtrip(sio: socketio.AsyncServer, act: Any, path: Path, **options: Any) -> str:
    """Record what `act` does with a client, and return the generated test."""
    async with TestClient(socketio.ASGIApp(sio), **options) as client:
        await act(client)
    client.transcript.to_har(path, secrets=True)
    return source_of_test(read_har(path))


@pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids=TRANSPORTS
)
async def test_a_transcript_can_be_replayed(transports: Any, tmp_path: Path) -> None:
    async def act(client: TestClient) -> None:
        token = (await client.http.post("/login", json={"password": PASSWORD})).json()["token"]
        await client.connect(auth={"token": token})
        await client.call("join", "tea")
        id = await client.call("note", {"text": 'it\'s "here"', "blob": b"\x00" * 100})
        await client.http.post(f"/notes/{id}")
        await client.settle()
        client.get_received()
        await client.connect("/chat", auth={"token": token})
        await client.disconnect()

    async with TestClient(Board().app, transports=transports) as client:
        await act(client)
    path = client.transcript.to_har(tmp_path / "session.har", secrets=True)
    played = await replay(read_har(path), Board().app)
    assert played.diff() == []
    await function_of(source_of_test(read_har(path)))(Board().app)


async def test_auth_is_masked_in_a_har_of_ours(tmp_path: Path) -> None:
    async with TestClient(Board().app, auth={"token": "s3cret", "deep": ["x", 1]}) as client:
        await client.connect()
    text = client.transcript.to_har(tmp_path / "session.har").read_text(encoding="utf-8")
    assert "s3cret" not in text
    (entry,) = json.loads(text)["log"]["entries"]
    sent = [m["data"] for m in entry["_webSocketMessages"] if m["type"] == "send"]
    assert sent[0].startswith("40")
    assert json.loads(sent[0][2:]) == {"token": "***", "deep": ["***", 1]}


async def test_a_ticker_is_awaited_once_and_may_be_left_over(tmp_path: Path) -> None:
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("connect", lambda sid, environ: None)

    async def act(client: TestClient) -> None:
        await client.connect()
        async with client.time_travel():
            for number in range(4):
                await sio.emit("tick", {"number": number})
                await client.await_event("tick")

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await act(client)
    path = client.transcript.to_har(tmp_path / "session.har")
    har = json.loads(path.read_text(encoding="utf-8"))
    messages = har["log"]["entries"][0]["_webSocketMessages"]
    ticks = [message for message in messages if '"tick"' in message["data"]]
    for number, message in enumerate(ticks):
        message["time"] = messages[2]["time"] + number + 1
    messages[-1]["time"] = messages[2]["time"] + 9
    source = source_of_test(read_har(written(har, tmp_path)))
    assert source.count('await_event("tick")') == 1
    assert 'event.name not in ["tick"]' in source


async def test_msgpack_is_recognised(tmp_path: Path) -> None:
    pytest.importorskip("msgpack")
    sio = socketio.AsyncServer(async_mode="asgi", serializer="msgpack")
    sio.on("echo", lambda sid, data: data)

    async def act(client: TestClient) -> None:
        await client.connect()
        await client.call("echo", {"blob": b"\x01"})

    source = await roundtrip(sio, act, tmp_path / "session.har", serializer="msgpack")
    assert 'serializer="msgpack"' in source
    await function_of(source)(socketio.ASGIApp(sio))


async def test_a_handler_that_raised_is_allowed_to(tmp_path: Path) -> None:
    sio = socketio.AsyncServer(async_mode="asgi")

    def broken(sid: str) -> None:
        raise LookupError("as ever")

    sio.on("broken", broken)

    async def act(client: TestClient) -> None:
        await client.connect()
        await client.emit("broken", callback=lambda: None)
        await client.settle()

    options = {"raise_app_exceptions": False}
    with pytest.warns(Warning, match="never acked"):
        source = await roundtrip(sio, act, tmp_path / "session.har", **options)
    assert "raise_app_exceptions=False" in source
    await function_of(source)(socketio.ASGIApp(sio))


async def test_two_browsers_are_two_clients(tmp_path: Path) -> None:
    sio = socketio.AsyncServer(async_mode="asgi")

    async def say(sid: str, text: str) -> None:
        await sio.emit("said", text, skip_sid=sid)

    sio.on("say", say)
    async with TestClient(socketio.ASGIApp(sio)) as ann:
        bob = ann.clone()
        await ann.connect()
        await bob.connect()
        await ann.emit("say", "hello")
        await bob.await_event("said")
        await bob.disconnect()
        await ann.emit("say", "bye")
        await ann.settle()
    hars = [json.loads(c.transcript.to_har(tmp_path / "x.har").read_text()) for c in (ann, bob)]
    hars[0]["log"]["entries"] += hars[1]["log"]["entries"]
    path = written(hars[0], tmp_path)
    source = source_of_test(read_har(path))
    assert "client2 = client.clone(cookies=client.http.cookies)" in source
    assert 'await client2.await_event("said")' in source
    await function_of(source)(socketio.ASGIApp(sio))
    assert (await replay(read_har(path), socketio.ASGIApp(sio))).diff() == []


async def test_a_reconnect_is_a_disconnect_and_a_connect(tmp_path: Path) -> None:
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("ping", lambda sid: "pong")
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.call("ping")
        await client.abort()
        await client.connect(query={"room": "tea"}, headers={"X-Tenant": "t1"})
        await client.call("ping")
    path = client.transcript.to_har(tmp_path / "session.har")
    source = source_of_test(read_har(path))
    assert source.count("await client.connect(") == 2
    assert source.count("await client.disconnect()") == 1
    await function_of(source)(socketio.ASGIApp(sio))


# -- the commands


@pytest.mark.slow
async def test_an_app_without_socket_io_is_refused() -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with pytest.raises(HandshakeFailed):
        await replay(read_har(RECORDINGS / "polling.har"), bare)
