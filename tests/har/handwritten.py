"""Recordings written by hand, and a check with a generated test and a replay."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import socketio
from recorded_files import function_of

from asgi_sio_testclient.fuzz._loop import VirtualLoop
from asgi_sio_testclient.har import read_har, replay, source_of_test

OPEN = '0{"sid":"AAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingTimeout":20000,"pingInterval":25000}'
SID = '0{"sid":"abcdefghijKLMNOPAAAB"}'
SECRET = "s3cr3t-t0k3n-of-the-browser"
TENANT = {"name": "X-Tenant", "value": "north"}
BEARER = {"name": "Authorization", "value": f"Bearer {SECRET}"}
JSON_TYPE = "application/json"


def moment(offset: float) -> str:
    seconds, rest = divmod(offset, 1)
    return f"2026-11-18T11:{int(seconds) // 60:02}:{int(seconds) % 60:02}.{int(rest * 1e6):06}Z"


EPOCH = 1795000800.0  # near moment(0), which is twenty minutes before


def websocket(
    frames: Sequence[tuple[float, str]], *, path: str = "socket.io", query: str = "",
    headers: Sequence[Any] = (), closed: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    """Return an entry with frames; those that begin with ">" were sent. `closed` is the time of the
    close.
    """
    epoch = datetime.fromisoformat(moment(0)).timestamp()
    messages = [
        {
            "type": "send" if text.startswith(">") else "receive",
            "time": epoch + offset,
            "opcode": 1,
            "data": text.removeprefix(">"),
        }
        for offset, text in frames
    ]
    url = f"ws://chat.example/{path}/?EIO=4&transport=websocket{query}"
    return {
        "startedDateTime": moment(frames[0][0]),
        "time": (closed - frames[0][0]) * 1000,
        "request": {"method": "GET", "url": url, "headers": list(headers)},
        "response": {"status": 101, "headers": [], "content": {}},
        "_resourceType": "websocket",
        "_webSocketMessages": messages,
    }


def http(
    offset: float, method: str, path: str, *, status: int = 200, body: Any = None,
    kind: str = JSON_TYPE, answer: Any = None, headers: Sequence[Any] = (),
    host: str = "chat.example", resource: str = "fetch", params: Any = None,
) -> dict[str, Any]:  # fmt: skip
    request: dict[str, Any] = {"method": method, "url": f"http://{host}{path}"}
    request["headers"] = list(headers)
    if params is not None:
        request["postData"] = {"mimeType": kind, "params": params}
    elif body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        request["postData"] = {"mimeType": kind, "text": text}
    text = answer if isinstance(answer, str) else json.dumps(answer)
    content = {} if answer is None else {"mimeType": JSON_TYPE, "text": text}
    return {
        "startedDateTime": moment(offset),
        "time": 1,
        "request": request,
        "response": {"status": status, "headers": [], "content": content},
        "_resourceType": resource,
    }


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "session.har"
    path.write_text(json.dumps({"log": {"entries": list(entries)}}), encoding="utf-8")
    return path


async def check(path: Path, make: Any) -> str:
    """Assert that a recording's test and its replay both pass on an app; return the test."""
    source = source_of_test(read_har(path), with_secrets=True)
    await function_of(source)(make())
    played = await replay(read_har(path), make())
    assert played.diff() == []
    return source


def run_on_a_virtual_clock(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a new loop with a virtual clock."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def joined(*frames: tuple[float, str]) -> list[tuple[float, str]]:
    return [(0.0, OPEN), (0.001, ">40"), (0.002, f"4{SID}"), *frames]


def server() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="asgi")
