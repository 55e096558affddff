"""The forms of HAR files, and files that are none."""

from __future__ import annotations

import base64
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from recorded_app import Board
from recorded_files import RECORDINGS, function_of, written

from asgi_sio_testclient.har import HARError, read_har, source_of_test

pytestmark = pytest.mark.usefixtures("password")


def recording(name: str) -> dict[str, Any]:
    har: dict[str, Any] = json.loads((RECORDINGS / f"{name}.har").read_text(encoding="utf-8"))
    return har


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
