"""Waits with a bound, and the question whether everything is quiet."""

import asyncio
import functools
import gc
import time

import pytest

from asgi_sio_testclient._waiting.deadlines import EXPIRED, fail, finish
from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient._waiting.services import LoopServices, services_of

SOON = 10.0  # seconds, the bound of what ends at once


@pytest.fixture
async def services():
    return LoopServices(asyncio.get_running_loop())


@pytest.fixture
async def deadlines(services):
    return services.deadlines


@pytest.fixture
async def idle(services):
    return services.idle


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


async def test_one_timer_stands_for_all_waits_and_none_for_nobody(deadlines):
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
    """What `LoopServices` knows of a running app."""

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
        """Somebody's."""

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


# -- quiet


class Thing:
    """Something that is as quiet as the test says."""

    def __init__(self, *states):
        self.states = list(states)
        self.asked = 0

    def quiet(self):
        self.asked += 1
        return self.states[0] if len(self.states) == 1 else self.states.pop(0)


def watch(idle, *things):
    done = []
    forget = idle.when_idle(lambda: things, lambda: done.append(True))
    return done, forget


async def test_what_is_quiet_already_is_told_at_once(idle):
    done, forget = watch(idle, Thing(IdleState.IDLE), Thing(IdleState.IDLE))
    assert done == [True]
    assert not idle.watchers
    forget()


async def test_nothing_is_quiet(idle):
    assert watch(idle)[0] == [True]


async def test_something_busy_is_looked_at_again_after_notify_and_not_before(idle):
    busy = Thing(IdleState.BUSY)
    done, _ = watch(idle, Thing(IdleState.IDLE), busy)
    await turns()
    assert busy.asked == 1
    busy.states = [IdleState.IDLE]
    assert not done
    idle.notify()
    idle.notify()
    assert not done, "not in the middle of what notifies"
    await turns()
    assert done == [True]
    assert busy.asked == 3, "once as the one that was busy, once among all"


async def test_all_must_be_quiet_at_the_same_moment(idle):
    one, other = Thing(IdleState.BUSY), Thing(IdleState.IDLE)
    done, _ = watch(idle, one, other)
    one.states, other.states = [IdleState.IDLE], [IdleState.BUSY]
    idle.notify()
    await turns()
    assert not done
    other.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [True]


async def test_what_was_busy_the_last_time_is_asked_first(idle):
    others, busy = [Thing(IdleState.IDLE) for _ in range(3)], Thing(IdleState.BUSY)
    watch(idle, *others, busy)
    asked = [thing.asked for thing in others]
    for _ in range(5):
        idle.notify()
        await turns()
    assert [thing.asked for thing in others] == asked
    assert busy.asked == 6


class Rest:
    """Tells of an app that is at rest, certainly or not."""

    kind = ("the same",)

    def __init__(self, *, certain):
        self.is_certain = certain
        self.asked = 0

    def look(self):
        self.asked += 1


def watch_together(idle, thing, number, rest_of):
    """`number` watchers of one kind."""
    done = []

    def sources():
        return (thing,)

    forgets = [
        idle.when_idle(sources, functools.partial(done.append, i), rest_of()) for i in range(number)
    ]
    return done, forgets


async def test_of_many_that_wait_for_the_same_one_is_asked(idle):
    busy, rest = Thing(IdleState.BUSY), Rest(certain=True)
    done, _ = watch_together(idle, busy, 100, lambda: rest)
    idle.notify()
    await turns()
    assert (busy.asked, rest.asked) == (2, 0)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == list(range(100))
    assert (busy.asked, rest.asked) == (4, 1)
    assert not idle.watchers


async def test_without_rest_one_is_asked_for_many_too(idle):
    busy = Thing(IdleState.BUSY)
    done, _ = watch_together(idle, busy, 3, lambda: None)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert (done, busy.asked) == ([0, 1, 2], 3)


async def test_what_one_waited_out_the_others_look_at_themselves(idle):
    busy, rest = Thing(IdleState.BUSY), Rest(certain=False)
    done, _ = watch_together(idle, busy, 3, lambda: rest)
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert (done, rest.asked) == ([0, 1, 2], 3)


async def test_the_next_one_is_asked_when_the_first_has_left(idle):
    busy = Thing(IdleState.BUSY)
    done, forgets = watch_together(idle, busy, 3, lambda: None)
    forgets[0]()
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [1, 2]


async def test_what_is_moving_is_looked_at_until_it_is_quiet_without_notify(idle):
    moving = Thing(IdleState.MOVING, IdleState.MOVING, IdleState.MOVING, IdleState.IDLE)
    done, _ = watch(idle, moving, Thing(IdleState.IDLE))
    assert not done
    await turns(10)
    assert done == [True]


async def test_what_moves_for_ever_is_given_up_until_the_next_notify(idle):
    moving, now = Thing(IdleState.MOVING), idle.loop.time()
    idle.loop.time = lambda: now  # the next look is a timer, which does not come
    done, forget = watch(idle, moving)
    await turns(100)
    asked = moving.asked
    await turns(100)
    assert moving.asked == asked, "no busy loop"
    del idle.loop.time
    moving.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert done == [True]
    forget()


async def test_a_watch_can_be_taken_back(idle):
    busy = Thing(IdleState.BUSY)
    done, forget = watch(idle, busy)
    forget()
    forget()
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert not done


async def test_every_watcher_is_told_and_one_that_is_told_may_watch_again(idle):
    busy = Thing(IdleState.BUSY)
    first, _ = watch(idle, busy)
    again = []
    idle.when_idle(lambda: [busy], lambda: again.append(watch(idle, Thing(IdleState.IDLE))[0]))
    busy.states = [IdleState.IDLE]
    idle.notify()
    await turns()
    assert first == [True]
    assert again == [[True]]
