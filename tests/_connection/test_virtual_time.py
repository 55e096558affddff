"""Heartbeats, timeouts and every reason of a disconnect in virtual time, which does not take real
time.
"""

import asyncio
import contextlib
import time

import pytest
import socketio
from apps import lab
from starlette.applications import Starlette
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from asgi_sio_testclient import (
    EventTimeout,
    NotConnected,
    SyncTestClient,
    TestClient,
    UsageError,
)
from asgi_sio_testclient._connection import virtual_time

# Seconds of real time: a test that waits for 45 s in real time fails.
SOON = 10.0


def time_travel(client):
    return client.time_travel()


async def advance(client, seconds):
    await client.advance(seconds)


@pytest.fixture(autouse=True)
def no_real_time_passes():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


@pytest.fixture
def built():
    return lab()


@pytest.fixture
async def client(built, transports):
    async with TestClient(built.app, transports=transports) as client:
        await client.connect()
        async with time_travel(client):
            yield client


def pings(client):
    return [entry for entry in client.transcript if entry.engineio_type == "PING"]


async def test_pings_come_at_their_own_moments(client):
    # A ping is sent 25 s after the last pong; real time passes as well.
    before = len(pings(client))  # an upgrade has a ping as its probe
    await advance(client, 15)
    assert len(pings(client)) == before
    await advance(client, 15)
    assert len(pings(client)) == before + 1
    await advance(client, 75)
    assert len(pings(client)) == before + 4


@pytest.mark.slow
async def test_a_client_that_answers_stays(client, built):
    await advance(client, 3600)
    assert client.is_connected()
    assert await client.call("echo", 1) == 1
    assert built.disconnects == []


async def test_waits_keep_their_bound(client):
    with pytest.raises(EventTimeout):
        await client.await_event("never", timeout=0.02)


async def test_a_wait_expires_in_the_servers_time(client):
    waiting = asyncio.ensure_future(client.await_event("never", timeout=30))
    await advance(client, 29)
    assert not waiting.done()
    await advance(client, 2)
    with pytest.raises(EventTimeout):
        await waiting


async def test_what_an_app_puts_off(transports):
    sio = socketio.AsyncServer(async_mode="asgi")
    hung_up = asyncio.Event()

    @sio.event
    async def remind(sid, seconds):
        sio.start_background_task(later, sid, seconds)

    async def later(sid, seconds):
        await sio.sleep(seconds)
        await sio.emit("reminder", to=sid)

    @sio.event
    async def disconnect(sid, reason):
        # The app waits some time for the user to reconnect.
        asyncio.get_running_loop().call_later(120, hung_up.set)

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        async with time_travel(client):
            await client.emit("remind", 600)
            await advance(client, 599)
            assert client.get_received() == []
            await advance(client, 1)
            assert [event.name for event in client.get_received()] == ["reminder"]
            await client.disconnect()
            await advance(client, 119)
            assert not hung_up.is_set()
            await advance(client, 1)
            assert hung_up.is_set()


async def test_a_handler_that_sleeps(client, built):
    call = asyncio.ensure_future(client.call("slow", 40, "done", timeout=60))
    await advance(client, 39)
    assert not call.done()
    await advance(client, 1)
    assert await call == "done"


async def test_timers_run_in_their_order(client):
    loop = asyncio.get_running_loop()
    seen = []
    for delay in (30, 10, 20):
        loop.call_later(delay, lambda delay=delay: seen.append((delay, loop.time() - began)))
    loop.call_later(1, loop.call_later, 14, lambda: seen.append((15, loop.time() - began)))
    began = loop.time()
    await advance(client, 35)
    assert [delay for delay, _ in seen] == [10, 15, 20, 30]
    for delay, when in seen:
        assert when == pytest.approx(delay, abs=0.5)


# -- the reasons of disconnects


async def test_client_disconnect(client, built):
    await client.disconnect()
    assert built.disconnects == [("/", "client disconnect")]
    assert client.disconnect_reason == "client disconnect"


async def test_server_disconnect(client, built):
    await client.emit("kick")
    await client.settle()
    assert built.disconnects == [("/", "server disconnect")]
    assert client.disconnect_reason == "server disconnect"


async def test_transport_close():
    built = lab()
    async with TestClient(built.app) as client:
        await client.connect()
        await client.abort()
        assert built.disconnects == [("/", "transport close")]


async def test_ping_timeout(client, built):
    """Every 20 s the server searches for clients whose pong is more than 20 s late."""
    await advance(client, 24)
    # After 45 s without any packet over a websocket the reason would be "transport close".
    await client.emit("keep", "the line is not quiet")
    client.raw.answer_pings = False
    await advance(client, 20)
    assert built.disconnects == []
    await advance(client, 21)
    assert built.disconnects == [("/", "ping timeout")]
    # The server does not send a close: it relies on the connection's own timeout
    # (check_ping_timeout).
    assert client.is_connected()
    await advance(client, 45)
    assert not client.is_connected()


async def test_a_silent_websocket_is_closed():
    built = lab()
    async with TestClient(built.app) as client:
        await client.connect()
        client.raw.answer_pings = False
        async with time_travel(client):
            await advance(client, 44)
            assert built.disconnects == []
            await advance(client, 2)
        assert built.disconnects == [("/", "transport close")]


async def test_transport_error():
    """A long poll without a packet for ping_interval plus ping_timeout."""
    built = lab(ping_interval=10, ping_timeout=100)
    async with TestClient(built.app, transports="polling") as client:
        await client.connect()
        client.raw.answer_pings = False
        async with time_travel(client):
            await advance(client, 119)
            assert built.disconnects == []
            await advance(client, 2)
        assert built.disconnects == [("/", "transport error")]


GONE = {"websocket": "transport close", "upgrade": "transport close", "polling": "ping timeout"}


def fall_silent(client):
    client.raw.answer_pings = False
    client.advance(100)


# The client's action, and the server's reason for the disconnect over each transport.
ENDS = {
    "disconnect": (SyncTestClient.disconnect, dict.fromkeys(GONE, "client disconnect")),
    "kicked": (lambda client: client.call("kick"), dict.fromkeys(GONE, "server disconnect")),
    "abort": (SyncTestClient.abort, GONE),
    "silence": (fall_silent, GONE),
}


@pytest.mark.parametrize(("end", "reasons"), ENDS.values(), ids=ENDS)
def test_every_end_without_await(built, transports, request, end, reasons):
    with SyncTestClient(built.app, transports=transports) as client, client.time_travel():
        client.connect()
        with contextlib.suppress(NotConnected):
            end(client)
        client.settle()
        assert not client.is_connected()
    transport = request.node.callspec.id.partition("-")[0]
    assert built.disconnects == [("/", reasons[transport])]


async def test_the_engines_session_expires(built):
    async with TestClient(built.app, transports="polling") as client:
        await client.connect()
        async with time_travel(client):
            expired = client.raw.sid
            client.raw.answer_pings = False
            await advance(client, 100)
        query = {"EIO": 4, "transport": "polling", "sid": expired}
        answer = await client.http.get("/socket.io/", params=query)
        assert (answer.status_code, answer.json()) == (400, f"Invalid session {expired}")


async def test_an_http_session_expires_where_the_wall_clock_is_moved_as_well(monkeypatch):
    built, wall_clock = lab(), time.time

    async def login(request):
        request.session["user"] = "ada"
        return Response()

    async def who(request):
        return PlainTextResponse(request.session.get("user", "nobody"))

    routes = [Route("/login", login, methods=["POST"]), Route("/who", who), Mount("/", built.app)]
    app = SessionMiddleware(Starlette(routes=routes), secret_key="x", max_age=60)
    async with TestClient(app) as client, time_travel(client):
        await client.http.post("/login")
        await client.connect()
        await advance(client, 61)
        assert (await client.http.get("/who")).text == "ada"
        monkeypatch.setattr(time, "time", lambda: wall_clock() + 61)
        assert (await client.http.get("/who")).text == "nobody"
        assert client.is_connected()


async def test_back_after_a_timeout(client, built):
    client.raw.answer_pings = False
    await advance(client, 100)
    assert not client.is_connected()
    await client.connect()
    assert await client.call("echo", 1) == 1
    await advance(client, 100)
    assert client.is_connected()


async def test_two_clients_one_silent(client, built):
    other = client.clone()
    await other.connect()
    other.raw.answer_pings = False
    await advance(client, 100)
    assert client.is_connected()
    assert not other.is_connected()
    assert len(built.disconnects) == 1


# -- wrong use, and what is left at the end


async def test_outside_of_the_block(built):
    async with TestClient(built.app) as client:
        with pytest.raises(UsageError, match="time_travel"):
            await advance(client, 1)
        async with time_travel(client):
            await advance(client, 1)
        with pytest.raises(UsageError, match="time_travel"):
            await advance(client, 1)


async def test_nested(client):
    async with time_travel(client):
        await advance(client, 1)
    await advance(client, 1)


@pytest.mark.parametrize("seconds", [-1, float("nan")])
async def test_backwards(client, seconds):
    with pytest.raises(ValueError, match="0 or more"):
        await advance(client, seconds)


async def test_no_time_at_all(client):
    await advance(client, 0)


async def test_two_at_once(client):
    first = asyncio.ensure_future(advance(client, 100))
    await asyncio.sleep(0)
    with pytest.raises(UsageError, match="under way"):
        await advance(client, 1)
    await first


async def test_an_app_without_rest(client):
    loop = asyncio.get_running_loop()
    handle = None

    def again():
        nonlocal handle
        handle = loop.call_later(1e-4, again)

    again()
    with pytest.raises(EventTimeout, match="does not come to rest"):
        await virtual_time.advance(client._running_app, 60, 0.05)
    handle.cancel()


async def test_a_task_that_never_waits(client):
    async def spin():
        while True:  # noqa: ASYNC110 (the subject)
            await asyncio.sleep(0)

    task = asyncio.ensure_future(spin())
    await advance(client, 1)
    task.cancel()


async def test_the_clock_does_not_go_back(built):
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with TestClient(built.app) as client:
        async with time_travel(client):
            await advance(client, 1000)
        assert loop.time() - began == pytest.approx(1000, abs=SOON)
    before = loop.time()
    assert loop.time() >= before


def test_another_kind_of_loop():
    uvloop = pytest.importorskip("uvloop")

    async def travel():
        async with TestClient(lab().app) as client:
            with pytest.raises(UsageError, match="asyncio's own"):
                async with time_travel(client):
                    pass

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(travel())
