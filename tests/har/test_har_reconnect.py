"""A client that disconnects and reconnects: its session ids, its end, and events that arrive
afterwards.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import socketio
from handwritten import OPEN, check, http, websocket, written

from asgi_sio_testclient.har import read_har, source_of_test

TOKEN = "a1b2c3d4e5f6a7b8c9d0"
CODE = "5525"


def sid(letter: str) -> str:
    return letter * 16 + "AAA" + letter


def opened(letter: str) -> str:
    return OPEN.replace("AAAAAAAAAAAAAAAAAAAA", letter * 20)


def connected(at: float, letter: str) -> list[tuple[float, str]]:
    answer = json.dumps({"sid": sid(letter)})
    return [(at, opened(letter)), (at + 0.001, ">40"), (at + 0.002, f"40{answer}")]


class Lobby:
    """An app that emits who has left; in each run it makes a new token and a new code of digits."""

    def __init__(self) -> None:
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.sio.on("connect", self.connect)
        self.sio.on("disconnect", self.disconnect)
        self.sio.on("drop", self.drop)
        self.sio.on("ask", self.ask)
        self.app = socketio.ASGIApp(self.sio, self.http)
        self.token = secrets.token_hex(10)
        self.code = str(secrets.randbelow(9000) + 1000)

    async def connect(self, sid: str, environ: Any) -> None:
        await self.sio.enter_room(sid, "lobby")

    async def disconnect(self, sid: str, reason: str) -> None:
        await self.sio.emit("left", {"who": sid}, room="lobby")

    async def ask(self, sid: str) -> None:
        await self.sio.emit("answer", to=sid)

    async def drop(self, sid: str) -> None:
        await self.sio.disconnect(sid)

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/session":
            status, answer = 200, {"accessToken": self.token, "code": self.code}
        else:
            bearer = dict(scope["headers"]).get(b"authorization")
            known = bearer == f"Bearer {self.token}".encode()
            status, answer = (200, {"code": self.code}) if known else (401, {})
            assert scope["path"] == f"/games/{self.code}"
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def left(letter: str) -> str:
    return "42" + json.dumps(["left", {"who": sid(letter)}])


async def test_an_old_session_id_in_what_comes_after_the_connection(tmp_path: Path) -> None:
    asked = [(2.0, '>42["ask"]'), (2.01, '42["answer"]')]
    ann = [*connected(1.0, "a"), *asked, (3.0, left("b")), (6.0, left("c")), (6.5, ">41")]
    # The HAR file does not contain the time at which the websocket was closed.
    ben = connected(1.5, "b")
    again = [*connected(4.0, "c"), (5.9, ">41")]
    path = written(tmp_path, websocket(ann), websocket(ben), websocket(again))
    source = await check(path, lambda: Lobby().app)
    assert "client2_sid = client2.sid" in source
    assert 'assert left_event.args == ({"who": client2_sid},)' in source
    ends = source.index("await client2.disconnect()")
    assert ends < source.index('await client.await_event("left")')


async def test_an_end_before_an_event_that_nothing_else_caused(tmp_path: Path) -> None:
    def make() -> Any:
        lobby = Lobby()

        async def disconnect(sid: str, reason: str) -> None:
            await lobby.sio.emit("fewer", room="lobby")

        lobby.sio.on("disconnect", disconnect)
        return lobby.app

    ann = [*connected(1.0, "a"), (3.0, '42["fewer"]'), (6.0, ">41")]
    again = [*connected(4.0, "c"), (6.01, '42["fewer"]')]
    path = written(tmp_path, websocket(ann), websocket(connected(1.5, "b")), websocket(again))
    source = await check(path, make)
    ends = source.index("await client2.disconnect()")
    assert ends < source.index('await client.await_event("fewer")')


async def test_what_arrives_after_the_servers_disconnect_is_ignored(tmp_path: Path) -> None:
    frames = [*connected(1.0, "a"), (2.0, '>42["drop"]'), (2.01, "41"), (2.02, left("a"))]
    source = await check(written(tmp_path, websocket(frames)), lambda: Lobby().app)
    assert "left" not in source.replace("was left out", "")
    assert 'assert not client.is_connected("/")' in source


async def test_what_arrives_after_the_clients_close_is_ignored(tmp_path: Path) -> None:
    frames = [*connected(1.0, "a"), (2.0, ">1"), (2.1, left("a"))]
    source = await check(written(tmp_path, websocket(frames)), lambda: Lobby().app)
    assert "await_event" not in source


async def test_a_token_in_a_header_and_a_code_of_digits_in_a_url(tmp_path: Path) -> None:
    bearer = [{"name": "Authorization", "value": f"Bearer {TOKEN}"}]
    path = written(
        tmp_path,
        http(0.5, "POST", "/session", answer={"accessToken": TOKEN, "code": CODE}),
        websocket(connected(1.0, "a")),
        http(2.0, "GET", f"/games/{CODE}", answer={"code": CODE}, headers=bearer),
    )
    await check(path, lambda: Lobby().app)
    source = source_of_test(read_har(path))
    assert 'http.get(\n            f"/games/{session_code}"' in source
    assert 'f"Bearer {session_access_token}"' in source
