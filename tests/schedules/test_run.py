"""One run of a scenario: what it raises, and what it leaves as it was."""

import asyncio
import gc
import random

import booking
import pytest
from booking import build
from one_run import outcome_of

from asgi_sio_testclient.asgi import HTTPExchange, http_scope
from asgi_sio_testclient.schedules import explore

# -- scenarios that can't be explored


def test_a_deadlock_is_named():
    async def scenario():
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"deadlock: .* at test_run.py:\d+ in"):
        explore(scenario)


def test_interrupts_go_through():
    async def scenario():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explore(scenario)


# -- remarks on what was not explored


@pytest.mark.slow
def test_random_numbers_are_the_same_in_each_run():
    async def scenario():
        for _ in range(random.randrange(1000)):
            await asyncio.sleep(0)

    state = random.getstate()
    assert explore(scenario, runs=1).failure is None
    assert random.getstate() == state


def test_a_task_that_the_scenario_leaves_is_cancelled():
    ended = []

    async def scenario():
        async def leftover():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(1)

        scenario.task = asyncio.ensure_future(leftover())
        scope = http_scope("GET", "/socket.io/", query_string=b"transport=polling&EIO=4")
        HTTPExchange(build(), scope).start()
        await asyncio.sleep(0)
        HTTPExchange(build(), scope).start()

    assert outcome_of(scenario).error is None
    assert ended == [1]


def test_garbage_is_collected_as_before():
    gc.disable()
    try:
        explore(booking.sleeping, runs=2)
        assert not gc.isenabled()
    finally:
        gc.enable()
    explore(booking.sleeping, runs=2)
    assert gc.isenabled()
