"""Recorded arguments: a browser's HAR file, a list of frames, a transcript."""

import base64
import json

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.fuzz._recorded import read_recording

BLOB = '451-["blob",{"_placeholder":true,"num":0}]'
HAR = {
    "log": {
        "entries": [
            {
                "request": {},
                "_webSocketMessages": [
                    {"type": "send", "opcode": 1, "data": "40"},
                    {"type": "receive", "opcode": 1, "data": '42["heard",1]'},
                    {"type": "send", "opcode": 1, "data": '42/chat,7["say","hello",2]'},
                    {"type": "send", "opcode": 1, "data": '42/chat,8["say","hello",2]'},
                    {"type": "send", "opcode": 1, "data": BLOB},
                    {"type": "send", "opcode": 2, "data": base64.b64encode(b"\x00\xff").decode()},
                    {"type": "send", "opcode": 2, "data": base64.b64encode(b"stray").decode()},
                    {"type": "send", "opcode": 1, "data": "3"},
                    {"type": "send", "opcode": 1, "data": "nonsense"},
                    {"type": "send", "opcode": 1, "data": "42[malformed"},
                ],
            },
            {"request": {"postData": {"text": '42["one"]\x1e42["two",null]'}}},
        ]
    }
}  # fmt: skip


def test_a_har_file(tmp_path):
    path = tmp_path / "session.har"
    path.write_text(json.dumps(HAR))
    assert read_recording(str(path)) == {
        ("/chat", "say"): [("hello", 2)],
        ("/", "blob"): [(b"\x00\xff",)],
        ("/", "one"): [()],
        ("/", "two"): [(None,)],
    }


def test_frames(tmp_path):
    path = tmp_path / "frames.txt"
    path.write_text('42["say","hello"]\n\n2probe\n42["say","bye"]\n')
    assert read_recording(path) == {("/", "say"): [("hello",), ("bye",)]}


async def test_a_transcript():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def say(sid, text):
        await sio.emit("said", text)

    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.call("say", "hello")
    assert read_recording(client.transcript) == {("/", "say"): [("hello",)]}


def test_nothing_in_it(tmp_path):
    path = tmp_path / "empty.har"
    path.write_text("{}")
    with pytest.raises(ValueError, match="no event that a client sent"):
        read_recording(path)
