"""Tasks of an app that have ended, or never started."""

import asyncio
import warnings

import engineio
import pytest

from asgi_sio_testclient._server.ended_tasks import ended_before, never_run, note_ended


async def ticker():
    await asyncio.Event().wait()
    return "tick"


async def other():
    await asyncio.Event().wait()


@pytest.fixture
async def tasks():
    """One task of each function, which wait."""
    begun = [asyncio.ensure_future(function()) for function in (ticker, other)]
    await asyncio.sleep(0)
    yield begun
    for task in begun:
        task.cancel()


@pytest.fixture
def eio():
    return engineio.AsyncServer(async_mode="asgi")


async def test_a_task_that_ended_with_the_last_client(eio, tasks):
    note_ended(eio, tasks)
    note_ended(eio, tasks)
    ended = ended_before(eio, [])
    assert [str(task).partition(" (")[0] for task in ended] == ["ticker", "other"]
    assert "test_ended_tasks.py:" in str(ended[0])
    assert ended_before(engineio.AsyncServer(async_mode="asgi"), []) == []


async def test_a_task_that_runs_again_has_not_ended(eio, tasks):
    note_ended(eio, tasks)
    assert [str(task).partition(" (")[0] for task in ended_before(eio, tasks[:1])] == ["other"]


async def test_a_task_that_is_done_did_not_end_with_the_client(eio):
    done = asyncio.ensure_future(asyncio.sleep(0))
    await done
    own = asyncio.ensure_future(done_at_once())
    await own
    note_ended(eio, [done, own])
    assert ended_before(eio, []) == []


async def done_at_once():
    pass


async def test_a_librarys_task_is_none_of_the_apps(eio):
    sleeping = asyncio.ensure_future(asyncio.sleep(60))
    note_ended(eio, [sleeping])
    assert ended_before(eio, []) == []
    sleeping.cancel()


async def test_what_an_ended_task_mentions(eio, tasks):
    note_ended(eio, tasks)
    first, second = ended_before(eio, [])
    assert first.mentions("tick")
    assert not second.mentions("tick")


async def test_a_task_that_was_begun_in_a_loop_that_does_not_run():
    elsewhere = asyncio.new_event_loop()
    task = elsewhere.create_task(ticker())
    assert [str(found).partition(" (")[0] for found in never_run()] == ["ticker"]
    task.cancel()
    with warnings.catch_warnings():
        # The task is cancelled before its coroutine starts.
        warnings.simplefilter("ignore", RuntimeWarning)
        await asyncio.to_thread(run_until_done, elsewhere, task)
    assert never_run() == []


def run_until_done(loop, task):
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
