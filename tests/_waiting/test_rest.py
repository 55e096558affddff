"""`RestCheck` alone; tests/behaviour/test_rest_*.py test it with apps."""

import asyncio
import contextlib
import contextvars
import threading

import pytest

from asgi_sio_testclient._waiting.origin import INTERNAL, LIFESPAN, MIDDLEWARE, ORIGIN, SERVICE
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE, RestCheck, middleware_at_rest
from asgi_sio_testclient._waiting.work import Work

SET_OFF = (None, None)  # the origin of work that a client caused


@pytest.fixture
async def work():
    return Work(asyncio.get_running_loop(), (), lambda *_: None)


def call_soon(origin, count):
    """Schedule callbacks with an origin for the next turn of the loop."""
    context = contextvars.copy_context()
    context.run(ORIGIN.set, origin)
    for _ in range(count):
        asyncio.get_running_loop().call_soon(int, context=context)


@pytest.mark.parametrize("origin", [INTERNAL, (None, None)], ids=["internal", "set off"])
async def test_what_many_clients_have_ready_in_one_turn_is_waited_for(work, origin):
    """The limit of checks applies to work that is ready in each check, and not to many different
    callbacks.
    """
    check = RestCheck(work, DEFAULT_GRACE)
    for _ in range(3):
        call_soon(origin, 1000)
        assert check.check() == 0
        await asyncio.sleep(0)


@pytest.mark.parametrize("origin", [INTERNAL, (None, None)], ids=["internal", "set off"])
async def test_what_is_always_ready_is_left_alone(work, origin):
    check = RestCheck(work, DEFAULT_GRACE)
    checks = 0
    while True:
        call_soon(origin, 1)
        if check.check() is None:
            break
        checks += 1
        await asyncio.sleep(0)
    assert checks == 1000


async def test_a_callback_that_was_cancelled_is_not_waited_for(work):
    context = contextvars.copy_context()
    context.run(ORIGIN.set, SET_OFF)
    handle = work.loop.call_soon(int, context=context)
    assert RestCheck(work, DEFAULT_GRACE).check() == 0
    handle.cancel()
    assert RestCheck(work, DEFAULT_GRACE).check() is None


async def test_the_servers_service_task_is_not_waited_for(work):
    context = contextvars.copy_context()
    context.run(ORIGIN.set, INTERNAL)
    handle = work.loop.call_soon(int, context=context)
    assert RestCheck(work, DEFAULT_GRACE).check() == 0
    handle.cancel()
    context.run(SERVICE.set, True)
    work.loop.call_soon(int, context=context)
    assert RestCheck(work, DEFAULT_GRACE).check() is None


async def test_a_check_at_the_exit_goes_no_further_than_its_answer_needs(work):
    """Without this, each of many apps that end at once would inspect the work of all apps in each
    turn.
    """
    sleeper = work.loop.create_task(asyncio.sleep(DEFAULT_GRACE / 2))
    work.adopt(sleeper, SET_OFF)
    await asyncio.sleep(0)
    context = contextvars.copy_context()
    context.run(ORIGIN.set, SET_OFF)
    for _ in range(2):
        work.loop.call_soon(int, context=context)
    check = RestCheck(work, DEFAULT_GRACE, rounds=0)
    assert check.check() == 0
    assert len(check.describe()) == 1
    assert check.check(whole=True) == 0
    assert len(check.describe()) == 3
    sleeper.cancel()


async def check_until_at_rest(check):
    seconds = 0
    while seconds is not None:
        await asyncio.sleep(seconds)
        seconds = check.check()


async def test_a_timer_that_sets_itself_anew_is_no_work_in_the_long_run(work):
    loop = asyncio.get_running_loop()

    def tick():
        nonlocal timer
        timer = loop.call_later(0.001, tick)

    timer = None
    ORIGIN.set(SET_OFF)
    tick()
    ORIGIN.set(None)
    check = RestCheck(work, 0.01)
    check.check()
    (line,) = check.describe()
    assert "a timer that calls" in line
    await check_until_at_rest(check)
    assert [name.rpartition(".")[2] for name in work.ticking_timers] == ["tick"]
    timer.cancel()


async def test_a_timer_that_no_client_set_off_is_waited_for_once(work):
    loop, ticks = asyncio.get_running_loop(), []

    def tick():
        ticks.append(loop.call_later(0.001, tick))

    ORIGIN.set(LIFESPAN)
    tick()
    ORIGIN.set(None)
    await check_until_at_rest(RestCheck(work, 0.01))
    assert len(ticks) > 1
    assert not work.ticking_timers
    ticks[-1].cancel()


async def test_a_task_whose_timeout_repeats_is_no_work_in_the_long_run(work):
    async def poll():
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    await asyncio.Event().wait()

    ORIGIN.set(SET_OFF)
    task = asyncio.create_task(poll())
    ORIGIN.set(None)
    record = work.adopt(task, SET_OFF)
    await asyncio.sleep(0)
    await check_until_at_rest(RestCheck(work, 0.01))
    assert record.is_ticker
    task.cancel()


async def test_a_task_that_gets_on_outside_of_a_loop_is_followed_anew(work):
    """Each line that the task reads is progress, although the task always waits at the
    same place.
    """
    reader = asyncio.StreamReader()

    async def read():
        return [await reader.readline() for _ in range(2)]

    now = 0.0
    work.loop.time = lambda: now
    task = asyncio.create_task(read())
    work.adopt(task, SET_OFF)
    check = RestCheck(work, DEFAULT_GRACE)
    await asyncio.sleep(0)
    assert check.check() is not None
    now = 0.09
    reader.feed_data(b"first\n")
    for _ in range(3):
        await asyncio.sleep(0)
    assert check.check() is not None
    now = 0.15
    assert check.check() is not None
    now = 0.2
    assert check.check() is None
    del work.loop.time
    reader.feed_data(b"second\n")
    assert await task == [b"first\n", b"second\n"]


async def test_a_call_in_an_executor_that_does_not_concern_the_check(work):
    work.hook()
    go_on = threading.Event()
    ORIGIN.set(SET_OFF)
    call = work.loop.run_in_executor(None, go_on.wait, 60)
    ORIGIN.set(None)
    assert RestCheck(work, DEFAULT_GRACE, concerns=lambda _: False).check() is None
    assert RestCheck(work, DEFAULT_GRACE).check() is not None
    go_on.set()
    await call
    work.unhook()


class Clock:
    """The time of a loop, which passes only in steps of the test."""

    def __init__(self, loop):
        self._loop = loop
        self._now = loop.time()
        loop.time = lambda: self._now

    async def step(self, seconds, turns=3):
        """Let so much time pass, and what is due then run."""
        self._now += seconds
        for _ in range(turns):
            await asyncio.sleep(0)


@pytest.fixture
async def clock(work):
    yield Clock(work.loop)
    del work.loop.time


TICK = 0.01


def ticker(name):
    """A coroutine function of that name, which sleeps again and again: code of its own."""
    source = f"async def {name}():\n while True:\n  await asyncio.sleep(TICK)\n"
    names = {"asyncio": asyncio, "TICK": TICK}
    exec(compile(source, "tickers.py", "exec"), names)
    return names[name]


async def start(work, origin, *ticks):
    """Tasks of these tickers, which sleep for the first time."""
    tasks = [asyncio.get_running_loop().create_task(tick()) for tick in ticks]
    for task in tasks:
        work.adopt(task, origin)
    await asyncio.sleep(0)
    return tasks


async def rounds_until_rest(check, clock, seconds=TICK):
    """The steps of so many seconds for which a check has waited: rounds of each ticker."""
    rounds = 0
    while check.check() is not None:
        await clock.step(seconds)
        rounds += 1
        assert rounds < 10
    return rounds


async def end(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize(("kinds", "rounds"), [(1, 1), (2, 2), (3, 3), (4, 3)])
async def test_there_are_as_many_rounds_as_kinds_of_tickers_and_at_most_three(
    work, clock, kinds, rounds
):
    tasks = await start(work, LIFESPAN, *(ticker(f"tick{number}") for number in range(kinds)))
    assert await rounds_until_rest(RestCheck(work, DEFAULT_GRACE), clock) == rounds
    await end(tasks)


async def test_tickers_of_the_same_code_are_of_one_kind(work, clock):
    tasks = await start(work, LIFESPAN, *[ticker("a")] * 3)
    assert await rounds_until_rest(RestCheck(work, DEFAULT_GRACE), clock) == 1
    await end(tasks)


async def test_no_further_round_begins_for_tickers_that_have_ended(work, clock):
    kept = await start(work, LIFESPAN, *[ticker("a")] * 2)
    ended = await start(work, LIFESPAN, ticker("b"))
    check = RestCheck(work, DEFAULT_GRACE)
    check.check()
    await clock.step(TICK)
    assert check.check() is not None, "the second round has begun"
    await end(ended)
    await clock.step(TICK)
    assert check.check() is None
    await end(kept)


async def test_the_ticker_that_came_round_last_need_not_come_again(work, clock):
    tasks = await start(work, LIFESPAN, ticker("a"))
    await clock.step(TICK / 2)
    tasks += await start(work, LIFESPAN, ticker("b"))
    check = RestCheck(work, DEFAULT_GRACE)
    assert await rounds_until_rest(check, clock, TICK / 2) == 3
    await end(tasks)


async def test_tickers_of_middlewares_come_round_once(work, clock):
    assert middleware_at_rest(work) is None
    work.has_middleware = True
    tasks = await start(work, MIDDLEWARE, ticker("a"), ticker("b"))
    tasks += await start(work, LIFESPAN, ticker("c"))
    assert await rounds_until_rest(middleware_at_rest(work), clock) == 1
    await end(tasks)


async def test_a_ticker_by_its_timeouts_is_no_work_when_it_is_ready(work, clock):
    """The timer of a timeout has no frame to sleep in: its task is a ticker all the same."""

    async def poll():
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await asyncio.Event().wait()

    context = contextvars.copy_context()
    context.run(ORIGIN.set, LIFESPAN)
    task = asyncio.get_running_loop().create_task(poll(), context=context)
    record = work.adopt(task, LIFESPAN)
    await clock.step(0)
    check = RestCheck(work, DEFAULT_GRACE)
    check.check()
    (line,) = check.describe()
    assert "a timer that calls" in line
    lines = []
    await clock.step(TICK, turns=0)
    for _ in range(6):
        await asyncio.sleep(0)
        check.check()
        lines += check.describe()
    assert str(record) not in lines
    await end([task])
