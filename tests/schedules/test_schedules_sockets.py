"""Real sockets and processes are refused, unless they are allowed explicitly."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient, UsageError
from asgi_sio_testclient.schedules import explore


def test_a_real_broker_is_refused():
    pytest.importorskip("redis")

    async def scenario():
        manager = socketio.AsyncRedisManager("redis://localhost:1")
        sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await asyncio.sleep(1)

    with pytest.raises(UsageError, match="a real socket: AsyncRedisManager connects to its broker"):
        explore(scenario)


def test_a_real_socket_is_refused():
    async def scenario():
        await asyncio.open_connection("127.0.0.1", 1)

    with pytest.raises(UsageError, match=r"a real socket: \S+\.py:\d+ leads to create_con"):
        explore(scenario)


def test_a_real_socket_of_a_librarys_own_task_is_refused():
    async def scenario():
        async with aiohttp.ClientSession() as session:
            await session.get("http://localhost:1")

    aiohttp = pytest.importorskip("aiohttp")
    with pytest.raises(UsageError, match=r"real socket: \S+\.py:\d+ leads to getadd"):
        explore(scenario)


def test_a_real_socket_of_a_task_that_nobody_waits_for_is_refused():
    async def scenario():
        async def create():
            tasks.append(loop.create_task(loop.getaddrinfo("localhost", 1)))

        tasks = []

        loop = asyncio.get_running_loop()
        await loop.create_task(create())
        await asyncio.sleep(1)

    with pytest.raises(UsageError, match=r"real socket: \S+\.py:\d+ leads to getadd"):
        explore(scenario)


def test_a_real_process_is_refused():
    async def scenario():
        await asyncio.create_subprocess_exec("true")

    with pytest.raises(UsageError, match=r"real process: \S+\.py:\d+ leads to subprocess"):
        explore(scenario)


def test_a_socket_that_was_asked_for():
    async def scenario():
        served = asyncio.Event()

        async def answer(reader, writer):
            writer.write(await reader.read(5))
            writer.close()
            await writer.wait_closed()
            served.set()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello")
            assert await reader.read() == b"hello"
            writer.close()
            await writer.wait_closed()
            await served.wait()

    assert explore(scenario, io="test_schedules_sockets", runs=2).failure is None
