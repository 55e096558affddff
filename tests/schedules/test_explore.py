"""`explore` and `replay`: the order of the steps, the failures that are found, and their texts."""

import asyncio
import threading
import types
from functools import partial

import anyio
import booking
import pytest
import socketio
from booking import build, on_a_new_app, two_book, yielding

from asgi_sio_testclient import TestClient, UsageError
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker
from asgi_sio_testclient.schedules import NotRepeatable, explore, replay

RUNS = 30  # of each correct program
TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))


async def eager(scenario):
    asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await scenario()


KINDS = {
    "sleeps": lambda fixed, transports: two_book(build(fixed=fixed), transports=transports),
    "yields": lambda fixed, transports: two_book(
        build(fixed=fixed, payment=yielding), transports=transports
    ),
    "class": lambda fixed, transports: two_book(
        booking.build_with_a_class(fixed=fixed), "/booking", transports=transports
    ),
    "inline": lambda fixed, transports: two_book(
        build(fixed=fixed, async_handlers=False), transports=transports
    ),
    "always_connect": lambda fixed, transports: two_book(
        build(fixed=fixed, always_connect=True), transports=transports
    ),
    "msgpack": lambda fixed, transports: two_book(
        build(fixed=fixed, serializer="msgpack"), transports=transports, serializer="msgpack"
    ),
}


def combinations():
    """Return the parameters: the quick tests have one kind of app over each transport, the slow
    tests each kind over one transport, and the proofs the remaining combinations.
    """
    for number, kind in enumerate(KINDS):
        for position, transports in enumerate(TRANSPORTS):
            is_first = position == number % len(TRANSPORTS)
            rest = pytest.mark.slow if is_first else pytest.mark.proof
            marks = () if kind == "sleeps" else rest
            yield pytest.param(kind, transports, id=f"{kind}-{'+'.join(transports)}", marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "transports"), list(combinations()))
def test_each_kind_over_each_transport(kind, transports):
    failure = explore(partial(KINDS[kind], False, transports), raises=False).failure

    assert str(failure.error).splitlines()[0] == "sold 2 times"
    assert len(failure.holds) == 1
    assert "booking.py:" in failure.story
    with pytest.raises(AssertionError, match="sold 2 times"):
        replay(partial(KINDS[kind], False, transports), failure.code)
    found = explore(partial(KINDS[kind], True, transports), runs=RUNS)
    assert found.failure is None


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="Python 3.12 and later")
@pytest.mark.parametrize("transports", [("websocket",), ("polling", "websocket")])
def test_eager_tasks(transports):
    async def scenario(*, fixed):
        await eager(lambda: two_book(build(fixed=fixed), transports=transports))

    assert explore(partial(scenario, fixed=False), raises=False).failure is not None
    assert explore(partial(scenario, fixed=True), runs=RUNS).failure is None


@pytest.mark.slow
@pytest.mark.parametrize("fixed", [False, True])
def test_requests_beside_events(fixed):
    async def scenario():
        await booking.two_book_by_http(booking.build_with_http(fixed=fixed))

    found = explore(scenario, runs=RUNS, raises=False)

    assert (found.failure is None) == fixed
    if not fixed:
        assert "request POST /book" in found.failure.story


@pytest.mark.slow
@pytest.mark.parametrize("fixed", [False, True])
def test_two_apps_with_a_broker_in_memory(fixed):
    async def scenario():
        broker, shared = InMemoryBroker(), types.SimpleNamespace(seats=1, sold=0)

        def node():
            manager = AsyncInMemoryManager(broker)
            sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)

            @sio.event
            async def book(sid):
                if shared.seats < 1:
                    return
                shared.seats -= fixed
                await sio.emit("booking", sid)
                shared.seats -= not fixed
                shared.sold += 1

            return socketio.ASGIApp(sio)

        async with TestClient(node()) as a, TestClient(node()) as b:
            await a.connect()
            await b.connect()
            await a.emit("book")
            await asyncio.sleep(0.1)
            await b.emit("book")
            await a.settle()
            await b.settle()
            assert shared.sold <= 1

    assert (explore(scenario, runs=RUNS, raises=False).failure is None) == fixed


# -- the order of the steps


async def racy_test():
    await two_book(build())


@pytest.mark.slow
def test_the_note_tells_run_story_and_replay():
    with pytest.raises(AssertionError, match="sold 2 times") as caught:
        explore(racy_test)

    note = caught.value.__notes__[-1]
    assert note.startswith("found in run ")
    assert " of 200: " in note
    assert "is held 0.09001 s" in note
    assert "booking.py:31, `await payment()`" in note
    assert "booking.py:96, `assert len(app.sold) <= 1" in note
    assert "any hold of 0.0901 s or more here fails" in note
    assert 'replay: replay(racy_test, "' in note
    assert "sequenceDiagram" in note
    assert "client2->>server: EVENT 'book'" in note


def test_what_a_plain_run_raises_is_raised_as_it_is():
    async def scenario():
        raise ZeroDivisionError("as it is")

    with pytest.raises(ZeroDivisionError, match="as it is") as caught:
        explore(scenario, raises=False)
    assert not hasattr(caught.value, "__notes__")


def test_no_runs_are_the_plain_run_only():
    found = explore(racy_test, runs=0)
    assert (found.runs, found.failure) == (0, None)
    assert found.points > 0


@pytest.mark.slow
def test_the_same_seed_finds_the_same():
    first, second, other = (explore(racy_test, seed=seed, raises=False) for seed in (3, 3, 4))
    assert first.failure.code == second.failure.code
    assert first.runs == second.runs
    assert other.failure is not None


def test_a_scenario_without_a_point_ends_at_once():
    async def scenario():
        await asyncio.Event().wait() if False else None

    assert explore(scenario).runs == 0


def test_an_app_that_outlives_a_run_is_named():
    app = build()

    async def scenario():
        async with TestClient(app) as client:
            await client.connect()
            await client.call("book")

    with pytest.raises(NotRepeatable, match="not repeatable: two plain runs differ") as caught:
        explore(scenario)

    assert "`await payment()`" in caught.value.first
    assert "sold out" in caught.value.second
    assert caught.value.step > 0
    assert "build the app" in str(caught.value)


def test_a_second_run_that_fails_is_named():
    calls = []

    async def scenario():
        calls.append(1)
        assert len(calls) < 2, "the second"

    with pytest.raises(NotRepeatable, match="AssertionError: the second"):
        explore(scenario)


def test_a_longer_second_run_is_named():
    calls = []

    async def scenario():
        calls.append(1)
        await asyncio.sleep(0.01)
        if len(calls) > 1:
            await asyncio.sleep(0.01)

    with pytest.raises(NotRepeatable, match="first the end, then a point"):
        explore(scenario)


def test_a_shorter_second_run_is_named():
    calls = []

    async def scenario():
        calls.append(1)
        await asyncio.sleep(0.01)
        if len(calls) == 1:
            await asyncio.sleep(0.01)

    with pytest.raises(NotRepeatable, match="then the end"):
        explore(scenario)


def test_a_schedule_that_fails_only_once_is_not_repeatable():
    runs = []

    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.01)
        late = loop.time() - began > 0.010001
        runs.append(late)
        assert runs.count(True) != 2, "once"

    with pytest.raises(NotRepeatable, match="a schedule failed; and passed when") as caught:
        explore(scenario)
    assert str(caught.value.__cause__).startswith("once")


def test_an_outcome_that_does_not_come_again_is_raised_as_it_is():
    """pytest-timeout raises its exception in the code that runs at that moment."""
    runs = []

    async def scenario():
        await asyncio.sleep(0.01)
        runs.append(1)
        if len(runs) == 5:
            pytest.fail("Timeout >60.0s")

    with pytest.raises(pytest.fail.Exception, match="Timeout >60"):
        explore(scenario)


# -- replay


def test_replay_of_no_code():
    for code in ("", "nonsense", "eNqLjgUAARUAuQ", "!"):
        with pytest.raises(UsageError, match="not a schedule's code"):
            replay(racy_test, code)


@pytest.mark.slow
def test_replay_carries_io():
    async def scenario():
        await two_book(build())

    failure = explore(scenario, io=("booking.py",), raises=False).failure
    with pytest.raises(AssertionError, match="sold 2 times"):
        replay(scenario, failure.code)


@pytest.mark.slow
def test_replay_on_another_app_says_that_a_point_never_came():
    failure = explore(racy_test, raises=False).failure

    async def other():
        await asyncio.sleep(0)

    with pytest.raises(NotRepeatable, match="had no point in this run") as caught:
        replay(other, failure.code)
    assert caught.value.step is None
    assert "PYTHONHASHSEED" in str(caught.value)


@pytest.mark.slow
def test_replay_of_a_fixed_app_passes():
    failure = explore(racy_test, raises=False).failure
    replay(on_a_new_app(two_book, fixed=True), failure.code)


# -- wrong use


async def test_in_a_running_loop():
    with pytest.raises(UsageError, match="an event loop is running"):
        explore(racy_test)
    with pytest.raises(UsageError, match="an event loop is running"):
        replay(racy_test, "eNqLjo4FAAGkAMc")


@pytest.mark.parametrize("scenario", [lambda: None, 7, build, dict])
def test_no_async_function(scenario):
    with pytest.raises(UsageError, match="not an async function"):
        explore(scenario)


def test_an_object_with_an_async_call():
    class Scenario:
        async def __call__(self):
            await asyncio.sleep(0)

    assert explore(Scenario(), runs=1).points == 1


def test_arguments_are_missing():
    async def scenario(database):
        raise AssertionError("it is not called")

    with pytest.raises(UsageError, match=r"arguments are missing \(.*'database'\)"):
        explore(scenario)
    with pytest.raises(UsageError, match=r"replayed by `pytest NODEID --sio-schedule=CODE`"):
        replay(scenario, "eNqLjo421DHUMQNiAz0DSwMDw9jYWAA2WgT6")


def test_fewer_runs_than_none():
    with pytest.raises(ValueError, match="runs is -1; expected 0 or more"):
        explore(racy_test, runs=-1)


# -- threads


@pytest.mark.slow
@pytest.mark.parametrize(
    "in_a_thread", [asyncio.to_thread, anyio.to_thread.run_sync], ids=["asyncio", "anyio"]
)
def test_the_clock_stands_while_a_thread_works(in_a_thread):
    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        go_on = threading.Event()
        loop.call_later(0.5, print)
        waiting = asyncio.ensure_future(in_a_thread(go_on.wait, 0.2))
        await asyncio.sleep(0)
        await waiting
        assert loop.time() == began

    assert explore(scenario, runs=0).remarks == []


# -- remarks on what was not explored


@pytest.mark.slow
def test_deadlines_of_the_client_stand_while_something_is_held():
    async def scenario():
        async with TestClient(build(fixed=True), timeout=0.1) as client:
            await client.connect()
            assert await client.call("book") == "booked"
            with pytest.raises(TimeoutError):
                await client.await_event("never", timeout=0.05)

    assert explore(scenario, runs=30).failure is None


@pytest.mark.slow
def test_a_loop_that_polls_moves_the_clock():
    async def scenario():
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.2
        while loop.time() < until:  # noqa: ASYNC110 (that is what is tested)
            await asyncio.sleep(0)

    assert explore(scenario, runs=5).failure is None


@pytest.mark.slow
def test_time_travel():
    async def scenario():
        async with TestClient(build(fixed=True)) as client:
            await client.connect()
            async with client.time_travel():
                await client.advance(60)
            assert await client.call("book") == "booked"

    assert explore(scenario, runs=10).failure is None


@pytest.mark.slow
def test_a_held_step_that_is_cancelled_goes_on():
    async def scenario():
        async def polite():
            with anyio.move_on_after(0.005):
                for _ in range(3):
                    await asyncio.sleep(0)
                await asyncio.sleep(1)

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(polite())
        task = asyncio.create_task(asyncio.sleep(0))
        await asyncio.sleep(0)
        task.cancel()

    assert explore(scenario, runs=100).failure is None
