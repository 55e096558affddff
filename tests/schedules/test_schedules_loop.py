"""The event loop of a run: its tasks, sleeps and end."""

import asyncio
import sys

import pytest
from one_run import outcome_of

from asgi_sio_testclient._waiting.deadlines import finish
from asgi_sio_testclient.schedules import _loop


def test_a_task_made_without_the_loop():
    async def scenario():
        task = asyncio.Task(asyncio.sleep(0.01), loop=asyncio.get_running_loop())
        await task

    assert outcome_of(scenario, records=True).error is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 and later")
def test_an_eager_task_made_without_the_loop():
    """aiohttp makes such tasks."""

    async def scenario():
        loop = asyncio.get_running_loop()
        for _ in range(2):
            await asyncio.Task(asyncio.sleep(0.01), loop=loop, eager_start=True)

    outcome = outcome_of(scenario, records=True)
    assert outcome.error is None
    assert len({point.key for point in outcome.points}) == len(outcome.points) == 2


def test_a_deadlock_in_a_library_has_no_place():
    assert issubclass(_loop.Deadlock, TimeoutError)

    async def scenario():
        await asyncio.get_running_loop().create_future()

    assert "deadlock" in str(outcome_of(scenario).error)


def test_a_deadline_of_the_client_that_is_taken_back_while_it_is_put_off():
    async def scenario():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        deadline = loop.call_at(loop.time() + 0.05, finish, future)
        await asyncio.sleep(0.01)
        deadline.cancel()
        await asyncio.sleep(1)
        assert not future.done()

    assert outcome_of(scenario, {(1, 1): 0.1}).error is None
