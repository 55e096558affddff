"""An app with a shop's events, and functions that read a trace of it."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import socketio

from asgi_sio_testclient import TestClient


def page_data(path: Path) -> dict[str, Any]:
    """Return the data of a written page."""
    found = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


class Shop:
    """An app with a handler that waits, one that raises, and an HTTP endpoint that emits."""

    def __init__(self) -> None:
        self.paid = asyncio.Event()
        self.booking = asyncio.Event()
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.sio.on("connect", self.connect)
        self.sio.on("book", self.book)
        self.sio.on("scan", self.scan)
        self.sio.on("ask", self.ask)
        self.sio.on("disconnect", self.disconnect)
        self.app = socketio.ASGIApp(self.sio, self.api)  # without a lifespan

    async def connect(self, sid: str, environ: Any, auth: Any) -> None:
        await self.sio.enter_room(sid, "shop")
        if auth == "nobody":
            raise socketio.exceptions.ConnectionRefusedError("not you")

    async def book(self, sid: str, seat: int) -> dict[str, bool]:
        self.booking.set()
        await self.paid.wait()
        await self.sio.emit("booked", {"seat": seat}, room="shop")
        return {"ok": True}

    async def scan(self, sid: str, label: str) -> None:
        raise LookupError(f"no parcel {label!r}")

    async def ask(self, sid: str) -> None:
        answer = await self.sio.call("question", to=sid)
        await self.sio.emit("answered", answer, to="nobody here")

    def disconnect(self, sid: str) -> None:
        pass

    async def api(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        self.paid.set()
        await self.sio.emit("open", room="shop")
        status = 404 if scope["path"] == "/nowhere" else 204
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def shopping(shop: Shop) -> TestClient:
    """Run two clients: one books, and the other pays for the booking over HTTP."""
    async with TestClient(shop.app, auth={"token": "s3cret"}) as ann:
        bob = ann.clone()
        await ann.connect()
        await bob.connect()
        await ann.emit("book", 7)
        await shop.booking.wait()
        await bob.http.post("/pay")
        await bob.await_event("booked")
        await ann.await_event("booked")
        await ann.settle()
    return ann
