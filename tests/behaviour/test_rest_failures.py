"""An unretrieved exception of a task that a handler started fails the test."""
# ruff: noqa: PT012 (what is said at the end of a block needs the block)

import asyncio
import contextlib
import gc

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, TestClient

A_MINUTE = 60
every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


@pytest.fixture
def app(sio):
    return socketio.ASGIApp(sio)


async def fail():
    raise LookupError("no such order")


async def fail_later():
    await asyncio.sleep(0.01)
    await fail()


@every_transport
@pytest.mark.parametrize("task", [fail, fail_later])
@pytest.mark.parametrize("held", [True, False])
async def test_settle_raises_it_with_a_note(sio, app, transports, task, held):
    tasks = []

    @sio.event
    async def order(sid):
        begun = asyncio.create_task(task(), name="the order")
        if held:
            tasks.append(begun)

    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        with pytest.raises(LookupError) as caught:
            await client.settle()
            gc.collect()
            await client.settle()
        (note,) = caught.value.__notes__
        for part in ("the order", task.__name__, "order (event 'order'", "namespace '/'"):
            assert part in note
        await client.settle()


@every_transport
async def test_the_exit_raises_it(sio, app, transports):
    tasks = []

    @sio.event
    async def order(sid):
        tasks.append(asyncio.create_task(fail_later()))

    with pytest.raises(LookupError) as caught:
        async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:
            await client.connect()
            await client.emit("order")
    assert "fail_later" in caught.value.__notes__[0]


async def test_what_an_http_request_began(sio):
    tasks = []

    async def web(scope, receive, send):
        tasks.append(asyncio.create_task(fail()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    app = socketio.ASGIApp(sio, other_asgi_app=web)
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.http.get("/orders")
        with pytest.raises(LookupError) as caught:
            await client.settle()
        assert "GET /orders" in caught.value.__notes__[0]


async def test_a_wait_is_told_as_soon_as_the_app_is_at_rest(sio, app):
    @sio.event
    async def order(sid):
        sio.start_background_task(fail_later)

    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        with pytest.raises(LookupError):
            await client.await_event("ordered")


async def test_two_that_fail_before_the_app_is_at_rest(sio, app):
    @sio.event
    async def order(sid):
        sio.start_background_task(fail)
        sio.start_background_task(fail)

    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        for _ in range(2):
            with pytest.raises(LookupError):
                await client.await_event("ordered")


@pytest.mark.parametrize("wait", ["await_event", "await_events", "call", "settle"])
async def test_a_wait_that_fails_raises_it(sio, app, wait):
    tasks, began, go_on = [], asyncio.Event(), asyncio.Event()

    @sio.event
    async def order(sid):
        tasks.append(asyncio.create_task(fail()))
        began.set()
        await go_on.wait()

    waits = {
        "await_event": lambda client: client.await_event("ordered", timeout=0.05),
        "await_events": lambda client: client.await_events(2, "ordered", timeout=0.05),
        "call": lambda client: client.call("order", timeout=0.05),
        "settle": lambda client: client.settle(0.05),
    }
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        await began.wait()
        await asyncio.wait(tasks)
        with pytest.raises(LookupError):
            await waits[wait](client)
        go_on.set()
        with contextlib.suppress(LookupError):
            await client.settle()


async def by_try(task):
    with contextlib.suppress(LookupError):
        await task


async def by_gather(task):
    await asyncio.gather(task, return_exceptions=True)


async def by_group(task):
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
    except* LookupError:
        await by_try(task)


async def by_trying_later(task):
    await asyncio.sleep(0.05)
    await by_try(task)


async def by_asking(task):
    await asyncio.wait([task])
    assert task.exception() is not None


@pytest.mark.parametrize("handle", [by_try, by_gather, by_group, by_trying_later, by_asking])
@pytest.mark.parametrize("begin", ["create_task", "start_background_task"])
@pytest.mark.parametrize("where", ["handler", "task"])
async def test_what_the_app_handles_is_not_reported(sio, app, handle, begin, where):
    kept = []

    @sio.event
    async def order(sid):
        if begin == "create_task":
            task = asyncio.create_task(fail_later())
        else:
            task = sio.start_background_task(fail_later)
        if where == "handler":
            await handle(task)
        else:
            kept.append(asyncio.create_task(handle(task)))

    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        await client.settle()
        assert client.app_exceptions == []


async def test_raise_app_exceptions_false_collects_it(sio, app):
    tasks = []

    @sio.event
    async def order(sid):
        tasks.append(asyncio.create_task(fail()))

    async with TestClient(app, raise_app_exceptions=False, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        await client.settle()
        (error,) = client.app_exceptions
        assert isinstance(error, LookupError)


async def test_a_task_of_the_tests_own_is_left_to_asyncio(sio, app):
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        task = asyncio.create_task(fail())
        await client.emit("order")
        await client.settle()
        assert isinstance(task.exception(), LookupError)


# settle and the test's own handlers


@every_transport
async def test_a_handler_of_the_tests_that_hangs_is_named(sio, app, transports):
    go_on = asyncio.Event()

    @sio.event
    async def hello(sid):
        await sio.emit("x", to=sid)

    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:

        @client.on("x")
        async def my_handler():
            await go_on.wait()

        await client.connect()
        await client.emit("hello")
        with pytest.raises(EventTimeout) as caught:
            await client.settle(0.2)
        first_line = str(caught.value).splitlines()[0]
        assert "my_handler" in first_line
        assert "test_rest_failures.py" in first_line
        assert any("my_handler" in line for line in caught.value.running)
        go_on.set()


@every_transport
async def test_a_handler_of_the_tests_that_settles_is_named(sio, app, transports):
    @sio.event
    async def hello(sid):
        await sio.emit("x", to=sid)

    async with TestClient(app, transports=transports, timeout=A_MINUTE) as client:

        @client.on("x")
        async def my_handler():
            await client.settle()

        await client.connect()
        await client.emit("hello")
        with pytest.raises(EventTimeout) as caught:
            await client.settle()
        assert "my_handler" in str(caught.value).splitlines()[0]


@pytest.mark.slow
async def test_a_task_that_is_still_at_work_is_named(sio, app):
    tasks, go_on = [], asyncio.Event()

    async def export():
        while not go_on.is_set():
            await asyncio.to_thread(lambda: None)

    @sio.event
    async def order(sid):
        tasks.append(asyncio.create_task(export(), name="the export"))

    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
        with pytest.raises(EventTimeout) as caught:
            await client.settle(0.1)
        text = str(caught.value)
        assert "test_rest_failures.py" in text
        assert "order (event 'order', namespace '/')" in text
        go_on.set()
        await client.settle()
