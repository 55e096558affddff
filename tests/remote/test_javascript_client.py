"""Compares what an app receives from the official JavaScript client through uvicorn, from
python-socketio's client through uvicorn, and from `TestClient` in memory. docs/fidelity.md has the
table.
"""

import asyncio
import re
import subprocess
import threading

import pytest
import socketio
from live import node_modules, serve

from asgi_sio_testclient import TestClient

PATIENCE = 60
TRANSPORTS = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}

USER = """
const [url, transports] = process.argv.slice(1);
const socket = require("socket.io-client").io(url, { transports: transports.split(",") });
const use = () => socket.emit("echo", "a", () => socket.disconnect());
socket.on("connect", () => {
  const engine = socket.io.engine;
  if (transports.includes(",") && engine.transport.name === "polling") engine.once("upgrade", use);
  else use();
});
"""


class Record:
    """An app that records the client's packets, and how the connection ends."""

    def __init__(self, **options):
        self.packets = []
        self.content_types = set()
        self.noops = []
        self.reasons = []
        self.connected_over = []
        self.over = threading.Event()
        self._sio = sio = socketio.AsyncServer(async_mode="asgi", **options)
        sio.on("connect", self._connected)
        sio.on("echo", lambda sid, value: value)
        sio.on("disconnect", self._disconnected)
        self._app = socketio.ASGIApp(sio)

    def _connected(self, sid, environ):
        sid = self._sio.manager.eio_sid_from_sid(sid, "/")
        self.connected_over.append(self._sio.eio.transport(sid))

    def _disconnected(self, sid, reason):
        self.reasons.append(reason)
        self.over.set()

    async def __call__(self, scope, receive, send):
        kind = scope["type"]

        async def received():
            message = await receive()
            if kind == "websocket" and message["type"] == "websocket.receive":
                self._take([message["text"]])
            elif kind == "http" and message.get("body"):
                headers = dict(scope["headers"])
                self.content_types.add(headers[b"content-type"].decode().replace(" ", "").lower())
                self._take(message["body"].decode().split("\x1e"))
            return message

        async def sends(message):
            if "6" in (message.get("text"), (message.get("body") or b"").decode()):
                self.noops.append(kind)
            await send(message)

        await self._app(scope, received, sends)

    def _take(self, packets):
        self.packets += [re.sub(r"^42\d+", "42<id>", packet) for packet in packets]


def through_uvicorn(play, name, **options):
    record = Record(**options)
    with serve(record) as url:
        play(url, TRANSPORTS[name])
        assert record.over.wait(PATIENCE)
    return record


def javascript(url, transports):
    command = ["node", "-e", USER, url, ",".join(transports)]
    subprocess.run(command, cwd=node_modules(), check=True, timeout=PATIENCE)


def stock(url, transports):
    async def play():
        client = socketio.AsyncClient()
        await client.connect(url, transports=transports)
        await client.call("echo", "a")
        await client.disconnect()

    asyncio.run(play())


def in_memory(name):
    async def play(record):
        async with TestClient(record, transports=TRANSPORTS[name]) as client:
            await client.connect()
            await client.call("echo", "a")

    record = Record()
    asyncio.run(play(record))
    return record


@pytest.mark.slow
@pytest.mark.parametrize("name", TRANSPORTS)
def test_the_client_is_as_the_javascript_client(name):
    # Over polling the JavaScript client ends when the server answers the pending poll: after 45 s
    # with the default intervals.
    theirs = through_uvicorn(javascript, name, ping_interval=8, ping_timeout=4)
    ours = in_memory(name)
    if name == "upgrade":
        assert (theirs.connected_over, ours.connected_over) == (["polling"], ["websocket"])
        # The only difference: the JavaScript client sends CONNECT over polling, before the probe.
        assert theirs.packets.index("40") == 0
        theirs.packets.insert(ours.packets.index("40"), theirs.packets.pop(0))
        theirs.content_types.clear()
        theirs.connected_over = ours.connected_over
    assert ours.packets == theirs.packets
    assert ours.connected_over == theirs.connected_over
    assert ours.content_types == theirs.content_types
    assert ours.noops[:1] == theirs.noops[:1]
    assert ours.reasons == theirs.reasons == ["client disconnect"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Unclosed:ResourceWarning")
def test_where_the_stock_client_differs():
    # After its disconnect over polling, the stock client waits until the server answers the poll.
    polling = through_uvicorn(stock, "polling", ping_interval=1, ping_timeout=1)
    upgrade = through_uvicorn(stock, "upgrade")
    assert "40{}" in polling.packets
    assert polling.content_types == {"text/plain"}
    assert "http" not in upgrade.noops
    assert upgrade.connected_over == ["websocket"]
