"""A bad network between client and app: the effects of `raw.disturb`, and how python-socketio
reacts.

Also connections that end at moments at which only a network ends them: in the handshake and during
an upgrade.
"""

import asyncio
import random

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, NotConnected, SyncTestClient, TestClient
from asgi_sio_testclient.faults import Fate, Schedule, is_message

TRANSPORTS = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)
NUMBERS = list(range(50))


class Server:
    """An app that records the numbers that it receives, and can send numbers."""

    def __init__(self, **settings):
        self.sio = socketio.AsyncServer(async_mode="asgi", async_handlers=False, **settings)
        self.app = socketio.ASGIApp(self.sio)
        self.told = []
        self.reasons = []
        self.sio.on("tell", self.tell)
        self.sio.on("count", self.count)
        self.sio.on("disconnect", self.disconnect)

    async def tell(self, sid, number):
        self.told.append(number)
        return number

    async def count(self, sid, limit):
        for number in range(limit):
            await self.sio.emit("number", number, to=sid)

    async def disconnect(self, sid, reason):
        self.reasons.append(reason)


@pytest.fixture
def server():
    return Server()


async def tell_all(client):
    for number in NUMBERS:
        await client.emit("tell", number)
    await client.settle()


async def be_told(client):
    await client.emit("count", len(NUMBERS))
    await client.settle()
    return [event.data for event in client.get_received()]


def faults(schedule, fate):
    return [fault for fault in schedule.faults if fault.fate is fate]


@TRANSPORTS
async def test_lost(server, transports):
    schedule = Schedule(1, lose=0.3)
    async with TestClient(server.app, transports=transports) as client:
        await client.connect()
        client.raw.disturb(schedule)
        await tell_all(client)
        assert len(server.told) == len(NUMBERS) - len(faults(schedule, Fate.LOSE)) < len(NUMBERS)
        assert server.told == sorted(server.told)
        client.raw.disturb(None)
        assert await client.call("tell", 99) == 99


@TRANSPORTS
async def test_doubled(server, transports):
    schedule = Schedule(1, duplicate=0.3, directions=["received"])
    async with TestClient(server.app, transports=transports) as client:
        await client.connect()
        client.raw.disturb(schedule)
        told = await be_told(client)
        assert len(told) == len(NUMBERS) + len(schedule.faults) > len(NUMBERS)
        assert told == sorted(told)


@TRANSPORTS
async def test_overtaken(server, transports):
    schedule = Schedule(1, reorder=0.3)
    async with TestClient(server.app, transports=transports) as client:
        await client.connect()
        client.raw.disturb(schedule)
        await tell_all(client)
        assert server.told != NUMBERS
        assert sorted(server.told) == NUMBERS
        client.raw.disturb(Schedule(2, reorder=0.3))
        told = await be_told(client)
        assert told != NUMBERS
        assert sorted(told) == NUMBERS


@TRANSPORTS
async def test_late(server, transports):
    """No message is lost or reordered, and `settle` waits for delayed messages."""
    async with TestClient(server.app, transports=transports) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, delay=0.3))
        await tell_all(client)
        assert server.told == NUMBERS
        assert await be_told(client) == NUMBERS


async def test_the_same_seed_does_the_same(server):
    runs = []
    for _ in range(2):
        schedule = Schedule(7, lose=0.1, duplicate=0.1, reorder=0.1, delay=0.1)
        server.told.clear()
        async with TestClient(server.app) as client:
            await client.connect()
            client.raw.disturb(schedule)
            await tell_all(client)
        runs.append((list(server.told), str(schedule)))
    assert runs[0] == runs[1]


async def test_server_acks_each_of_two(server):
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, duplicate=1, directions=["sent"]))
        assert await client.call("tell", 1) == 1
        await client.settle()
        assert server.told == [1, 1]


async def test_lost_ack(server):
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, lose=1, directions=["received"]))
        with pytest.raises(EventTimeout):
            await client.call("tell", 1, timeout=0.05)
        assert server.told == [1]


async def test_lost_attachment(server):
    """The server takes the next message for the missing attachment."""
    async with TestClient(server.app, raise_app_exceptions=False) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, lose=1, applies_to=lambda frame: isinstance(frame, bytes)))
        await client.emit("tell", b"lost")
        client.raw.disturb(None)
        await client.emit("tell", "taken for it")
        await client.settle()
        assert server.told == ['2["tell","taken for it"]']


async def test_lost_disconnect(server):
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, lose=1, applies_to=is_message))
        client.raw.send_text("41")
        await client.settle()
        assert server.reasons == []
        await client.disconnect()
    assert server.reasons == ["client disconnect"]


async def test_disconnect_lets_what_is_held_back_arrive_first(server):
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, delay=1, hold=10))
        await client.emit("tell", 1)
        await client.disconnect()
    assert server.told == [1]
    assert server.reasons == ["client disconnect"]


async def test_what_is_held_back_is_lost_with_the_connection(server):
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(Schedule(1, delay=1, hold=0.01))
        await client.emit("tell", 1)
        await client.abort()
        await client.settle()
        assert server.reasons == ["transport close"]
        assert server.told == []


@pytest.mark.parametrize("seed", random.Random(5).sample(range(10_000), 20))
async def test_any_seed(server, seed):
    schedule = Schedule(seed, lose=0.1, duplicate=0.1, reorder=0.1, delay=0.1, hold=0.001)
    async with TestClient(server.app) as client:
        await client.connect()
        client.raw.disturb(schedule)
        await tell_all(client)
        expected = len(NUMBERS)
        for fault in schedule.faults:
            if fault.direction == "sent":
                expected += {Fate.LOSE: -1, Fate.DUPLICATE: 1}.get(fault.fate, 0)
        assert len(server.told) == expected, schedule
        client.raw.disturb(None)
        assert await client.call("tell", -1) == -1


def test_sync(server):
    with SyncTestClient(server.app) as client:
        client.connect()
        client.raw.disturb(Schedule(1, lose=1))
        client.emit("tell", 1)
        client.settle()
        assert server.told == []


# -- ends of connections that only a network causes


class Gate:
    """Blocks the app's messages of one type while it is closed."""

    def __init__(self, app, kind):
        self.app, self.kind = app, kind
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.codes = []

    async def __call__(self, scope, receive, send):
        async def recorded():
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.codes.append(message["code"])
            return message

        async def held(message):
            if message["type"] == self.kind:
                self.reached.set()
                await self.open.wait()
            await send(message)

        await self.app(scope, recorded, held)


@pytest.mark.parametrize("code", [1001, 1006, 4000])
@pytest.mark.parametrize("kind", ["websocket.accept", "websocket.send"])
async def test_dropped_during_the_handshake(server, code, kind):
    gate = Gate(server.app, kind)
    async with TestClient(gate) as client:
        connecting = asyncio.create_task(client.connect())
        await gate.reached.wait()
        client.raw.drop(code)
        gate.open.set()
        with pytest.raises((NotConnected, socketio.exceptions.ConnectionError)):
            await connecting
    assert server.reasons == []
    # If the server has not accepted yet, engine.io detects the end when it sends, and stops
    # receiving.
    assert gate.codes == ([code] if kind == "websocket.send" else [])


async def test_an_upgrade_by_hand_that_is_never_finished(server):
    async with TestClient(server.app, transports=("polling",)) as client:
        await client.connect()
        websocket = await client.raw.websocket()
        websocket.send("2probe")
        assert await websocket.receive() == "3probe"
        websocket.lose(1006)
        assert await client.call("tell", 1) == 1


async def test_beside_such_an_upgrade_a_client_polls_as_slowly_as_over_a_network(server):
    """During such an upgrade the server answers each GET at once, with NOOP."""
    async with TestClient(server.app, transports=("polling",)) as client:
        await client.connect()
        websocket = await client.raw.websocket()
        websocket.send("2probe")
        assert await websocket.receive() == "3probe"
        clock = asyncio.get_running_loop().time
        started = clock()
        noops = 0
        while noops < 3:
            with pytest.raises(EventTimeout):
                await client.await_event(timeout=0.05)
            noops = str(client.transcript).count("NOOP")
        assert noops <= 3 + (clock() - started) / 0.05
        websocket.lose()
        assert await client.call("tell", 1) == 1


async def test_websocket_of_a_stale_sid(server):
    async with TestClient(server.app, transports=("polling",)) as client:
        await client.connect()
        with pytest.raises(ConnectionRefusedError):
            await client.raw.websocket(sid="stale")
