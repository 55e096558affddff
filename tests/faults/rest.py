"""An app that does not come to rest, and virtual time: `settle`, `assert_not_received`,
`advance`.
"""
# ruff: noqa: E501 (a first line is quoted as it is read)

import asyncio
import threading

from asgi_sio_testclient import TestClient

from .catalogue import AT_TIMEOUT, KNOWN_EARLY, SHORT, Family, server, warned_by
from .handmade import engineio_by_hand

faults = Family()


@faults.fault(
    "`settle()` times out, because a task that a handler began is at work.",
    first_line="EventTimeout: still at work: task 'cook' (cook), begun by order (event 'order', namespace '/') at rest.py:<line> in cook: await asyncio.sleep(0.01): settle did not end within 0.2 s",
    cause="still at work: task",
    within=AT_TIMEOUT,
    remedy="The message has the place of the task; a longer `settle(timeout)` waits for it.",
)
async def task_at_work():
    sio, app = server()

    async def cook():
        for _ in range(100):
            await asyncio.sleep(0.01)

    @sio.event
    async def order(sid):
        order.task = asyncio.create_task(cook(), name="cook")

    async with TestClient(app, timeout=5) as client:
        await client.connect()
        await client.emit("order")
        try:
            await client.settle(SHORT)
        finally:
            order.task.cancel()


@faults.fault(
    "`settle()` times out, because a call in a thread is at work.",
    first_line="EventTimeout: still at work: cook() in an executor, begun by order (event 'order', namespace '/'): settle did not end within 0.2 s",
    cause="still at work",
    within=AT_TIMEOUT,
    remedy="The message names the function; a longer `settle(timeout)` waits for it.",
)
async def thread_at_work():
    sio, app = server()
    may_end = threading.Event()

    def cook():
        may_end.wait()

    @sio.event
    async def order(sid):
        asyncio.get_running_loop().run_in_executor(None, cook)

    async with TestClient(app, timeout=5) as client:
        await client.connect()
        await client.emit("order")
        try:
            await client.settle(SHORT)
        finally:
            may_end.set()


@faults.fault(
    "`settle()` times out, because a handler of the test does not end.",
    first_line="EventTimeout: still at work: bell, a handler of this client (event 'bell', namespace '/', sid '<sid>') at rest.py:<line> in bell: await may_end.wait(): settle did not end within 0.2 s",
    cause="still at work",
    within=AT_TIMEOUT,
    remedy="Let the handler end: `settle` waits for the test's handlers, too.",
)
async def own_handler_hangs():
    sio, app = server()
    may_end = asyncio.Event()

    async def bell(*args):
        await may_end.wait()

    @sio.event
    async def order(sid):
        await sio.emit("bell", to=sid)

    async with TestClient(app, timeout=5) as client:
        client.on("bell", bell)
        await client.connect()
        await client.emit("order")
        try:
            await client.settle(SHORT)
        finally:
            may_end.set()


@faults.fault(
    "`settle()` is called in a handler of the test.",
    first_line="EventTimeout: settle() waits for its own caller: bell, a handler of this client (event 'bell', namespace '/', sid '<sid>'), and can never end",
    cause="waits for its own caller",
    within=KNOWN_EARLY,
    remedy="Call `settle` in the test itself.",
)
async def settles_in_its_own_handler():
    sio, app = server()

    @sio.event
    async def order(sid):
        await sio.emit("bell", to=sid)

    async with TestClient(app) as client:

        @client.on("bell")
        async def bell():
            await client.settle()

        await client.connect()
        await client.emit("order")
        await client.settle()


@faults.fault(
    "`settle()` is called, and the client does not know the app's server.",
    first_line="UsageError: server not found: the app's socketio.AsyncServer was not found in the app's call stack; pass server= to the TestClient, or, if the app's server is not python-socketio's, await an event or an ack instead of this call",
    cause="server not found",
    within=KNOWN_EARLY,
    remedy="Await an event or an ack instead.",
)
async def settles_without_a_known_server():
    async with TestClient(engineio_by_hand) as client:
        await client.connect()
        await client.settle()


@faults.fault(
    "`advance()` is called while a handler runs in a thread.",
    first_line="EventTimeout: in a thread or at a socket: order (event 'order', namespace '/') at rest.py:<line> in order: await asyncio.to_thread(may_end.wait); advance(60) waited 0.2 s of real time for it, and the clock has not moved",
    cause="in a thread or at a socket",
    within=AT_TIMEOUT,
    remedy="Let the thread end, which takes real time, or pass a longer `advance(timeout=)`.",
)
async def handler_in_a_thread_under_time_travel():
    sio, app = server()
    may_end = threading.Event()

    @sio.event
    async def order(sid):
        await asyncio.to_thread(may_end.wait)

    async with TestClient(app) as client:
        await client.connect()
        async with client.time_travel():
            await client.emit("order")
            try:
                await client.advance(60, timeout=SHORT)
            finally:
                may_end.set()


@faults.fault(
    "`advance()` moves the time over too many rounds of a fast ticker.",
    first_line="EventTimeout: <n> timers took too long: advance(1e+06) came to <n> s within 0.2 real seconds; pass timeout= for more",
    cause="timers took too long",
    within=AT_TIMEOUT,
    remedy="Advance less, or pass a longer `advance(timeout=)`: each round is run.",
)
async def too_many_timers_under_time_travel():
    sio, app = server()

    async def tick():
        while True:
            await asyncio.sleep(0.002)
            await sio.emit("tick")

    @sio.event
    async def connect(sid, environ):
        connect.task = asyncio.create_task(tick())

    async with TestClient(app) as client:
        await client.connect()
        async with client.time_travel():
            await client.advance(1_000_000, timeout=SHORT)


@faults.fault(
    "`advance()` is called outside of `time_travel()`.",
    first_line="UsageError: advance() works within `async with client.time_travel():`",
    cause="advance() works within",
    within=KNOWN_EARLY,
    remedy="Put it into `async with client.time_travel():`.",
)
async def advance_without_time_travel():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
        await client.advance(60)


@faults.fault(
    "`advance()` gets an infinite number of seconds.",
    first_line="ValueError: seconds is inf; expected a finite number, 0 or more",
    cause="seconds is inf",
    within=KNOWN_EARLY,
    remedy="Pass the seconds after which the timer is due.",
)
async def endless_advance():
    _, app = server()
    async with TestClient(app) as client:
        await client.connect()
        async with client.time_travel():
            await client.advance(float("inf"))


@faults.fault(
    "A task that a handler began is at work at the end of the block.",
    first_line="LeakWarning: left over at exit: work that did not end within 0.2 s: task 'cook' (cook), begun by order (event 'order', namespace '/') at rest.py:<line> in cook: await asyncio.sleep(0.01)",
    cause="left over at exit: work",
    within=AT_TIMEOUT,
    remedy="Await the task in the handler, or await the event that it sends in the test.",
)
async def task_at_work_at_exit():
    sio, app = server()

    async def cook():
        for _ in range(1000):
            await asyncio.sleep(0.01)

    @sio.event
    async def order(sid):
        order.task = asyncio.create_task(cook(), name="cook")

    async def scenario():
        async with TestClient(app, timeout=SHORT) as client:
            await client.connect(timeout=5)
            await client.emit("order")

    return await warned_by(scenario())
