"""Waits until sources of idleness are idle."""

import asyncio

import pytest
import socketio
from apps import Gate

from asgi_sio_testclient import EventTimeout, TestClient, UsageError
from asgi_sio_testclient._client.settling import wait_disconnected, wait_idle, wait_idle_and_raise
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient._waiting.idle import BUSY, IDLE
from asgi_sio_testclient.asgi._elsewhere import Elsewhere

SHORT = 0.02  # seconds, for waits that can't end


class Source:
    """A source of idleness that is as the test says."""

    state = BUSY

    def quiet(self):
        return self.state


@pytest.fixture
async def client():
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    async with TestClient(app, timeout=SHORT) as client:
        yield client


@pytest.fixture
async def dispatcher(client):
    return client._dispatcher


async def become_idle(dispatcher, source):
    await asyncio.sleep(0)
    source.state = IDLE
    dispatcher.running_app.services.idle.notify()


async def test_the_wait_ends_when_its_sources_are_idle_and_leaves_nothing(dispatcher):
    source = Source()
    task = asyncio.create_task(become_idle(dispatcher, source))
    assert await wait_idle(dispatcher, lambda: [source], 60) is not EXPIRED
    await task
    assert dispatcher.errors.settling == []
    assert not dispatcher.running_app.services.idle.watchers


async def test_a_wait_that_expires_leaves_nothing_either(dispatcher):
    assert await wait_idle(dispatcher, lambda: [Source()], SHORT) is EXPIRED
    assert dispatcher.errors.settling == []
    assert not dispatcher.running_app.services.idle.watchers


async def test_an_error_of_no_handler_ends_the_wait(dispatcher):
    task = asyncio.create_task(wait_idle(dispatcher, lambda: [Source()], 60))
    await asyncio.sleep(0)
    dispatcher.errors.deliver(LookupError("lost"))
    with pytest.raises(LookupError, match="lost"):
        await task


async def test_an_expired_wait_names_its_call_and_an_idle_one_raises_what_is_unraised(dispatcher):
    source = Source()
    with pytest.raises(EventTimeout, match=r"leave\(\) did not end within 0.02 s"):
        await wait_idle_and_raise(dispatcher, lambda: [source], SHORT, "leave()")
    source.state = IDLE
    await wait_idle_and_raise(dispatcher, lambda: [source], SHORT, "leave()")
    dispatcher.errors.unraised.append(LookupError("before"))
    with pytest.raises(LookupError, match="before"):
        await wait_idle_and_raise(dispatcher, lambda: [source], SHORT, "leave()")


async def test_the_end_of_a_connection_is_awaited_for_the_clients_timeout(dispatcher):
    await wait_disconnected(dispatcher, None, "disconnect")
    with pytest.raises(EventTimeout, match=r"disconnect did not end within 0\.02 s"):
        await wait_disconnected(dispatcher, Source(), "disconnect")


async def test_settle_needs_an_entered_client_and_a_server_once_it_is_connected(client):
    await client.settle()
    with pytest.raises(UsageError, match="not entered"):
        await TestClient(client._options.app).settle()


class Away(Elsewhere):
    """An app whose server is elsewhere. It is never called."""

    url, address, base_url = "http://far.example", "far.example:80", "http://far.example"

    async def __call__(self, scope, receive, send):
        raise AssertionError(scope)


async def test_settle_needs_a_server_in_this_process():
    async with TestClient(Away(), lifespan=False) as client:
        with pytest.raises(UsageError, match=r"settle\(\).*far\.example"):
            await client.settle()


@pytest.mark.parametrize("grace", ["0.1", True, -1.0, float("nan")])
async def test_a_grace_is_seconds(client, grace):
    with pytest.raises((TypeError, ValueError), match="grace"):
        await client.settle(grace=grace)


@pytest.mark.parametrize(
    ("options", "grace", "waits"),
    [({}, None, False), ({}, 0.2, True), ({"grace": 0.2}, None, True), ({"grace": 0.2}, 0, False)],
)
async def test_a_timer_within_the_grace_is_work(options, grace, waits):
    sio = socketio.AsyncServer(async_mode="asgi")
    fired = []

    @sio.event
    async def order(sid):
        asyncio.get_running_loop().call_later(0.12, fired.append, sid)

    async with TestClient(socketio.ASGIApp(sio), timeout=60, **options) as client:
        await client.connect()
        await client.emit("order")
        await client.settle(grace=grace)
        assert bool(fired) is waits


async def test_a_settle_that_waits_for_its_own_caller_says_so(client):
    caught, gate = [], Gate()

    async def on_news():
        try:
            await client.settle()
        except EventTimeout as exc:
            caught.append(str(exc))
        gate.reached.set()

    sio = client._options.app.engineio_server
    client.on("news", on_news)
    await client.connect()
    await sio.emit("news")
    await gate.somebody_waits()
    assert caught[0].startswith("settle() waits for its own caller: ")
