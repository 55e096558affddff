"""`RestCheck` by itself; what it is for is in tests/behaviour/test_rest_*.py."""

import asyncio
import contextvars

import pytest

from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE, RestCheck
from asgi_sio_testclient._waiting.work import ORIGIN, PLUMBING, Work


@pytest.fixture
async def work():
    return Work(asyncio.get_running_loop(), (), lambda *_: None)


def call_soon(origin, count):
    """Callbacks of one turn of the loop that come of `origin`."""
    context = contextvars.copy_context()
    context.run(ORIGIN.set, origin)
    for _ in range(count):
        asyncio.get_running_loop().call_soon(int, context=context)


@pytest.mark.parametrize("origin", [PLUMBING, (None, None)], ids=["plumbing", "set off"])
async def test_what_many_clients_have_ready_in_one_turn_is_waited_for(work, origin):
    """The limit of looks is for a thing that is ready in each of them, not for many at once."""
    check = RestCheck(work, DEFAULT_GRACE)
    for _ in range(3):
        call_soon(origin, 1000)
        assert check.look() == 0
        await asyncio.sleep(0)


@pytest.mark.parametrize("origin", [PLUMBING, (None, None)], ids=["plumbing", "set off"])
async def test_what_is_always_ready_is_left_alone(work, origin):
    check = RestCheck(work, DEFAULT_GRACE)
    looks = 0
    while True:
        call_soon(origin, 1)
        if check.look() is None:
            break
        looks += 1
        await asyncio.sleep(0)
    assert looks == 1000
