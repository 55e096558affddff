"""At the end of a client's block, tasks at work are waited for and then named; tasks at rest end
silently.
"""
# ruff: noqa: PT012, PT031 (a warning at the end of a block needs the block)

import asyncio
import socket
import threading
import time

import pytest
import socketio

import asgi_sio_testclient
from asgi_sio_testclient import EventTimeout, Leak, LeakWarning, TestClient

A_MINUTE = 60
every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)


@pytest.fixture(autouse=True)
async def nothing_is_left_of_any_test():
    tasks = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() - tasks - {asyncio.current_task()} == set()


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


@pytest.fixture
def app(sio):
    return socketio.ASGIApp(sio)


def test_the_warning_is_one_that_python_shows():
    assert issubclass(LeakWarning, UserWarning)
    assert asgi_sio_testclient.LeakWarning is LeakWarning


@every_transport
@pytest.mark.parametrize("seconds", [5, 0.01])
@pytest.mark.parametrize("begin", ["create_task", "start_background_task"])
async def test_tickers_end_silently(sio, app, transports, seconds, begin):
    ended, kept = [], []

    async def tick():
        try:
            while True:  # noqa: ASYNC110 (the subject)
                await asyncio.sleep(seconds)
        finally:
            ended.append(True)

    @sio.event
    async def connect(sid, environ):
        if begin == "create_task":
            kept.append(asyncio.create_task(tick()))
        else:
            sio.start_background_task(tick)

    async with TestClient(app, transports=transports, strict=True, timeout=A_MINUTE) as client:
        await client.connect()
    assert ended == [True]


async def test_workers_of_handlers_end_silently(sio, app):
    queue, ended, kept = asyncio.Queue(), [], []

    async def work():
        try:
            while True:
                await queue.get()
        finally:
            ended.append(True)

    @sio.event
    async def connect(sid, environ):
        kept.append(asyncio.create_task(work()))

    async with TestClient(app, strict=True, timeout=A_MINUTE) as client:
        await client.connect()
    assert ended == [True]


@pytest.mark.slow
@every_transport
async def test_what_handlers_began_is_given_time_to_end(sio, app, transports):
    ended, kept = [], []

    async def save():
        await asyncio.to_thread(time.sleep, 0.2)
        ended.append(True)

    @sio.event
    async def order(sid):
        kept.append(asyncio.create_task(save()))

    async with TestClient(app, transports=transports, strict=True, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
    assert ended == [True]


@every_transport
async def test_what_is_still_at_work_is_a_leak(sio, app, transports):
    kept = []

    async def save():
        for _ in range(10**6):
            await asyncio.sleep(0.01)

    @sio.event
    async def order(sid):
        kept.append(asyncio.create_task(save(), name="the saving"))

    with pytest.raises(Leak) as caught:
        async with TestClient(app, transports=transports, strict=True, timeout=0.3) as client:
            await client.connect(timeout=A_MINUTE)
            await client.emit("order")
            await asyncio.sleep(0)
    (line,) = caught.value.leaks
    for part in ("the saving", "save", "order (event 'order', namespace '/')", "test_rest_exit.py"):
        assert part in line
    assert kept[0].cancelled()


@every_transport
@pytest.mark.parametrize("event", ["order", "disconnect"])
async def test_a_handler_on_a_future_that_nothing_will_set_ends_the_exit_at_once(
    sio, app, transports, event
):
    @sio.event
    async def order(sid):
        if event == "order":
            await asyncio.get_running_loop().create_future()

    @sio.event
    async def disconnect(sid, reason):
        if event == "disconnect":
            await asyncio.Event().wait()

    started = time.perf_counter()
    with pytest.warns(LeakWarning) as warned:
        async with TestClient(app, transports=transports, timeout=10 * A_MINUTE) as client:
            await client.connect(timeout=A_MINUTE)
            await client.emit("order")
    assert time.perf_counter() - started < A_MINUTE
    text = str(warned[0].message)
    for part in ("a future that nothing will set", event, "test_rest_exit.py"):
        assert part in text


@pytest.mark.slow
@pytest.mark.parametrize("setter", ["timer", "thread", "task"])
async def test_a_future_that_may_still_be_set_is_waited_for(sio, app, setter):
    ended, kept = [], []

    @sio.event
    async def order(sid):
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        async def set_it():
            await asyncio.sleep(0.3)
            future.set_result(None)

        if setter == "timer":
            loop.call_later(0.3, future.set_result, None)
        elif setter == "thread":
            call = loop.run_in_executor(None, time.sleep, 0.3)
            call.add_done_callback(lambda _: future.set_result(None))
        else:
            kept.append(asyncio.create_task(set_it()))
        await future
        ended.append(True)

    async with TestClient(app, strict=True, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("order")
    assert ended == [True]


async def test_another_client_of_the_loop_keeps_what_its_handlers_began(sio, app):
    kept = []

    async def tick():
        while True:  # noqa: ASYNC110 (the subject)
            await asyncio.sleep(5)

    @sio.event
    async def connect(sid, environ):
        kept.append(asyncio.create_task(tick()))

    async with TestClient(app, timeout=A_MINUTE) as stays:
        await stays.connect()
        async with TestClient(app, timeout=A_MINUTE, strict=True) as leaves:
            await leaves.connect()
        assert [task.done() for task in kept] == [False, True]


async def test_a_call_in_a_thread_of_another_app_is_not_waited_for(sio, app):
    may_end = threading.Event()

    @sio.event
    async def work(sid):
        asyncio.get_running_loop().run_in_executor(None, may_end.wait)

    other = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi", namespaces="*"))
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.call("work")
        async with TestClient(other, timeout=A_MINUTE) as second:
            await second.connect()
        may_end.set()


@pytest.mark.slow
async def test_a_handler_beside_a_socket_is_given_its_time(sio, app):
    near, far = socket.socketpair()

    @sio.event
    async def work(sid):
        await asyncio.get_running_loop().create_future()

    _, writer = await asyncio.open_connection(sock=near)
    with far, pytest.warns(LeakWarning, match=r"a handler that did not end within 0\.1 s: .*work"):
        async with TestClient(app, timeout=0.1) as client:
            await client.connect(timeout=A_MINUTE)
            await client.emit("work")
    writer.close()
    await writer.wait_closed()


@pytest.mark.slow
def test_a_handler_under_uvloop_is_given_its_time(sio, app):
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    @sio.event
    async def work(sid):
        await asyncio.get_running_loop().create_future()

    async def main():
        async with TestClient(app, timeout=0.1) as client:
            await client.connect(timeout=A_MINUTE)
            await client.emit("work")

    with (
        pytest.warns(LeakWarning, match=r"a handler that did not end within 0\.1 s: .*work"),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main())


@pytest.mark.slow
async def test_a_librarys_task_that_a_handler_began(sio, app):
    may_end, kept = threading.Event(), []

    @sio.event
    async def work(sid):
        kept.append(asyncio.create_task(asyncio.to_thread(may_end.wait)))

    with pytest.warns(LeakWarning, match=r"work that did not end within 0\.1 s"):
        async with TestClient(app, timeout=0.1) as client:
            await client.connect(timeout=A_MINUTE)
            await client.emit("work")
    may_end.set()


async def test_a_thread_of_the_lifespan(sio):
    ran = []

    async def up():
        await asyncio.to_thread(ran.append, 1)

    async with TestClient(socketio.ASGIApp(sio, on_startup=up), strict=True) as client:
        await client.connect()
        await client.settle()
    assert ran == [1]


@pytest.mark.slow
async def test_a_librarys_task_at_rest_is_left_alone(sio, app):
    near, far = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=near)
    listeners = []

    @sio.event
    async def listen(sid):
        listeners.append(asyncio.create_task(reader.readline()))

    async with TestClient(app, strict=True) as client:
        await client.connect()
        await client.call("listen")
        await client.settle()
    with far:
        assert not listeners[0].done()
        far.send(b"still there\n")
        assert await listeners[0] == b"still there\n"
    writer.close()
    await writer.wait_closed()


async def test_a_task_of_the_lifespan_that_ended_is_no_failure_of_a_handlers(sio):
    ended = []

    async def begin():
        raise LookupError("nobody asks")

    async def up():
        ended.append(asyncio.create_task(begin()))

    async with TestClient(socketio.ASGIApp(sio, on_startup=up)) as client:
        await client.connect()
        await asyncio.wait(ended)
        with pytest.raises(EventTimeout, match=r"^nothing arrived"):
            await client.await_event("never", timeout=0.05)
    assert isinstance(ended[0].exception(), LookupError)
