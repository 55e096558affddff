"""The ways in which apps answer outside of a handler's run: `settle` returns after the answer."""

import asyncio
import contextlib
import queue
import socket
import sys
import threading
import time

import anyio
import pytest
import socketio

from asgi_sio_testclient import TestClient, UnexpectedEvent

A_MINUTE = 60
every_transport = pytest.mark.parametrize(
    "transports", [("websocket",), ("polling",), ("polling", "websocket")], ids="+".join
)
SHAPES = {}


def shape(function):
    """Add a kind of app to the tests: `function(app)` gets an `App`, and may register handlers."""
    SHAPES[function.__name__] = function
    return function


class App:
    """A server with the event "say", which `on_say` handles, and tasks that end with the app."""

    def __init__(self):
        self.sio = socketio.AsyncServer(async_mode="asgi")
        self.kept = set()
        self.startup = []
        self.cleanup = []
        self.queue = asyncio.Queue()
        self.box = []
        self.asgi = socketio.ASGIApp(self.sio, on_startup=self._start, on_shutdown=self._stop)

    def on_say(self, handler):
        self.sio.on("say", handler)
        return handler

    def at_startup(self, function):
        self.startup.append(function)
        return function

    def task(self, coroutine):
        task = asyncio.create_task(coroutine)
        self.kept.add(task)
        task.add_done_callback(self.kept.discard)
        return task

    def worker(self, work):
        """Start a task in the lifespan that calls `work(sid)` for each sid in the queue."""

        async def run():
            while True:
                await work(await self.queue.get())

        self.at_startup(lambda: self.task(run()))
        self.on_say(self.queue.put_nowait)

    def opens_sockets(self):
        """Open a connection with two ends, `near` and `far`, each a reader and a writer."""

        async def up():
            ends = [await asyncio.open_connection(sock=end) for end in socket.socketpair()]
            self.near, self.far = ends

            async def down():
                for _, writer in ends:
                    writer.close()
                    await writer.wait_closed()

            self.cleanup.append(down)

        self.at_startup(up)

    async def answer(self, sid):
        await self.sio.emit("said", to=sid)

    async def _start(self):
        for function in self.startup:
            result = function()
            if asyncio.iscoroutine(result):
                await result

    async def _stop(self):
        for task in self.kept:
            task.cancel()
        for function in self.cleanup:
            result = function()
            if asyncio.iscoroutine(result):
                await result


# tasks and callbacks that a handler begins


@shape
def create_task(app):
    app.on_say(lambda sid: app.task(app.answer(sid)))


@shape
def create_task_of_emit_itself(app):
    app.on_say(lambda sid: app.task(app.sio.emit("said", to=sid)))


@shape
def create_task_that_sleeps(app):
    async def later(sid):
        await asyncio.sleep(0.05)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(later(sid)))


@shape
def start_background_task(app):
    async def later(sid):
        await app.sio.sleep(0.02)
        await app.answer(sid)

    app.on_say(lambda sid: app.sio.start_background_task(later, sid))


@shape
def task_made_as_an_object(app):
    async def later(sid):
        await asyncio.sleep(0.03)
        await app.answer(sid)

    @app.on_say
    async def say(sid):
        app.kept.add(asyncio.Task(later(sid), loop=asyncio.get_running_loop()))


@shape
def task_of_a_task(app):
    async def third(sid):
        await asyncio.sleep(0.01)
        await app.answer(sid)

    async def second(sid):
        await asyncio.sleep(0.01)
        app.task(third(sid))

    async def first(sid):
        app.task(second(sid))

    app.on_say(lambda sid: app.task(first(sid)))


@shape
def call_soon(app):
    @app.on_say
    async def say(sid):
        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_soon(lambda: app.task(app.answer(sid))))


@shape
def call_later_chain(app):
    @app.on_say
    async def say(sid):
        loop = asyncio.get_running_loop()

        def again(left):
            if left:
                loop.call_later(0.02, again, left - 1)
            else:
                app.task(app.answer(sid))

        again(5)


@shape
def future_that_a_timer_sets(app):
    def finish(future):
        future.set_result(None)

    @app.on_say
    async def say(sid):
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        future.add_done_callback(lambda _: app.task(app.answer(sid)))
        loop.call_later(0.05, finish, future)


@shape
def debounce(app):
    timers = {}

    @app.on_say
    async def say(sid):
        if sid in timers:
            timers[sid].cancel()
        loop = asyncio.get_running_loop()
        timers[sid] = loop.call_later(0.05, lambda: app.task(app.answer(sid)))


@shape
def debounce_by_cancelled_tasks(app):
    waiting = {}

    async def later(sid):
        await asyncio.sleep(0.05)
        await app.answer(sid)

    @app.on_say
    async def say(sid):
        if sid in waiting:
            waiting[sid].cancel()
        waiting[sid] = app.task(later(sid))


@shape
def gather(app):
    async def part(number):
        await asyncio.sleep(0.01 * number)

    async def all_parts(sid):
        await asyncio.gather(*map(part, range(4)))
        await app.answer(sid)

    app.on_say(lambda sid: app.task(all_parts(sid)))


@shape
def task_group(app):
    async def part(number):
        await asyncio.sleep(0.01 * number)

    async def all_parts(sid):
        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(part(number))
        await app.answer(sid)

    app.on_say(lambda sid: app.task(all_parts(sid)))


@shape
def anyio_task_group(app):
    async def part(number):
        await anyio.sleep(0.01 * number)

    async def all_parts(sid):
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(part, number)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(all_parts(sid)))


@shape
def shield(app):
    async def inner(sid):
        await asyncio.sleep(0.05)
        await app.answer(sid)

    async def outer(sid):
        await asyncio.shield(app.task(inner(sid)))

    app.on_say(lambda sid: app.task(outer(sid)))


@shape
def timeout_that_expires(app):
    async def wait(sid):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.Event().wait()
        await app.answer(sid)

    app.on_say(lambda sid: app.task(wait(sid)))


@shape
def wait_for_that_expires(app):
    async def wait(sid):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(wait(sid)))


@shape
def progress_in_a_for_loop(app):
    async def report(sid):
        for _ in range(8):
            await asyncio.sleep(0.02)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(report(sid)))


@shape
def progress_in_steps_of_60_ms(app):
    async def report(sid):
        for _ in range(3):
            await asyncio.sleep(0.06)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(report(sid)))


@shape
def async_generator(app):
    async def parts():
        for number in range(3):
            await asyncio.sleep(0.01)
            yield number

    async def report(sid):
        async for _ in parts():
            pass
        await app.answer(sid)

    app.on_say(lambda sid: app.task(report(sid)))


@shape
def stream_of_parts(app):
    """Like the tokens of a language model: the stream is longer than `settle` follows an endless
    loop.
    """

    async def parts():
        for number in range(20):
            await asyncio.sleep(0.03)
            yield number

    async def report(sid):
        async for _ in parts():
            pass
        await app.answer(sid)

    app.on_say(lambda sid: app.task(report(sid)))


@shape
def awaitable_object(app):
    class Nap:
        def __await__(self):
            return asyncio.sleep(0.03).__await__()

    async def report(sid):
        await Nap()
        await app.answer(sid)

    app.on_say(lambda sid: app.task(report(sid)))


@shape
def lock_held_by_a_sleeper(app):
    lock = asyncio.Lock()

    async def hold():
        async with lock:
            await asyncio.sleep(0.05)

    async def wait(sid):
        async with lock:
            await app.answer(sid)

    @app.on_say
    async def say(sid):
        app.task(hold())
        app.task(wait(sid))


@shape
def semaphore_pool(app):
    pool = asyncio.Semaphore(2)

    async def part(sid, number):
        async with pool:
            await asyncio.sleep(0.02)
        if number == 5:
            await app.answer(sid)

    @app.on_say
    async def say(sid):
        for number in range(6):
            app.task(part(sid, number))


@shape
def scheduler_with_a_limit(app):
    """As in aiojobs: jobs wait in a list, and the end of each job starts the next one."""
    active, pending = set(), []

    def begin(job):
        task = app.task(job)
        active.add(task)
        task.add_done_callback(ended)

    def ended(task):
        active.discard(task)
        if pending:
            begin(pending.pop(0))

    async def job(sid, number):
        await asyncio.sleep(0.02)
        if number == 3:
            await app.answer(sid)

    @app.on_say
    async def say(sid):
        for number in range(4):
            if active:
                pending.append(job(sid, number))
            else:
                begin(job(sid, number))


# threads


@shape
def to_thread_in_a_task(app):
    async def work(sid):
        await asyncio.to_thread(time.sleep, 0.05)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(work(sid)))


@shape
def anyio_thread_in_a_task(app):
    async def work(sid):
        await anyio.to_thread.run_sync(time.sleep, 0.05)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(work(sid)))


@shape
def executor_call_that_nobody_awaits(app):
    @app.on_say
    async def say(sid):
        call = asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.05)
        call.add_done_callback(lambda _: app.task(app.answer(sid)))


@shape
def worker_with_to_thread(app):
    async def work(sid):
        await asyncio.to_thread(time.sleep, 0.05)
        await app.answer(sid)

    app.worker(work)


@shape
def worker_with_an_anyio_thread(app):
    async def work(sid):
        await anyio.to_thread.run_sync(time.sleep, 0.05)
        await app.answer(sid)

    app.worker(work)


@shape
def worker_with_a_thread_and_a_timeout(app):
    async def work(sid):
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.05), 30)
        await app.answer(sid)

    app.worker(work)


# workers, buses, loops


@shape
def queue_and_worker(app):
    app.worker(app.answer)


@shape
def worker_in_steps(app):
    async def work(sid):
        for _ in range(15):
            await asyncio.sleep(0.02)
        await app.answer(sid)

    app.worker(work)


@shape
def worker_that_begins_tasks(app):
    async def job(sid):
        await asyncio.sleep(0.05)
        await app.answer(sid)

    async def work(sid):
        app.task(job(sid))

    app.worker(work)


@shape
def worker_at_a_subprocess(app):
    async def work(sid):
        process = await asyncio.create_subprocess_exec("sleep", "0.05")
        await process.wait()
        await app.answer(sid)

    app.worker(work)


@shape
def worker_at_a_socket(app):
    app.opens_sockets()

    async def serve():
        reader, writer = app.far
        while data := await reader.readline():
            await asyncio.sleep(0.05)
            writer.write(data)

    app.at_startup(lambda: app.task(serve()))

    async def work(sid):
        reader, writer = app.near
        writer.write(b"x\n")
        await reader.readline()
        await app.answer(sid)

    app.worker(work)


@shape
def worker_at_an_anyio_socket(app):
    async def serve(reader, writer):
        while data := await reader.readline():
            await asyncio.sleep(0.05)
            writer.write(data)
        writer.close()

    async def up():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        app.stream = await anyio.connect_tcp(*server.sockets[0].getsockname())

        async def down():
            await app.stream.aclose()
            server.close()

        app.cleanup.append(down)

    app.at_startup(up)

    async def work(sid):
        await app.stream.send(b"x\n")
        await app.stream.receive()
        await app.answer(sid)

    app.worker(work)


@shape
def task_that_is_woken_once_and_reads_on(app):
    app.opens_sockets()
    wake = asyncio.Queue()

    async def serve():
        reader, writer = app.far
        while data := await reader.readline():
            asyncio.get_running_loop().call_later(0.06, writer.write, data)

    async def run():
        reader, writer = app.near
        sid = await wake.get()
        for _ in range(4):
            writer.write(b"x\n")
            await reader.readline()
        await app.answer(sid)

    app.at_startup(lambda: app.task(serve()))
    app.at_startup(lambda: app.task(run()))
    app.on_say(wake.put_nowait)


@shape
def actor_chain(app):
    queues = [asyncio.Queue() for _ in range(4)]

    async def actor(number):
        while True:
            sid = await queues[number].get()
            if number + 1 < len(queues):
                queues[number + 1].put_nowait(sid)
            else:
                await app.answer(sid)

    for number in range(len(queues)):
        app.at_startup(lambda number=number: app.task(actor(number)))
    app.on_say(queues[0].put_nowait)


@shape
def event_bus(app):
    subscribers = []

    async def publish(sid):
        await asyncio.gather(*(subscriber(sid) for subscriber in subscribers))

    async def on_said(sid):
        await asyncio.sleep(0)
        await app.answer(sid)

    subscribers.append(on_said)
    app.on_say(lambda sid: app.task(publish(sid)))


@shape
def outbox_of_10_ms(app):
    async def flush():
        while True:
            await asyncio.sleep(0.01)
            while app.box:
                await app.answer(app.box.pop(0))

    app.at_startup(lambda: app.task(flush()))
    app.on_say(app.box.append)


@shape
def outbox_filled_later(app):
    async def flush():
        while True:
            await asyncio.sleep(0.05)
            while app.box:
                await app.answer(app.box.pop(0))

    async def fill(sid):
        await asyncio.sleep(0.06)
        app.box.append(sid)

    app.at_startup(lambda: app.task(flush()))
    app.on_say(lambda sid: app.task(fill(sid)))


@shape
def two_outboxes(app):
    second = []

    async def first_flush():
        while True:
            await asyncio.sleep(0.03)
            while app.box:
                second.append(app.box.pop(0))

    async def second_flush():
        while True:
            await asyncio.sleep(0.08)
            while second:
                await app.answer(second.pop(0))

    app.at_startup(lambda: app.task(first_flush()))
    app.at_startup(lambda: app.task(second_flush()))
    app.on_say(app.box.append)


@shape
def outboxes_that_come_round_in_the_wrong_order(app):
    """The loop of the last outbox runs before the loop of the first one."""
    boxes = [app.box, [], []]

    async def flush(number, seconds):
        while True:
            await asyncio.sleep(seconds)
            while boxes[number]:
                boxes[number + 1].append(boxes[number].pop(0))

    async def last_flush():
        while True:
            await asyncio.sleep(0.02)
            while boxes[2]:
                await app.answer(boxes[2].pop(0))

    async def first_flush():
        await flush(0, 0.09)

    app.at_startup(lambda: app.task(first_flush()))
    app.at_startup(lambda: app.task(flush(1, 0.05)))
    app.at_startup(lambda: app.task(last_flush()))
    app.on_say(app.box.append)


@shape
def outbox_with_a_flag(app):
    """As in NiceGUI: a loop waits for a flag, for at most 50 ms."""
    wake = asyncio.Event()

    async def flush():
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), 0.05)
            wake.clear()
            while app.box:
                await app.answer(app.box.pop(0))

    app.at_startup(lambda: app.task(flush()))
    app.on_say(app.box.append)


@shape
def ticker_of_a_connect_handler(app):
    async def flush():
        while True:
            await asyncio.sleep(0.02)
            while app.box:
                await app.answer(app.box.pop(0))

    app.sio.on("connect", lambda sid, environ: app.task(flush()) and None)
    app.on_say(app.box.append)


@shape
def spinner_of_a_connect_handler(app):
    async def flush():
        while True:
            await asyncio.sleep(0)
            while app.box:
                await app.answer(app.box.pop(0))

    app.sio.on("connect", lambda sid, environ: app.task(flush()) and None)
    app.on_say(app.box.append)


@shape
def listener_of_a_connect_handler(app):
    """The handler answers itself, while a task of the connect handler reads from a socket."""
    app.opens_sockets()
    app.sio.on("connect", lambda sid, environ: app.task(app.near[0].readline()) and None)
    app.on_say(app.answer)


async def answers_before_settle_returns(name, transports):
    app = App()
    SHAPES[name](app)
    async with TestClient(app.asgi, transports=transports, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("say")
        with pytest.raises(UnexpectedEvent):
            await client.assert_not_received("said")
        client.get_received()
        await client.assert_not_received()


@every_transport
@pytest.mark.parametrize("name", SHAPES)
async def test_the_answer_comes_before_settle_returns(name, transports):
    await answers_before_settle_returns(name, transports)


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_in_uvloops_loop(name):
    if name == "task_made_as_an_object":
        pytest.skip("uvloop does not show its timers, and no hook sees asyncio.Task()")
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(answers_before_settle_returns(name, ("websocket",)))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
@pytest.mark.parametrize("name", SHAPES)
def test_the_same_with_eager_tasks(name):
    with asyncio.Runner() as runner:
        runner.get_loop().set_task_factory(asyncio.eager_task_factory)
        runner.run(answers_before_settle_returns(name, ("polling", "websocket")))


# what is at rest, or is not detected


@every_transport
@pytest.mark.parametrize("where", ["lifespan", "connect"])
@pytest.mark.parametrize("seconds", [0.3, 5])
async def test_a_later_timer_is_at_rest(where, seconds, transports):
    app, turns = App(), []

    async def tick():
        while True:
            turns.append(None)
            await asyncio.sleep(seconds)

    if where == "lifespan":
        app.at_startup(lambda: app.task(tick()))
    else:
        app.sio.on("connect", lambda sid, environ: app.task(tick()) and None)
    app.on_say(app.answer)
    async with TestClient(app.asgi, transports=transports, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("say")
        await client.settle()
        assert [event.name for event in client.get_received()] == ["said"]
        if seconds == 5:
            assert len(turns) == 1


async def test_an_answer_later_than_grace_needs_a_greater_one():
    app = App()

    async def later(sid):
        await asyncio.sleep(0.3)
        await app.answer(sid)

    app.on_say(lambda sid: app.task(later(sid)))
    async with TestClient(app.asgi, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("say")
        await client.settle(grace=1)
        assert [event.name for event in client.get_received()] == ["said"]
        await client.emit("say")
        with pytest.raises(UnexpectedEvent):
            await client.assert_not_received("said", within=A_MINUTE)
    async with TestClient(app.asgi, timeout=A_MINUTE, grace=1) as client:
        await client.connect()
        await client.emit("say")
        with pytest.raises(UnexpectedEvent):
            await client.assert_not_received("said")


async def test_a_thread_that_calls_into_the_loop_is_not_seen_before_it_does():
    app = App()
    jobs, held = queue.Queue(), threading.Event()

    @app.at_startup
    async def up():
        loop = asyncio.get_running_loop()

        def consume():
            while (sid := jobs.get()) is not None:
                held.wait(A_MINUTE)
                loop.call_soon_threadsafe(lambda sid=sid: app.task(app.answer(sid)))

        thread = threading.Thread(target=consume)
        thread.start()
        app.cleanup += [lambda: jobs.put(None), held.set]

    app.on_say(jobs.put)
    async with TestClient(app.asgi, timeout=A_MINUTE) as client:
        await client.connect()
        await client.emit("say")
        await client.settle()
        assert client.get_received() == []
        held.set()
        assert (await client.await_event("said")).name == "said"
