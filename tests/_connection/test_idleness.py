"""What keeps a session from being idle, and its names in errors."""

import asyncio

import pytest
import socketio
from apps import Gate
from scripted import OPEN, Polled, client_of, soon

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._waiting.idle import BUSY, IDLE
from asgi_sio_testclient.faults import Schedule


async def test_a_packet_that_has_not_come_to_the_server_is_named():
    held, go_on = asyncio.Event(), asyncio.Event()
    server = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))

    async def queueing(scope, receive, send):
        queue = asyncio.Queue()

        async def fill():
            while True:
                queue.put_nowait(await receive())

        async def slow_receive():
            message = await queue.get()
            if message.get("text", "").startswith("42"):
                held.set()
                await go_on.wait()
            return message

        filling = asyncio.create_task(fill())
        try:
            await server(scope, slow_receive, send)
        finally:
            filling.cancel()

    async with client_of(queueing) as client:
        await client.connect()
        await client.emit("e")
        await soon(held.wait())
        assert client.raw.why_busy().startswith("a packet is still processed by the server")
        go_on.set()
        await client.settle()
        assert client.raw.why_busy() == ""


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def sio(gate):
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def hold(sid):
        await gate.pass_through()

    return sio


async def test_a_session_on_which_nothing_is_under_way_is_idle(sio, transports):
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.settle()
        session = client.raw
        assert session.quiet() is IDLE
        assert session.settled
        assert not session.unsettled
        assert session.why_busy() == ""
        assert session.in_threads() == []
        assert session.still_connected() == [
            f"the server still counts {client.sid!r} as connected to namespace '/'"
        ]
        assert len(session.tasks) == 1
    assert session.quiet() is IDLE
    assert session.still_connected() == []
    assert session.tasks == set()


async def test_a_packet_from_the_server_makes_the_session_unsettled(sio):
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.settle()
        session = client.raw
        assert not session.unsettled
        await sio.emit("news")
        await client.await_event("news")
        assert session.unsettled
        await client.settle()
        assert not session.unsettled


async def test_a_message_that_the_server_processes_is_under_way(sio, gate):
    """With its handler in the server's own call, the app does not receive before it ends."""
    sio.async_handlers = False
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.emit("hold")
        await gate.somebody_waits()
        session = client.raw
        assert session.receiving is not None
        assert session.quiet() is BUSY
        assert not session.settled
        why = session.why_busy()
        assert why.startswith("a packet is not received by the app, it is at apps.py:")
        assert why.endswith("await self.opened.wait()")
        gate.opened.set()
        await client.settle()
        assert session.quiet() is IDLE


async def test_an_app_that_goes_on_after_the_end_is_named(sio, gate):
    sio.async_handlers = False
    async with TestClient(socketio.ASGIApp(sio), timeout=60) as client:
        await client.connect()
        session = client.raw
        await client.emit("hold")
        await gate.somebody_waits()
        session.drop()
        assert session.quiet() is BUSY
        assert session.why_busy().startswith("the app goes on after the end, it is at ")
        gate.opened.set()
        await session.wait_closed(60)
        assert session.quiet() is IDLE
        assert session.why_busy() == ""


async def test_packets_that_a_link_holds_back_are_under_way(sio):
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.settle()
        session = client.raw
        session.disturb(Schedule(0, delay=1, hold=60, directions=["sent"]))
        assert session.quiet() is IDLE
        await client.emit("later")
        assert session.quiet() is BUSY
        assert session.why_busy() == "a disturbed network holds packets back: see disturb()"
        session.disturb(None)


async def test_an_upgrade_is_under_way_until_its_probe_is_answered():
    gate = Gate()

    async def websocket(wire):
        await wire.accept()
        await wire.receive()
        await gate.pass_through()
        await wire.close()

    app = Polled(OPEN, '40{"sid":"x"}', websocket=websocket)
    async with client_of(app, "polling", "websocket") as client:
        connecting = asyncio.ensure_future(client.connect())
        await gate.somebody_waits()
        assert client.raw.quiet() is BUSY
        assert client.raw.why_busy().endswith("the upgrade's probe was not answered")
        gate.opened.set()
        await soon(connecting)
        app.answers.put_nowait("1")


async def turns():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_connect_handler_that_sends_more_than_a_greeting_need_not_end():
    """A greeting and its attachment come before a refusal as well."""
    sio = socketio.AsyncServer(async_mode="asgi", always_connect=True)
    ticks = asyncio.Queue()

    @sio.event
    async def connect(sid, environ):
        while await ticks.get():
            await sio.emit("tick", to=sid)

    async with TestClient(socketio.ASGIApp(sio), timeout=60) as client:
        connecting = asyncio.ensure_future(client.connect())
        await turns()
        for is_connected in (False, False, True):
            assert not connecting.done()
            ticks.put_nowait(True)
            await turns()
            assert connecting.done() is is_connected
        ticks.put_nowait(False)
