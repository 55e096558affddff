"""The end of the running app: which tasks are awaited, and which are cancelled."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import LeakWarning, TestClient

WAIT = 60.0


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


def asking(sio):
    """Add a handler that waits for an ack which the client never sends; return an event of its
    start.
    """
    asked = asyncio.Event()

    @sio.event
    async def ask(sid):
        asked.set()
        await sio.call("question", to=sid, timeout=2 * WAIT)

    return asked


async def exit_names_the_ack_only(sio, asked, *events):
    """Send events, one of which requests an ack, and leave: the report has the handler that waits
    for the ack, and not "nap".
    """
    client = await TestClient(socketio.ASGIApp(sio), timeout=WAIT).__aenter__()
    await client.connect()
    for event in events:
        await client.emit(event)
    async with asyncio.timeout(WAIT):
        await asked.wait()
    with pytest.warns(LeakWarning) as caught:
        await client.__aexit__(None, None, None)
    (warning,) = caught
    assert "waits for an ack, but no client is connected: " in str(warning.message)
    assert "nap" not in str(warning.message)


async def test_a_handler_that_waits_for_an_ack_leaves_the_others_their_time(sio):
    asked = asking(sio)
    ended, left = [], asyncio.Event()

    @sio.event
    async def nap(sid):
        # A timer may end this handler, so that the exit waits for it.
        await asyncio.wait_for(left.wait(), WAIT / 2)
        ended.append("nap")

    @sio.event
    async def disconnect(sid, reason):
        asyncio.get_running_loop().call_later(0.1, left.set)

    await exit_names_the_ack_only(sio, asked, "ask", "nap")
    assert ended == ["nap"]


async def test_a_handler_that_waits_for_an_ack_leaves_another_one_its_callback(sio):
    asked = asking(sio)
    ended, left = [], asyncio.get_running_loop().create_future()

    @sio.event
    async def nap(sid):
        await left
        ended.append("nap")

    @sio.event
    async def disconnect(sid, reason):
        asyncio.get_running_loop().call_later(0.5, left.set_result, None)

    await exit_names_the_ack_only(sio, asked, "nap", "ask")
    assert ended == ["nap"]


async def test_an_ack_that_no_client_can_give_is_not_waited_for(sio, transports):
    asked = asking(sio)
    order = []

    @sio.event
    async def disconnect(sid, reason):
        order.append(reason)

    # The test's own timeout is shorter than the client's.
    options = {"transports": transports, "timeout": 2 * WAIT}
    client = await TestClient(socketio.ASGIApp(sio), **options).__aenter__()
    await client.connect()
    await client.emit("ask")
    async with asyncio.timeout(WAIT):
        await asked.wait()
    with pytest.warns(LeakWarning, match="waits for an ack, but no client is connected: "):
        await client.__aexit__(None, None, None)
    assert order == ["client disconnect"]


async def test_the_same_client_around_a_wsgi_app_is_entered_again():
    sio = socketio.Server(async_mode="threading")

    @sio.event
    def echo(sid, value):
        return value

    client = TestClient(socketio.WSGIApp(sio))
    for _ in range(2):
        async with client:
            await client.connect()
            assert await client.call("echo", 1) == 1
            await client.settle()
            assert client.rooms() == {client.sid}


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again(sio):
    tasks, cancelled = [], []

    async def stubborn():
        while len(cancelled) < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(True)

    @sio.event
    async def connect(sid, environ):
        tasks.append(sio.start_background_task(stubborn))

    async with TestClient(socketio.ASGIApp(sio), timeout=WAIT) as client:
        await client.connect()
        await client.settle()
    ended = tasks[0].done()
    while not tasks[0].done():
        tasks[0].cancel()
        await asyncio.sleep(0)
    assert ended
