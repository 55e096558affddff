"""The clock of the tests' event loops: it goes on while a loop waits, and stands while it works."""

import asyncio
import time

import pytest

from asgi_sio_testclient import SyncTestClient


async def test_it_stands_while_the_loop_works():
    loop = asyncio.get_running_loop()
    began = loop.time()
    time.sleep(0.05)  # noqa: ASYNC251 (as a process that does not get the processor)
    async with asyncio.timeout(0.04):
        await asyncio.sleep(0)
    assert loop.time() - began < 0.04


async def test_it_goes_on_while_the_loop_waits():
    loop = asyncio.get_running_loop()
    began, really = loop.time(), time.monotonic()
    await asyncio.sleep(0.05)
    assert loop.time() - began >= 0.05
    assert time.monotonic() - really >= 0.049


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
