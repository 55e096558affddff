"""`from-har` and `replay-har`: tests from a browser's recordings, and replays.

The recordings in `recordings` were made with Playwright in Chromium, of `recorded_app`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import socketio
from handwritten import run_on_a_virtual_clock
from recorded_app import PASSWORD, Board

from asgi_sio_testclient import HandshakeFailed, TestClient
from asgi_sio_testclient._cli import main
from asgi_sio_testclient.har import HARError, read_har, replay, source_of_test

RECORDINGS = Path(__file__).parent / "recordings"
TRANSPORTS = ("websocket", "polling", "upgrade")
CHANGES = ("refused", "renamed", "silent", "more", "length", "stays", "crash")


def recording(name: str) -> dict[str, Any]:
    har: dict[str, Any] = json.loads((RECORDINGS / f"{name}.har").read_text(encoding="utf-8"))
    return har


def written(har: Any, folder: Path, name: str = "session.har") -> Path:
    path = folder / name
    path.write_text(json.dumps(har), encoding="utf-8")
    return path


def function_of(source: str) -> Any:
    """Return the test function of a generated module."""
    namespace: dict[str, Any] = {}
    exec(compile(source, "generated", "exec"), namespace)
    return next(value for name, value in namespace.items() if name.startswith("test_"))


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIO_PASSWORD", PASSWORD)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_test_passes_on_the_same_app(transport: str) -> None:
    test = function_of(source_of_test(read_har(RECORDINGS / f"{transport}.har")))
    await test(Board().app)


@pytest.mark.parametrize("change", CHANGES)
def test_the_test_fails_on_a_changed_app(change: str) -> None:
    test = function_of(source_of_test(read_har(RECORDINGS / "websocket.har")))
    with pytest.raises((AssertionError, LookupError)):
        run_on_a_virtual_clock(test(Board(change).app))


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


def test_secrets_are_left_out() -> None:
    source = source_of_test(read_har(RECORDINGS / "websocket.har"))
    assert PASSWORD not in source
    assert 'PASSWORD = os.environ.get("SIO_PASSWORD", "***")' in source
    kept = source_of_test(read_har(RECORDINGS / "websocket.har"), with_secrets=True)
    assert PASSWORD in kept
    assert "os.environ" not in kept


def test_what_the_server_made_up_is_kept_and_put_in() -> None:
    source = source_of_test(read_har(RECORDINGS / "upgrade.har"))
    assert 'login_token = response.json()["token"]' in source
    assert 'auth={"token": login_token' in source
    assert 'note_value = await client.call("note", {"text": "first"})' in source
    assert 'client.http.post(f"/notes/{note_value}")' in source
    assert '"who": client.sid' in source
    assert '"created_at": ANY' in source
    assert 'transports=("polling", "websocket")' in source


def test_the_test_takes_an_app_that_is_named() -> None:
    source = source_of_test(read_har(RECORDINGS / "websocket.har"), app="shop.main:site.app")
    assert "from shop.main import site as app" in source
    assert "app.app," in source or "TestClient(app.app" in source
    assert "def test_websocket():" in source


# -- the forms of HAR files


def test_chromes_times_are_seconds(tmp_path: Path) -> None:
    har = recording("websocket")
    for entry in har["log"]["entries"]:
        for message in entry.get("_webSocketMessages", ()):
            message["time"] /= 1000
    path = written(har, tmp_path, "websocket.har")
    assert source_of_test(read_har(path)) == source_of_test(read_har(RECORDINGS / "websocket.har"))


async def test_frames_without_times_keep_their_order(tmp_path: Path) -> None:
    har = recording("websocket")
    entries = [entry for entry in har["log"]["entries"] if "_webSocketMessages" in entry]
    har["log"]["entries"] = entries[-1:]
    for message in entries[-1]["_webSocketMessages"]:
        message["time"] = -1
    source = source_of_test(read_har(written(har, tmp_path)), ignore=["published"])
    await function_of(source.replace('"***"', '"t0k3n"'))(Board().app)


async def test_attached_bodies_are_read_from_the_archive(tmp_path: Path) -> None:
    har = recording("upgrade")
    path = tmp_path / "session.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, entry in enumerate(har["log"]["entries"]):
            content = entry["response"]["content"]
            messages = entry.pop("_webSocketMessages", None)
            if messages is not None:
                lines = "".join(f"{json.dumps(message)}\n" for message in messages)
                archive.writestr(f"{number}.jsonl", lines)
                content["_file"] = f"{number}.jsonl"
            elif "text" in content:
                archive.writestr(f"{number}.txt", content.pop("text"))
                content["_file"] = f"{number}.txt"
        archive.writestr("har.har", json.dumps(har))
    await function_of(source_of_test(read_har(path)))(Board().app)


def test_bodies_in_base64_are_read(tmp_path: Path) -> None:
    har = recording("polling")
    for entry in har["log"]["entries"]:
        content = entry["response"]["content"]
        if "text" in content:
            content["text"] = base64.b64encode(content["text"].encode()).decode()
            content["encoding"] = "base64"
    path = written(har, tmp_path, "polling.har")
    assert source_of_test(read_har(path)) == source_of_test(read_har(RECORDINGS / "polling.har"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("no json", "not a HAR file: session.har"),
        ("[]", "not a HAR file: session.har"),
        ('{"log": {"entries": []}}', "no Socket.IO packets in session.har"),
        ('{"log": {"entries": [1]}}', "malformed entry"),
    ],
)
def test_what_is_no_recording_is_refused(content: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "session.har"
    path.write_text(content)
    with pytest.raises(HARError, match=text):
        read_har(path)


def test_an_archive_without_a_har_file_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "session.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(HARError, match="no HAR file in the archive"):
        read_har(tmp_path / "session.zip")


def test_a_recording_without_frames_says_so(tmp_path: Path) -> None:
    har = recording("websocket")
    for entry in har["log"]["entries"]:
        entry.pop("_webSocketMessages", None)
    with pytest.raises(HARError, match="the websocket's frames were not recorded"):
        read_har(written(har, tmp_path))
    har = recording("polling")
    for entry in har["log"]["entries"]:
        entry["response"]["content"].pop("text", None)
    with pytest.raises(HARError, match="the bodies of polling were not recorded"):
        read_har(written(har, tmp_path))


def test_an_old_protocol_is_refused(tmp_path: Path) -> None:
    text = json.dumps(recording("websocket")).replace("EIO=4", "EIO=3")
    path = tmp_path / "session.har"
    path.write_text(text)
    with pytest.raises(HARError, match=r"Engine\.IO 3 was recorded"):
        read_har(path)


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


def test_from_har_prints_a_test(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["from-har", str(RECORDINGS / "websocket.har"), "--app", "shop:app"]) == 0
    printed = capsys.readouterr().out
    assert "async def test_websocket():" in printed
    compile(printed, "generated", "exec")


def test_replay_har_prints_the_diff(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    har = str(RECORDINGS / "websocket.har")
    assert main(["replay-har", "recorded_app:app", har]) == 0
    assert capsys.readouterr().out.startswith("the same: ")
    monkeypatch.setattr("recorded_app.create_app", lambda: Board("crash").app)
    assert main(["replay-har", "recorded_app:create_app", har, "--factory"]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("--- recorded\n+++ now\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["from-har", "missing.har"], 2),
        (["from-har", __file__], 1),
        (["replay-har", "recorded_app:app", "missing.har"], 2),
    ],
)
def test_exit_codes(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == code
    assert capsys.readouterr().err.startswith("python -m asgi_sio_testclient")


def test_an_app_without_an_attribute_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["from-har", str(RECORDINGS / "websocket.har"), "--app", "shop"])
    assert stopped.value.code == 2
    assert "expected MODULE:APP" in capsys.readouterr().err


@pytest.mark.slow
async def test_an_app_without_socket_io_is_refused() -> None:
    async def bare(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with pytest.raises(HandshakeFailed):
        await replay(read_har(RECORDINGS / "polling.har"), bare)
