"""Waits with a deadline."""

import asyncio
import gc
import time

import pytest

from asgi_sio_testclient._waiting.deadlines import EXPIRED, fail, finish
from asgi_sio_testclient._waiting.services import LoopServices, services_of

SOON = 10.0  # seconds, the bound of waits that end at once


@pytest.fixture
async def services():
    return LoopServices(asyncio.get_running_loop())


@pytest.fixture
async def deadlines(services):
    return services.deadlines


def future():
    return asyncio.get_running_loop().create_future()


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


# -- futures


async def test_a_future_is_finished_once():
    done = future()
    assert finish(done, 1)
    assert not finish(done, 2)
    assert done.result() == 1
    empty = future()
    finish(empty)
    assert empty.result() is None


async def test_a_future_fails_once():
    done, error = future(), LookupError()
    assert fail(done, error)
    assert not fail(done, KeyError())
    assert done.exception() is error
    assert not fail(None, error)


async def test_stopiteration_which_futures_refuse_is_a_runtime_error_with_its_cause():
    done, error = future(), StopIteration()
    assert fail(done, error)
    assert isinstance(done.exception(), RuntimeError)
    assert done.exception().__cause__ is error


# -- deadlines


async def test_a_wait_ends_with_the_result(deadlines):
    done = future()
    asyncio.get_running_loop().call_soon(done.set_result, 5)
    assert await deadlines.wait(done, SOON) == 5
    assert await deadlines.wait(done, 0) == 5, "a result that is there needs no time"


async def test_a_wait_ends_with_the_exception(deadlines):
    done = future()
    asyncio.get_running_loop().call_soon(done.set_exception, LookupError())
    with pytest.raises(LookupError):
        await deadlines.wait(done, SOON)


@pytest.mark.parametrize("timeout", [0.01, 0, -1])
async def test_a_wait_without_a_result_expires_not_before_its_time(deadlines, timeout):
    loop = asyncio.get_running_loop()
    started, done = loop.time(), future()
    assert await deadlines.wait(done, timeout) is EXPIRED
    assert done.result() is EXPIRED
    assert loop.time() - started >= timeout - 0.001


async def test_a_short_wait_that_begins_later_does_not_wait_for_a_long_one(deadlines):
    long = asyncio.ensure_future(deadlines.wait(future(), 60))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(deadlines.wait(future(), 0.01), SOON) is EXPIRED
    assert not long.done()
    long.cancel()
    await asyncio.wait([long])


@pytest.mark.parametrize("begin", ["wait", "bound"])
async def test_a_long_wait_that_begins_later_does_not_postpone_a_short_one(deadlines, begin):
    short = asyncio.ensure_future(getattr(deadlines, begin)(future(), 0.01))
    await asyncio.sleep(0)
    long = asyncio.ensure_future(getattr(deadlines, begin)(future(), 60))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(short, SOON) is EXPIRED
    assert not long.done()
    long.cancel()
    await asyncio.wait([long])


async def test_each_of_several_deadlines_comes_whatever_the_order_of_their_begin(deadlines):
    waits = [deadlines.wait(future(), timeout) for timeout in (0.03, 0.01, 0.04, 0.02)]
    assert await asyncio.wait_for(asyncio.gather(*waits), SOON) == [EXPIRED] * 4


@pytest.mark.real_clock
async def test_a_result_in_the_moment_of_the_deadline_is_kept(deadlines):
    began = asyncio.get_running_loop().time()
    done, other = future(), future()
    waits = asyncio.gather(deadlines.wait(done, 0.01), deadlines.wait(other, 0.01))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(began + 0.005, done.set_result, "in time")
    time.sleep(0.02)  # noqa: ASYNC251 (blocks, so that both are due in one turn)
    assert deadlines.late_by == 0
    assert await asyncio.wait_for(waits, SOON) == ["in time", EXPIRED]
    assert deadlines.late_by >= 0.005


async def test_a_timer_that_stands_for_a_wait_that_is_over_fires_for_nobody(deadlines):
    early, late = future(), future()
    waits = [
        asyncio.ensure_future(deadlines.wait(early, 0.1)),
        asyncio.ensure_future(deadlines.wait(late, 0.15)),
    ]
    await asyncio.sleep(0)
    early.set_result("early")
    assert await waits[0] == "early"
    assert await waits[1] is EXPIRED


async def test_a_wait_whose_task_was_cancelled_leaves_nothing_behind(deadlines):
    waiting = asyncio.ensure_future(deadlines.wait(future(), SOON))
    await turns()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await deadlines.wait(future(), 0.01) is EXPIRED


async def test_a_deadline_that_is_set_while_a_result_is_on_its_way_loses_to_it(deadlines):
    done = future()
    waiting = asyncio.ensure_future(deadlines.wait(done, 0))
    await asyncio.sleep(0)
    done.set_result("result")
    assert await asyncio.wait_for(waiting, SOON) == "result"


def timers():
    scheduled = asyncio.get_running_loop()._scheduled
    return [timer for timer in scheduled if not timer.cancelled()]


async def test_all_waits_share_one_timer_and_no_wait_has_none(deadlines):
    before = timers()
    waits = [asyncio.ensure_future(deadlines.wait(future(), timeout)) for timeout in (60, 40, 50)]
    await asyncio.sleep(0)
    assert len(timers()) == len(before) + 1
    for waiting in waits:
        waiting.cancel()
    await asyncio.wait(waits)
    assert timers() == before


# -- an app that runs in the loop


class App:
    """The methods of a running app that `LoopServices` calls."""

    def __init__(self, *mine):
        self.mine = mine

    def handle_failure(self, exc):
        return exc in self.mine


async def test_the_timer_goes_with_the_last_app(services):
    loop = asyncio.get_running_loop()
    before = timers()
    first, second = App(), App()
    services.add_app(first)
    services.add_app(second)
    done = future()
    loop.call_soon(done.set_result, None)
    await services.deadlines.wait(done, 60)
    services.remove_app(first)
    services.remove_app(first)
    assert services.apps == [second]
    services.remove_app(second)
    assert timers() == before


async def test_a_wait_that_goes_on_keeps_its_timer(services):
    app = App()
    services.add_app(app)
    waiting = asyncio.ensure_future(services.deadlines.wait(future(), 0.02))
    await turns()
    services.remove_app(app)
    assert await asyncio.wait_for(waiting, SOON) is EXPIRED


async def test_what_a_task_raised_that_nobody_awaits_goes_to_the_app_that_it_concerns(services):
    loop = asyncio.get_running_loop()
    seen = []
    loop.set_exception_handler(lambda loop, context: seen.append(context["message"]))
    before = loop.get_exception_handler()
    mine, other = LookupError("mine"), LookupError("other")
    app = App(mine)
    services.add_app(app)
    loop.call_exception_handler({"message": "of the app", "exception": mine})
    loop.call_exception_handler({"message": "of others", "exception": other})
    loop.call_exception_handler({"message": "no exception"})
    assert seen == ["of others", "no exception"]
    services.remove_app(app)
    assert loop.get_exception_handler() is before


async def test_without_a_handler_of_somebody_else_the_loops_own_is_used(services, caplog):
    loop = asyncio.get_running_loop()
    app = App()
    services.add_app(app)
    loop.call_exception_handler({"message": "nobody's"})
    services.remove_app(app)
    assert [record.message for record in caplog.records] == ["nobody's"]
    assert loop.get_exception_handler() is None


async def test_a_handler_that_somebody_set_meanwhile_stays(services):
    loop = asyncio.get_running_loop()
    app = App()
    services.add_app(app)

    def mine(loop, context):
        """Code of another tool."""

    loop.set_exception_handler(mine)
    services.remove_app(app)
    assert loop.get_exception_handler() is mine


async def test_each_loop_has_services_of_its_own():
    loop = asyncio.get_running_loop()
    assert services_of(loop) is services_of(loop)
    other = asyncio.new_event_loop()
    try:
        assert services_of(other) is not services_of(loop)
    finally:
        other.close()
        gc.collect()
