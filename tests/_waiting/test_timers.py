"""The timers of an event loop, read from its heap or recorded by a hook."""

import asyncio
import itertools

import pytest

from asgi_sio_testclient._waiting.origin import ORIGIN
from asgi_sio_testclient._waiting.timers import HeapTimers, HookedTimers


async def test_the_task_of_a_timer_is_found_behind_other_callbacks_of_its_future():
    loop = asyncio.get_running_loop()
    future, names = loop.create_future(), []
    future.add_done_callback(names.append)
    future.add_done_callback(names.remove)

    async def wait():
        await future

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    timer = loop.call_later(60, lambda _: None, future)
    found = {due.handle: due.task for due in HeapTimers(loop, (), ORIGIN).due(loop.time() + 120)}
    assert found[timer] is task
    timer.cancel()
    future.set_result(None)
    await task


async def test_a_timer_for_a_future_that_no_task_awaits():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    future.add_done_callback(print)
    timer = loop.call_later(60, lambda _: None, future)
    found = {due.handle: due.task for due in HeapTimers(loop, (), ORIGIN).due(loop.time() + 120)}
    assert found[timer] is None
    timer.cancel()


@pytest.mark.parametrize("order", [*itertools.permutations((1, 2, 3, 100))])
def test_the_timers_up_to_a_limit_in_whatever_order_they_were_set(order):
    loop = asyncio.SelectorEventLoop()
    for seconds in order:
        loop.call_at(seconds, print)
    assert sorted(due.when for due in HeapTimers(loop, (), ORIGIN).due(3)) == [1, 2, 3]
    loop.close()


def test_a_hook_that_somebody_else_has_put_over_call_later_stays():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    loop = uvloop.new_event_loop()
    timers = HookedTimers(loop, (), ORIGIN)
    timers.hook()
    hooked = loop.call_later

    def others(*args, **options):
        return hooked(*args, **options)

    loop.call_later = others
    timers.unhook()
    assert loop.call_later is others
    loop.close()
