"""The app of the recordings. `change` selects a later version of the app."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import socketio

PASSWORD = "hunter2hunter2"


class Board:
    """A board of notes, with two namespaces and HTTP."""

    def __init__(self, change: str = "") -> None:
        self.change = change
        self.notes: dict[str, str] = {}
        self.sio = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")
        for name in ("connect", "join", "note", "edit", "upload", "ask"):
            self.sio.on(name, getattr(self, name))
        self.sio.on("hello", self.hello, namespace="/chat")
        self.sio.on("leave_me", self.leave_me, namespace="/chat")
        self.app = socketio.ASGIApp(self.sio, self.api)

    async def connect(self, sid: str, environ: Any, auth: Any) -> None:
        if not auth or auth.get("token") is None:
            raise socketio.exceptions.ConnectionRefusedError({"code": 401})
        welcome = {"sid": sid, "at": time.time(), "motd": "hello"}
        await self.sio.emit("welcome", welcome, to=sid)

    async def join(self, sid: str, room: str) -> dict[str, Any]:
        await self.sio.enter_room(sid, room)
        await self.sio.emit("joined", {"room": room, "who": sid}, room=room)
        return {"ok": self.change != "refused", "members": 1}

    async def note(self, sid: str, data: dict[str, str]) -> str:
        id = str(uuid.uuid4())
        self.notes[id] = data["text"]
        noted = {
            "id": id,
            "text": data["text"],
            "by": sid,
            "created_at": "2026-11-28T16:00:00.000Z",
        }
        if self.change == "renamed":
            noted["body"] = noted.pop("text")
        if self.change != "silent":
            await self.sio.emit("noted", noted, room="tea")
        if self.change == "more":
            await self.sio.emit("counted", 1)
        return id

    async def edit(self, sid: str, data: dict[str, str]) -> dict[str, str]:
        self.notes[data["id"]] = data["text"]
        await asyncio.sleep(0.02)
        await self.sio.emit("edited", data, room="tea")
        return {"id": data["id"]}

    async def upload(self, sid: str, name: str, blob: bytes) -> int:
        await self.sio.emit("uploaded", (name, bytes(blob)[::-1]), to=sid)
        return len(blob) + (self.change == "length")

    async def ask(self, sid: str) -> None:
        answer = await self.sio.call("question", {"text": "sure?"}, to=sid)
        await self.sio.emit("thanks", answer, to=sid)

    async def hello(self, sid: str, name: str) -> tuple[str, str]:
        await self.sio.emit("greeted", f"hi {name}", to=sid, namespace="/chat")
        return "hi", name

    async def leave_me(self, sid: str) -> None:
        if self.change != "stays":
            await self.sio.disconnect(sid, namespace="/chat")

    async def api(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body = (await receive())["body"]
        status, answer = 404, {}
        if scope["path"] == "/login":
            ok = json.loads(body)["password"] == PASSWORD
            status = 200 if ok else 401
            user = {"id": 17, "name": "ann"}
            answer = {"token": uuid.uuid4().hex, "user": user} if ok else {}
        elif scope["path"].startswith("/notes/"):
            id = scope["path"].rpartition("/")[2]
            await self.sio.emit("published", {"id": id, "text": self.notes.get(id)})
            status, answer = 201, {"id": id, "state": "published"}
            if self.change == "crash":
                raise LookupError("no such note")
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def create_app() -> socketio.ASGIApp:
    """Return the app of the recordings."""
    return Board().app


app = create_app()
