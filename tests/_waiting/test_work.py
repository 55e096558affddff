"""The work of an app in the loop. tests/behaviour/test_rest_*.py test its effect on rest."""

import asyncio
import contextlib
import gc
import socket
import threading

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._waiting.origin import ORIGIN
from asgi_sio_testclient._waiting.work import Work

A_MINUTE = 60
SET_OFF = "a handler", object()  # the origin of work that a known client caused


@pytest.fixture
async def failed():
    return []


@pytest.fixture
async def work(failed):
    return Work(asyncio.get_running_loop(), (), lambda *failure: failed.append(failure))


async def nothing():
    pass


async def fail():
    raise LookupError("no such order")


async def test_hooks_that_somebody_else_has_put_over_these_stay(work):
    loop = work.loop
    work.hook()
    hooked = {name: getattr(loop, name) for name in ("create_task", "run_in_executor")}

    def create_task(*args, **options):
        return hooked["create_task"](*args, **options)

    def run_in_executor(*args):
        return hooked["run_in_executor"](*args)

    loop.create_task, loop.run_in_executor = create_task, run_in_executor
    work.unhook()
    assert loop.create_task is create_task
    assert loop.run_in_executor is run_in_executor
    del loop.create_task, loop.run_in_executor


async def test_only_tasks_that_failed_are_handed_on(work, failed):
    tasks = [asyncio.create_task(call()) for call in (nothing, fail, nothing)]
    for task in tasks:
        work.adopt(task, SET_OFF)
    await asyncio.wait(tasks)
    work.report_failures()
    ((origin, error, title),) = failed
    assert origin is SET_OFF
    assert isinstance(error, LookupError)
    assert "(fail)" in title
    assert not work.tracked


async def test_a_task_that_is_gone_has_no_name(work):
    task = asyncio.create_task(nothing(), name="the order")
    record = work.adopt(task, SET_OFF)
    assert "the order" in str(record)
    await task
    del task
    await asyncio.sleep(0)  # the loop's last call had the task as its argument
    assert str(record) == "a task"


async def test_a_gather_waits_outside_until_all_that_do_have_ended(work):
    go_on = threading.Event()
    over = asyncio.create_task(nothing())
    await over

    async def wait():
        await asyncio.gather(over, asyncio.to_thread(go_on.wait, A_MINUTE))

    task = asyncio.create_task(wait())
    assert not work.waits_outside(task)
    for _ in range(3):
        await asyncio.sleep(0)
    assert work.waits_outside(task)
    go_on.set()
    await task
    assert not work.waits_outside(task)
    assert not work.waits_outside(None)


async def test_a_future_may_be_set_while_a_socket_is_open(work):
    assert not work.may_be_woken(work.loop.time())
    near, far = socket.socketpair()
    with near, far:
        work.loop.add_reader(near, print)
        assert work.may_be_woken(work.loop.time())
        work.loop.remove_reader(near)


def test_a_future_may_be_set_in_a_loop_that_does_not_tell():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
    loop = uvloop.new_event_loop()
    with contextlib.closing(loop):
        assert Work(loop, (), print).may_be_woken(loop.time())


async def test_a_call_that_the_lifespan_makes_in_an_executor():
    """No client caused the call, so `settle` does not wait for it."""
    go_on, calls = threading.Event(), []

    async def up():
        await asyncio.to_thread(int)
        calls.append(asyncio.get_running_loop().run_in_executor(None, go_on.wait, A_MINUTE))

    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"), on_startup=up)
    async with TestClient(app, timeout=A_MINUTE) as client:
        await client.connect()
        await client.settle()
        assert not calls[0].done()
        go_on.set()
        await calls[0]


async def test_a_librarys_task_is_left_to_the_library():
    """A task that a handler began in the app's own code is cancelled at the exit, and a library's
    is not.
    """
    sio = socketio.AsyncServer(async_mode="asgi")
    tasks = {}

    async def own():
        await asyncio.Event().wait()

    @sio.event
    async def order(sid):
        tasks["library"] = asyncio.create_task(asyncio.sleep(A_MINUTE))
        tasks["own"] = asyncio.create_task(own())

    async with TestClient(socketio.ASGIApp(sio), timeout=A_MINUTE) as client:
        await client.connect()
        await client.call("order")
    assert tasks["own"].cancelled()
    assert not tasks["library"].done()
    tasks["library"].cancel()


async def test_an_origin_is_that_of_the_task_that_begins_a_call(work):
    """In a context without an origin, the origin is that of the current task's record."""
    assert ORIGIN.get() is None
    work.hook()
    calls = []

    async def begin():
        calls.append(work.loop.run_in_executor(None, int))

    task = asyncio.create_task(begin())
    work.adopt(task, SET_OFF)
    await task
    assert list(work.executor_calls) == calls
    await calls[0]
    work.unhook()


async def test_a_task_that_is_gone_is_over(work):
    task = asyncio.create_task(nothing())
    record = work.adopt(task, SET_OFF)
    assert not record.is_over
    await asyncio.wait([task])
    assert record.is_over
    del task
    await asyncio.sleep(0)
    gc.collect()
    assert record.ref() is None
    assert record.is_over


async def test_a_call_in_a_thread_is_found_behind_a_task_of_the_test(work):
    go_on = threading.Event()
    own = asyncio.create_task(asyncio.Event().wait())
    thread = asyncio.create_task(asyncio.to_thread(go_on.wait, A_MINUTE))
    work.adopt(own, None)
    work.adopt(thread, SET_OFF)
    for _ in range(3):
        await asyncio.sleep(0)
    found = work.outside_work(A_MINUTE)
    go_on.set()
    await thread
    own.cancel()
    await asyncio.wait([own])
    assert len(found) == 1


async def waiting(event):
    await event.wait()


def ends_of_turns(work):
    return [handle for handle in work.loop._ready if handle._callback == work._turn_is_over]


async def test_many_fresh_tasks_are_looked_at_once_in_a_turn(work):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiting(event)) for _ in range(33)]
    records = [work.adopt(task, None) for task in tasks]
    work.note_resting_places()
    work.note_resting_places()
    assert len(ends_of_turns(work)) == 1
    assert work.unnoted
    for _ in range(2):
        await asyncio.sleep(0)
    work.note_resting_places()
    assert all(len(record.resting_places) == 1 for record in records)
    assert not work.unnoted
    event.set()
    await asyncio.wait(tasks)


async def test_a_task_that_is_tracked_in_that_turn_is_looked_at(work):
    event = asyncio.Event()
    rested = asyncio.create_task(waiting(event))
    await asyncio.sleep(0)
    tasks = [asyncio.create_task(waiting(event)) for _ in range(33)]
    for task in tasks:
        work.adopt(task, None)
    work.note_resting_places()
    record = work.adopt(rested, None)
    work.note_resting_places()
    assert record.resting_places
    event.set()
    await asyncio.wait([rested, *tasks])


async def test_few_fresh_tasks_are_looked_at_each_time(work):
    event = asyncio.Event()
    tasks = [asyncio.create_task(waiting(event)) for _ in range(32)]
    for task in tasks:
        work.adopt(task, None)
    work.note_resting_places()
    assert ends_of_turns(work) == []
    event.set()
    await asyncio.wait(tasks)


async def test_nothing_is_unnoted_where_there_are_no_tasks(work):
    work.hook()
    assert work.unnoted
    work.note_resting_places()
    assert not work.unnoted
    work.unhook()
