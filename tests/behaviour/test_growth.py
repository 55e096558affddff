"""The cost of a client's call does not depend on the number of clients; the tests count function
calls.
"""

import asyncio
import sys

import pytest
import socketio

from asgi_sio_testclient import TestClient
from benchmarks.app import make_app

REPEATED = 5  # the least count is used, without the effects of a busy machine


async def calls(operation, repeated=REPEATED):
    """Return the least number of function calls that an operation makes."""
    found = []
    for _ in range(repeated):
        counted = 0

        def profiled(_frame, event, _argument):
            nonlocal counted
            counted += event in {"call", "c_call"}

        before = sys.getprofile()
        sys.setprofile(profiled)
        try:
            await operation()
        finally:
            sys.setprofile(before)
        found.append(counted)
    return min(found)


@pytest.mark.slow
async def test_a_negative_assertion_costs_the_same_beside_many_clients():
    async with TestClient(make_app()) as client:
        await client.connect()

        async def nothing_comes():
            await client.emit("quiet", "hello")
            await client.assert_not_received()

        counted = []
        for others in (10, 30):
            for _ in range(others):
                await client.clone().connect()
            await nothing_comes()
            counted.append(await calls(nothing_comes))
        assert counted[1] <= 1.2 * counted[0]


async def test_a_clone_costs_the_same_beside_many():
    async with TestClient(make_app()) as client:

        async def clone():
            client.clone()

        first = await calls(clone)
        for _ in range(200):
            client.clone()
        assert await calls(clone) <= 1.2 * first


@pytest.mark.slow
async def test_negative_assertions_at_once_cost_the_same_for_each_of_many_clients():
    async def negative(client):
        await client.emit("quiet", "hello")
        await client.assert_not_received()

    async with TestClient(make_app(), timeout=60.0) as first:
        clients = [first.clone() for _ in range(200)]
        for client in clients:
            await client.connect()

        async def of(number):
            return await calls(lambda: asyncio.gather(*map(negative, clients[:number]))) / number

        few, many = await of(20), await of(200)
        assert many < 1.5 * few


@pytest.mark.slow
async def test_clients_that_leave_at_once_do_not_look_at_each_others_tasks_in_each_turn():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def slow(_sid):
        for _ in range(30):
            await asyncio.sleep(0)

    app = socketio.ASGIApp(sio)

    async def leaving(number):
        clients = [TestClient(app, timeout=60.0) for _ in range(number)]
        for client in clients:
            await client.__aenter__()
            await client.connect()

        async def leave():
            for client in clients:
                await client.emit("slow")
            await asyncio.gather(*(client.__aexit__(None, None, None) for client in clients))

        return await calls(leave, repeated=1) / number

    assert await leaving(100) < 4.5 * await leaving(
        10
    )  # the ratio would be 6 if each client inspected all tasks
