"""The places at which a program can be held."""

import asyncio

import socketio
from one_run import outcome_of

from asgi_sio_testclient import TestClient


def test_a_sleep_outside_of_a_task():
    async def scenario():
        def callback():
            asyncio.sleep(1).send(None)
            done.set()

        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(callback)
        await done.wait()

    assert outcome_of(scenario, records=True).points == []


def test_what_the_server_itself_sleeps_is_no_point():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        await sio.sleep(0.01)
        await sio.sleep(0)

    assert [point.kind for point in outcome_of(scenario, records=True).points] == ["sleep", "yield"]


def points_of(scenario, **options):
    return outcome_of(scenario, records=True, **options).points


def test_a_point_has_the_path_of_its_task_its_time_and_its_place():
    async def scenario():
        await asyncio.sleep(0.5)

        async def child():
            await asyncio.sleep(0.25)

        await asyncio.create_task(child())
        await asyncio.sleep(0)

    points = points_of(scenario)
    assert [(point.key, point.kind, point.time) for point in points] == [
        ((1, 1), "sleep", 0.5),
        ((1, 1, 1), "sleep", 0.75),
        ((1, 2), "yield", 0.75),
    ]
    first = scenario.__code__.co_firstlineno
    assert [
        (file.rpartition("/")[2], line - first) for file, line in (p.place for p in points)
    ] == [
        ("test_points.py", 1),
        ("test_points.py", 4),
        ("test_points.py", 7),
    ]


def test_what_wakes_a_task_by_itself_is_no_point():
    async def scenario():
        lock, event, queue = asyncio.Lock(), asyncio.Event(), asyncio.Queue()
        loop = asyncio.get_running_loop()
        async with lock:
            loop.call_soon(event.set)
            await event.wait()
            loop.call_soon(queue.put_nowait, 1)
            await queue.get()
        await asyncio.gather(*(asyncio.create_task(queue.put(n)) for n in range(2)))
        async with asyncio.timeout(1):
            await loop.run_in_executor(None, int)

    assert [point.kind for point in points_of(scenario) if point.kind != "thread"] == []


def test_a_call_into_the_server_and_the_arrival_of_a_packet_are_points():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def ask(sid):
            await sio.emit("answer", to=sid)
            await sio.call("question", to=sid)

        async with TestClient(socketio.ASGIApp(sio)) as client:
            client.on("question", lambda: "yes")
            await client.connect()
            await client.call("ask")

    kinds = [(point.kind, point.place is None) for point in points_of(scenario)]
    assert ("packet", True) in kinds
    assert ("call", False) in kinds


def test_a_hold_is_noted_as_reached_and_makes_the_step_later():
    times = []

    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.5)
        times.append(round(loop.time() - began, 6))

    assert outcome_of(scenario, {(1, 1): 0.25}).missing == []
    assert outcome_of(scenario, {(1, 2): 0.25}).missing == [(1, 2)]
    assert times == [0.75, 0.5]
