"""msgpack, big JSON and broadcasts: this client, the stock client in memory and the stock client
with uvicorn, in the same rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import resource

import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.stock import ASGIClientSession
from benchmarks.app import PING_INTERVAL_S
from benchmarks.method import Session, alternate, on_a_loop, ratio

TITLES = {
    "ours": "asgi-sio-testclient",
    "stock": "stock AsyncClient in memory (`asgi_sio_testclient.stock`)",
    "uvicorn": "uvicorn + stock AsyncClient",
}
FORMS = {
    "call": "`call`",
    "msgpack": "`call`, msgpack",
    "json": "`call`, 1 MB of JSON each way",
    "broadcast": "broadcast to {clients:,} clients",
}
CLIENTS = 1_000
QUICK_CLIENTS = 100
BIG = [{"id": number, "name": f"parcel {number}", "open": True} for number in range(18_000)]
DATA = {"call": "hello", "msgpack": {"text": "hello", "bytes": b"\x00" * 64}, "json": BIG}


def make_app(form: str) -> socketio.ASGIApp:
    sio = socketio.AsyncServer(
        async_mode="asgi",
        ping_interval=PING_INTERVAL_S,
        max_http_buffer_size=1 << 30,
        serializer="msgpack" if form == "msgpack" else "default",
    )

    @sio.event
    async def echo(_sid, data):
        return data

    @sio.event
    async def shout(_sid, data):
        await sio.emit("news", data)

    return socketio.ASGIApp(sio)


class _Stock(socketio.AsyncClient):
    def __init__(self, **options) -> None:
        super().__init__(reconnection=False, **options)
        self.news = asyncio.Event()
        self.on("news", self._heard)

    def _heard(self, _data) -> None:
        self.news.set()


def _options(form: str) -> dict:
    return {"serializer": "msgpack"} if form == "msgpack" else {}


@contextlib.asynccontextmanager
async def _ours(form: str, clients: int):
    async with TestClient(make_app(form), timeout=60, **_options(form)) as first:
        everybody = [first, *(first.clone() for _ in range(clients - 1))]
        for client in everybody:
            await client.connect()
        if form != "broadcast":
            yield functools.partial(first.call, "echo", DATA[form])
            return

        async def broadcast():
            await first.emit("shout", "hello")
            for client in everybody:
                await client.await_event("news")

        yield broadcast


@contextlib.asynccontextmanager
async def _stock(form: str, clients: int):
    async with ASGIClientSession(make_app(form)) as session:
        options = _options(form) | {"http_session": session}
        async with _connected("http://testserver", options, clients) as everybody:
            yield _operation(form, everybody)


@contextlib.asynccontextmanager
async def _uvicorn(form: str, clients: int):
    from benchmarks.peers.uvicorn_stock import serve  # noqa: PLC0415 - may not be installed

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        async with serve(make_app(form)) as url, _connected(url, _options(form), clients) as all_:
            yield _operation(form, all_)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.asynccontextmanager
async def _connected(url: str, options: dict, number: int):
    everybody = [_Stock(**options) for _ in range(number)]
    try:
        for client in everybody:
            await client.connect(url, transports=["websocket"])
        yield everybody
    finally:
        for client in everybody:
            await client.disconnect()


def _operation(form: str, everybody: list[_Stock]):
    if form != "broadcast":
        return functools.partial(everybody[0].call, "echo", DATA[form])

    async def broadcast():
        for client in everybody:
            client.news.clear()
        await everybody[0].emit("shout", "hello")
        for client in everybody:
            await client.news.wait()

    return broadcast


OPENERS = {"ours": _ours, "stock": _stock, "uvicorn": _uvicorn}


def sessions(form: str, clients: int) -> dict[str, Session]:
    number = clients if form == "broadcast" else 1
    return {
        who: on_a_loop(functools.partial(opener, form, number)) for who, opener in OPENERS.items()
    }


def measure(rounds: int, slice_ns: int, clients: int, progress=lambda _: None) -> dict:
    """Return `{form: {who: {"ns": [...], "over_ours": [low, median, high]}}}`."""
    found: dict = {}
    for form in FORMS:
        taken = alternate(
            sessions(form, clients), rounds, slice_ns, functools.partial(_tell, progress, form)
        )
        found[form] = {}
        for who, series in taken.items():
            over = ratio(series.ns, taken["ours"].ns)
            found[form][who] = {"ns": series.ns, "over_ours": [over.low, over.median, over.high]}
    return found


def _tell(progress, form: str, text: str) -> None:
    progress(f"{form}: {text}")
