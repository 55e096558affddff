"""`settle` does not wait for work that no client caused, and its cost does not grow
with clients.
"""

import asyncio
import contextlib
import sys

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient, UnexpectedEvent

A_MINUTE = 60
every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


@pytest.fixture
def app(sio):
    @sio.event
    async def say(sid):
        await sio.emit("said", to=sid)

    return socketio.ASGIApp(sio)


@every_transport
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_of_a_fixture_is_followed(sio, app, transports, when):
    queue = asyncio.Queue()

    async def work():
        while True:
            sid = await queue.get()
            await asyncio.sleep(0.02)
            await sio.emit("worked", to=sid)

    sio.on("work", queue.put_nowait)
    worker = None
    if when == "before":
        worker = asyncio.create_task(work())
    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
        worker = worker or asyncio.create_task(work())
        await client.connect()
        for _ in range(3):
            await client.emit("work")
            with pytest.raises(UnexpectedEvent):
                await client.assert_not_received("worked")
            client.get_received()
        worker.cancel()


@pytest.mark.parametrize("seconds", [0, 0.02])
async def test_beside_a_loop_of_the_tests(app, seconds):
    async def loop_of_the_test():
        while True:  # noqa: ASYNC110 (the subject)
            await asyncio.sleep(seconds)

    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        task = asyncio.create_task(loop_of_the_test())
        for _ in range(3):
            await client.emit("say")
            await client.assert_not_received("other")
        task.cancel()


async def test_beside_other_waits_of_the_tests(app):
    async with TestClient(app, timeout=A_MINUTE) as client, client.clone() as other:
        await client.connect()
        await other.connect()

        async def wait_in_vain():
            with contextlib.suppress(EventTimeout):
                await other.await_event("never", timeout=0.06)

        task = asyncio.create_task(wait_in_vain())
        await client.emit("say")
        await asyncio.gather(client.settle(), other.settle(), client.assert_not_received("other"))
        await asyncio.wait_for(client.settle(), A_MINUTE)
        await task


async def test_beside_a_chain_of_timers_that_has_no_end(sio, app):
    timers = []

    def again():
        timers.append(asyncio.get_running_loop().call_later(0.02, again))

    sio.on("begin", lambda sid: again())
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("begin")
        await client.settle()
        await client.emit("say")
        with pytest.raises(UnexpectedEvent):
            await client.assert_not_received("said")
        timers[-1].cancel()


async def test_beside_timeouts_that_have_no_end(sio, app):
    tasks = []

    async def heartbeat():
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.Event().wait()

    sio.on("begin", lambda sid: tasks.append(asyncio.create_task(heartbeat())))
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("begin")
        await client.settle()
        await client.emit("say")
        with pytest.raises(UnexpectedEvent):
            await client.assert_not_received("said")
        tasks[0].cancel()


async def test_in_virtual_time_beside_a_ticker(sio, app):
    async def tick():
        while True:
            await asyncio.sleep(25)
            await sio.emit("tick")

    sio.on("connect", lambda sid, environ: sio.start_background_task(tick) and None)
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        async with client.time_travel():
            for _ in range(5):
                await client.advance(60)
                await client.assert_not_received("other")
        assert len(client.get_received()) == 12


@pytest.mark.parametrize("transports", [("websocket",), ("polling",)], ids="+".join)
def test_the_sync_client(sio, app, transports):
    tasks = []

    async def later(sid):
        await asyncio.sleep(0.05)
        await sio.emit("later", to=sid)

    @sio.event
    async def work(sid):
        tasks.append(asyncio.create_task(later(sid)))

    with SyncTestClient(app, transports=transports, timeout=A_MINUTE, grace=0.2) as client:
        client.connect()
        client.emit("work")
        with pytest.raises(UnexpectedEvent):
            client.assert_not_received("later", grace=0.1, within=0)
        client.settle(grace=0)
        assert [event.name for event in client.get_received()] == ["later"]


@pytest.mark.parametrize("name", ["settle", "assert_not_received"])
@pytest.mark.parametrize("grace", ["0.1", -1, True, float("nan")])
async def test_grace_is_seconds(app, name, grace):
    with pytest.raises((TypeError, ValueError), match=r"^grace is"):
        TestClient(app, grace=grace)
    async with TestClient(app) as client:
        await client.connect()
        with pytest.raises((TypeError, ValueError), match=r"^grace is"):
            await getattr(client, name)(grace=grace)
        with pytest.raises((TypeError, ValueError), match=r"^within is"):
            await client.assert_not_received(within=grace)


async def test_within_ends_with_the_connection(sio, app):
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        asyncio.get_running_loop().call_later(0.2, lambda: asyncio.ensure_future(client.abort()))
        await client.assert_not_received("other", within=A_MINUTE)


async def calls_of_one_assertion(client):
    """Return the number of function calls of a negative assertion, without garbage collections."""
    counted = 0

    def count(frame, event, argument):
        nonlocal counted
        counted += event in {"call", "c_call"}

    await client.emit("say")
    await client.assert_not_received("other")
    sys.setprofile(count)
    try:
        await client.emit("say")
        await client.assert_not_received("other")
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.slow
async def test_the_number_of_clients_makes_no_difference(app):
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        alone = await calls_of_one_assertion(client)
        for _ in range(100):
            await client.clone().connect()
        assert await calls_of_one_assertion(client) < 1.2 * alone
