"""The running app that a client and its clones share."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import LifespanFailed, TestClient
from asgi_sio_testclient._connection.app import RunningApp
from asgi_sio_testclient._connection.app_exit import finish_work
from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient._waiting.services import services_of

SOON = 10.0
SHORT = 0.05


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


async def no_app(scope, receive, send):
    """An app that returns at once, because it has no lifespan."""


def nothing_runs():
    return asyncio.all_tasks() == {asyncio.current_task()}


async def test_the_services_of_the_servers_end_while_the_exit_waits_for_other_things(sio):
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        [service] = [t for t in asyncio.all_tasks() if "_service_task" in repr(t.get_coro())]
        client._dispatcher.running_app.stop_services()
        await asyncio.wait([service], timeout=SOON)
        assert service.done()


async def test_settling_one_app_does_not_wait_for_another(sio):
    started, go_on = asyncio.Event(), asyncio.Event()

    @sio.on("hang")
    async def hang(sid):
        started.set()
        await go_on.wait()

    other = socketio.AsyncServer(async_mode="asgi")
    async with (
        TestClient(socketio.ASGIApp(sio)) as busy,
        TestClient(socketio.ASGIApp(other)) as idle,
    ):
        await busy.connect()
        await idle.connect()
        await busy.emit("hang")
        await asyncio.wait_for(started.wait(), SOON)
        await idle.settle(timeout=SOON)
        go_on.set()


async def test_settling_waits_for_the_clients_of_another_app_on_the_same_server(sio):
    started, go_on = asyncio.Event(), asyncio.Event()

    @sio.on("hang")
    async def hang(sid):
        started.set()
        await go_on.wait()

    async with (
        TestClient(socketio.ASGIApp(sio)) as busy,
        TestClient(socketio.ASGIApp(sio)) as other,
    ):
        await busy.connect()
        await other.connect()
        await busy.emit("hang")
        await asyncio.wait_for(started.wait(), SOON)
        settling = asyncio.ensure_future(other.settle(timeout=SOON))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not settling.done()
        go_on.set()
        await settling


async def test_the_app_runs_between_start_and_release():
    running_app = RunningApp(no_app, None, lifespan=True)
    assert (running_app.running, running_app.state, running_app.instrumentations) == (
        False,
        None,
        [],
    )
    await running_app.start(SOON)
    assert running_app.running
    assert running_app.state == {}
    assert running_app in services_of(asyncio.get_running_loop()).apps
    await running_app.shutdown(SOON)
    await running_app.wait_closed(running_app.release(), SOON)
    assert not running_app.running
    assert running_app not in services_of(asyncio.get_running_loop()).apps
    assert nothing_runs()


async def test_without_a_lifespan_the_app_is_not_called():
    calls = []

    async def app(scope, receive, send):
        calls.append(scope["type"])

    running_app = RunningApp(app, None, lifespan=False)
    await running_app.start(SOON)
    assert running_app.state is None
    await running_app.shutdown(SOON)
    assert running_app.release() == set()
    assert calls == []


async def test_a_startup_that_fails_leaves_nothing_running():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no db"})
        await asyncio.Event().wait()

    running_app = RunningApp(app, None, lifespan=True)
    with pytest.raises(LifespanFailed, match="no db"):
        await running_app.start(SOON)
    assert not running_app.running
    assert running_app.state is None
    assert nothing_runs()


async def test_a_given_server_is_instrumented_from_the_start_and_left_as_it_was(sio):
    before = dict(vars(sio.eio)), dict(sio.eio.handlers)
    running_app = RunningApp(no_app, sio, lifespan=False)
    await running_app.start(SOON)
    assert running_app.instrumentations == [running_app.given_instrumentation]
    assert running_app.given_instrumentation.sio is sio
    running_app.release()
    assert (dict(vars(sio.eio)), dict(sio.eio.handlers)) == before


async def test_a_task_that_is_kept_counts_until_it_is_over():
    running_app = RunningApp(no_app, None, lifespan=False)
    await running_app.start(SOON)
    assert running_app.quiet() is IdleState.IDLE
    go_on = asyncio.Event()
    task = asyncio.ensure_future(go_on.wait())
    running_app.track(task)
    assert running_app.quiet() is IdleState.BUSY
    go_on.set()
    await task
    await asyncio.sleep(0)
    assert running_app.quiet() is IdleState.IDLE
    running_app.release()


async def test_what_does_not_end_in_time_is_named_and_cancelled():
    running_app = RunningApp(no_app, None, lifespan=False)
    await running_app.start(SOON)
    loop = asyncio.get_running_loop()
    task = loop.create_task(asyncio.Event().wait(), name="mine")
    running_app.track(task)
    lines = await finish_work(running_app, loop.time() + SHORT, SHORT, 0.1)
    assert lines == ["a handler that waits for a future that nothing will set: mine"]
    assert task.cancelled()
    assert await finish_work(running_app, loop.time(), SHORT, 0.1) == []
    running_app.release()


async def stubborn(times):
    """A task that swallows its cancellation, as python-engineio's tasks do."""
    while times:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            times -= 1


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again():
    running_app = RunningApp(no_app, None, lifespan=False)
    await running_app.start(SOON)
    task = asyncio.ensure_future(stubborn(3))
    await asyncio.sleep(0)
    await running_app.wait_closed([task], SOON)
    assert task.done()
    running_app.release()


async def test_a_task_that_can_not_be_cancelled_is_waited_for_until_the_timeout():
    running_app = RunningApp(no_app, None, lifespan=False)
    await running_app.start(SOON)
    go_on = asyncio.Event()

    async def deaf():
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    task = asyncio.ensure_future(deaf())
    await running_app.wait_closed([task], SHORT)
    assert not task.done()
    go_on.set()
    await task
    running_app.release()
