"""Reports made for tests, and an app whose handlers record their calls."""

import asyncio
import gc
import random
import time

import socketio
from apps import WAIT

from asgi_sio_testclient import bench

SUBJECT = {
    "app": "main:app",
    "event": "search",
    "namespace": "/",
    "mode": "call",
    "await_event": None,
    "arguments": '{"text": "tea"}',
    "transport": "websocket",
    "concurrency": 1,
    "rate": None,
    "versions": {"Python": "CPython 3.11.7", "python-socketio": "5.18.1"},
    "machine": {"processor": "a slow one", "cores": "2"},
    "date": "2026-01-02T03:04:05+00:00",
}


def subject(**changes):
    return bench.Subject(**SUBJECT | changes)


def report_of(latencies, *, of=None, handlers=None, **options):
    """Return a report of sequential calls that took these seconds."""
    samples, begin = [], 0.0
    for number, latency in enumerate(latencies):
        handler = None if handlers is None else handlers[number]
        samples.append(bench.Sample(begin, begin + latency, handler, handler or 0.0))
        begin += latency
    return bench.LatencyReport.from_samples(
        samples, of or subject(), **{"elapsed": begin, "yardstick": [0.001]} | options
    )


def noisy(count, middle, seed=1):
    """Return realistic latencies: most are near the middle, some are far above."""
    dice = random.Random(seed)
    return [
        middle * (1 + dice.expovariate(20)) * (10 if dice.random() < 0.01 else 1)
        for _ in range(count)
    ]


def laboratory():
    """Return an app whose handlers record their calls, and the record."""
    sio = socketio.AsyncServer(async_mode="asgi")
    record = {"calls": 0, "running": 0, "most": 0, "times": [], "collector": set()}
    record["over"] = asyncio.Event()  # ends handlers that hang
    add_what_answers(sio, record)
    add_what_sends(sio, record)
    add_what_fails(sio, record)
    return socketio.ASGIApp(sio), record


def add_what_answers(sio, record):
    @sio.event
    async def echo(sid, *args):
        record["calls"] += 1
        record["collector"].add(gc.isenabled())
        return args

    @sio.event
    async def nap(sid, seconds):
        record["running"] += 1
        record["most"] = max(record["most"], record["running"])
        begin = time.perf_counter()
        await asyncio.sleep(seconds)
        record["times"].append(time.perf_counter() - begin)
        record["running"] -= 1

    @sio.event
    async def stall_once(sid, at, seconds):
        record["calls"] += 1
        if record["calls"] == at:
            begin = time.perf_counter()
            time.sleep(seconds)  # noqa: ASYNC251 (it is what is being measured)
            record["times"].append(time.perf_counter() - begin)


def add_what_sends(sio, record):
    @sio.event
    async def together(sid, number):
        """Answer after `number` calls are waiting."""
        record["running"] += 1
        everybody = record.setdefault("everybody", asyncio.Event())
        if record["running"] == number:
            everybody.set()
        await everybody.wait()

    @sio.event
    async def ping(sid, times=1, then=""):
        for number in range(times):
            await sio.emit("pong", number, to=sid)
        if then == "fail":
            for _ in range(50):  # turns of the loop, after which the pong has arrived
                await asyncio.sleep(0)
            raise LookupError("after the answer")
        if then == "hang":
            await record["over"].wait()

    @sio.on("echo", namespace="/chat")
    async def echo_in_chat(sid, *args):
        return args


def add_what_fails(sio, record):
    @sio.event
    async def fail_every(sid, nth):
        record["calls"] += 1
        if record["calls"] % nth == 0:
            raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def fail(sid, kind):
        raise {"TypeError": TypeError, "LookupError": LookupError}[kind]("no")

    @sio.event
    async def leave_at(sid, nth):
        record["calls"] += 1
        if record["calls"] == nth:
            await sio.disconnect(sid)

    @sio.event
    async def hang(sid, after=0):
        record["calls"] += 1
        if record["calls"] > after:
            if "hangs" in record:
                record["hangs"].set()
            async with asyncio.timeout(WAIT):
                await record["over"].wait()


def behind_a_pump(app):
    """Run the app in middleware that passes messages on in other tasks, so that the server can't be
    found from the app.
    """

    async def pump(take, give):
        kind = ""
        while kind not in ("websocket.disconnect", "websocket.close"):
            message = await take()
            kind = message["type"]
            await give(message)

    async def pumped(scope, receive, send):
        if scope["type"] == "lifespan":
            await app(scope, receive, send)
            return
        received, sent = asyncio.Queue(), asyncio.Queue()
        pumps = [
            asyncio.create_task(pump(receive, received.put)),
            asyncio.create_task(pump(sent.get, send)),
        ]
        try:
            await app(scope, received.get, sent.put)
        finally:
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    return pumped
