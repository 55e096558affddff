"""The clock of the tests' event loops stops while a loop runs code, and jumps to the next timer if
nothing else can wake the loop.
"""

import asyncio
import concurrent.futures
import contextlib
import signal
import socket
import sys
import threading
import time

import pytest

from asgi_sio_testclient import SyncTestClient


@pytest.fixture(scope="module", autouse=True)
def executor():
    """An executor whose thread is older than the tests."""
    global EXECUTOR
    with concurrent.futures.ThreadPoolExecutor(1) as EXECUTOR:
        EXECUTOR.submit(int).result()
        yield


async def test_it_stands_while_the_loop_works():
    loop = asyncio.get_running_loop()
    began = loop.time()
    time.sleep(0.05)  # noqa: ASYNC251 (as a process that does not get the processor)
    async with asyncio.timeout(0.04):
        await asyncio.sleep(0)
    assert loop.time() - began < 0.04


async def test_it_jumps_where_nothing_else_can_happen():
    loop = asyncio.get_running_loop()
    began, really = loop.time(), time.monotonic()
    async with asyncio.timeout(200_000):
        await asyncio.sleep(100_000)
    assert 100_000 <= loop.time() - began < 200_000
    assert time.monotonic() - really < 50_000


@contextlib.asynccontextmanager
async def a_socket():
    near, far = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=near)
    yield
    writer.close()
    await writer.wait_closed()
    far.close()


@contextlib.asynccontextmanager
async def a_thread():
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    yield
    ended.set()
    thread.join()


@contextlib.asynccontextmanager
async def an_executor_of_before():
    """As asgiref's: its thread is older than the test."""
    ended = threading.Event()
    waits = asyncio.get_running_loop().run_in_executor(EXECUTOR, ended.wait)
    yield
    ended.set()
    await waits


@contextlib.asynccontextmanager
async def a_process():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await process.wait()
    yield


@pytest.mark.parametrize("outside", [a_socket, a_thread, an_executor_of_before, a_process])
async def test_it_goes_on_while_the_loop_waits_for_something_else(outside):
    loop = asyncio.get_running_loop()
    async with outside():
        began, really = loop.time(), time.monotonic()
        await asyncio.sleep(0.05)
        assert loop.time() - began >= 0.05
        assert time.monotonic() - really >= 0.049


async def test_a_result_of_an_executor_wakes_the_loop():
    async with asyncio.timeout(60):
        assert await asyncio.to_thread(lambda: 1) == 1


async def test_a_signal_wakes_a_loop_that_jumps():
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR1, came.set)
    try:
        signal.raise_signal(signal.SIGUSR1)
        async with asyncio.timeout(60):
            await came.wait()
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


async def test_a_loop_that_never_waits_has_timeouts():
    async def spin():
        while True:  # noqa: ASYNC110 (the subject)
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(spin(), 0.01)


@pytest.mark.real_clock
async def test_a_test_may_have_the_machines_clock():
    assert type(asyncio.get_running_loop()) is asyncio.SelectorEventLoop


def test_so_have_loops_that_are_asked_for_by_their_class():
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        assert abs(runner.get_loop().time() - time.monotonic()) < 60


def test_the_sync_clients_loop_has_it():
    """Its thread asks asyncio for a loop, as every runner does."""
    names = []

    async def app(scope, receive, send):
        names.append(type(asyncio.get_running_loop()).__name__)
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})

    with SyncTestClient(app):
        assert names == ["IdleClockLoop"]
