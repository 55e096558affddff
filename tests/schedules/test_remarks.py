"""Remarks on code of the app that an exploration does not cover."""

import asyncio
from unittest import mock

import anyio
import pytest
import socketio
from booking import build, on_a_new_app, two_book

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.schedules import explore
from asgi_sio_testclient.schedules._frames import Frames
from asgi_sio_testclient.schedules._remarks import _Calls


class Frame:
    """A frame, with the attributes that a profile function reads."""

    def __init__(self, function, back=None):
        self.f_code = function.__code__
        self.f_back = back


def test_fakes_that_a_handler_awaits():
    async def handler(): ...
    async def helper(): ...
    async def fake(): ...

    def has_fakes(*calls, event="call"):
        noted = _Calls(Frames(), [handler.__code__])
        for frame in calls:
            noted._note(frame, event, None)
        return noted.has_fakes(handler.__code__)

    top = Frame(handler)
    helped = Frame(helper, top)
    emit = socketio.AsyncServer.emit
    assert has_fakes(top, Frame(fake, top))
    assert has_fakes(Frame(mock.AsyncMock()._execute_mock_call, top))
    assert has_fakes(Frame(asyncio.sleep, top))
    assert has_fakes(helped, Frame(emit, helped), Frame(fake, helped))
    assert not has_fakes(Frame(fake, top), event="return")
    assert not has_fakes(Frame(lambda: None, top))
    assert not has_fakes(Frame(fake), Frame(fake, Frame(helper)), Frame(asyncio.sleep))
    assert not has_fakes(Frame(emit, top), Frame(asyncio.Lock.acquire, top))
    assert not has_fakes(helped, Frame(emit, helped))
    assert not has_fakes(helped, helped)
    assert not has_fakes(Frame(asyncio.sleep, Frame(asyncio.wait_for, top)))


@pytest.mark.slow
def test_fakes_that_never_suspend_are_named():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")

        async def nothing():
            """A fake of a database call."""

        @sio.event
        async def load(sid):
            await nothing()

        @sio.event
        async def store(sid):
            await nothing()

        @sio.event
        def sync(sid):
            """It can't suspend."""

        @sio.event
        async def short(sid):
            """It awaits nothing."""

        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            for event in ("load", "store", "sync", "short", "unknown"):
                await client.emit(event)
            await client.settle()

    (remark,) = explore(scenario, runs=1).remarks
    assert remark.startswith("no place to hold in 2 handlers (load, store): your fakes never")


@pytest.mark.slow
def test_what_others_let_go_on_is_no_fake_that_never_suspends():
    """A Lock, a Queue, a task and python-socketio's calls never stand for calls over a network."""

    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        lock, queue = asyncio.Lock(), asyncio.Queue()
        send, receive = anyio.create_memory_object_stream(1)

        async def remember(sid):
            async with sio.session(sid) as session:
                session["seen"] = True

        async def take_turn():
            await asyncio.get_running_loop().create_task(asyncio.sleep(0.01))

        @sio.event
        async def own(sid):
            await sio.enter_room(sid, "room")
            await remember(sid)

        @sio.event
        async def waits(sid):
            async with lock:
                await queue.put(sid)
                await queue.get()
            await take_turn()

        @sio.event
        async def streams(sid):
            await send.send(sid)
            await receive.receive()

        async with TestClient(socketio.ASGIApp(sio)) as client, send, receive:
            await client.connect()
            for event in ("own", "waits", "streams"):
                await client.call(event)

    assert explore(scenario, runs=1).remarks == []


@pytest.mark.slow
def test_a_mock_never_suspends():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        database = mock.AsyncMock()

        @sio.event
        async def load(sid):
            return await database.load(sid)

        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.emit("load")
            await client.settle()

    (remark,) = explore(scenario, runs=1).remarks
    assert remark.startswith("no place to hold in 1 handler (load):")


@pytest.mark.slow
def test_the_remark_names_one_handler_in_the_singular():
    found = explore(on_a_new_app(two_book, fixed=True, payment=nothing), runs=1)
    assert found.remarks[0].startswith("no place to hold in 1 handler (book):")


async def nothing():
    """A fake that never suspends."""


@pytest.mark.slow
def test_a_nap_that_was_too_short_is_told():
    async def scenario():
        app = build(fixed=True)
        async with TestClient(app) as client:
            await client.connect()
            await client.emit("book")
            await asyncio.sleep(0.05)
            assert app.sold

    with pytest.raises(AssertionError) as caught:
        explore(scenario)
    assert "the test's own sleep was too short (test_remarks.py:" in caught.value.__notes__[-1]
