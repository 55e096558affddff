"""The services that the running apps of one event loop share."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient

A_MINUTE = 60


async def test_background_tasks_that_fail_in_one_turn_are_all_reported():
    sio = socketio.AsyncServer(async_mode="asgi")
    go_on = asyncio.Event()

    async def fail(number):
        await go_on.wait()
        raise LookupError(number)

    @sio.event
    async def order(sid):
        for number in range(3):
            sio.start_background_task(fail, number)

    app = socketio.ASGIApp(sio)
    async with TestClient(app, raise_app_exceptions=False, timeout=A_MINUTE) as client:
        await client.connect()
        await client.call("order")
        go_on.set()
        await client.settle()
        assert sorted(error.args for error in client.app_exceptions) == [(0,), (1,), (2,)]


@pytest.mark.parametrize("count", [1, 2])
async def test_the_loops_own_exception_handler_comes_back(count):
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    for _ in range(count):
        async with TestClient(app):
            assert loop.get_exception_handler() is not handler
        assert loop.get_exception_handler() is handler
