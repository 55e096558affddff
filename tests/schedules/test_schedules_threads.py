"""The threads of a run: which threads are busy, and a thread that does not end."""

import asyncio
import queue
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from one_run import outcome_of

from asgi_sio_testclient import UsageError
from asgi_sio_testclient.schedules import NotRepeatable, _threads, explore


def test_a_thread_that_does_not_end(monkeypatch):
    monkeypatch.setattr(_threads, "_STUCK", 0.05)
    release = socket.socketpair()

    async def scenario():
        await asyncio.to_thread(release[0].recv, 1)

    with pytest.raises(UsageError, match="a thread does not end"):
        raise outcome_of(scenario).error
    release[1].send(b"x")
    for end in release:
        end.close()


def test_a_callback_of_a_thread_that_was_taken_back():
    async def scenario():
        loop = asyncio.get_running_loop()

        def work():
            loop.call_soon_threadsafe(print, "it is not called").cancel()

        await asyncio.to_thread(work)

    assert outcome_of(scenario).error is None


def test_a_thread_whose_frames_are_gone_may_be_at_work():
    assert _threads._works(None)


def test_a_thread_that_waits_for_work_is_idle():
    work = queue.SimpleQueue(), queue.Queue()
    thread = threading.Thread(target=lambda: (work[0].get(), work[1].get()))
    thread.start()
    assert _threads._works(sys._current_frames()[thread.ident])
    work[0].put(None)
    until = time.perf_counter() + 60
    while _threads._works(sys._current_frames()[thread.ident]) and time.perf_counter() < until:
        thread.join(0.001)
    assert not _threads._works(sys._current_frames()[thread.ident])
    work[1].put(None)
    thread.join()


def test_a_worker_without_a_call_is_idle():
    with ThreadPoolExecutor(1) as executor:
        executor.submit(int).result()
        (thread,) = executor._threads
        until = time.perf_counter() + 60
        while _threads._works(sys._current_frames()[thread.ident]) and time.perf_counter() < until:
            thread.join(0.001)
        assert not _threads._works(sys._current_frames()[thread.ident])


def test_calls_in_threads_run_one_at_a_time():
    async def scenario():
        seen = []
        await asyncio.gather(*(asyncio.to_thread(seen.append, number) for number in range(5)))
        assert seen == [0, 1, 2, 3, 4]

    assert explore(scenario, runs=2).failure is None


def test_an_executor_of_the_apps_own():
    async def scenario():
        with ThreadPoolExecutor(1) as executor:
            assert await asyncio.get_running_loop().run_in_executor(executor, sum, (1, 2)) == 3

    assert explore(scenario, runs=2).failure is None


def test_a_thread_that_answers_by_itself_is_named():
    async def scenario():
        loop = asyncio.get_running_loop()
        answer = loop.create_future()

        def work():
            loop.call_soon_threadsafe(answer.set_result, 7)

        thread = threading.Thread(target=work, name="database")
        thread.start()
        assert await answer == 7
        thread.join()

    found = explore(scenario, runs=1)
    assert found.remarks == [
        "threads call back into the loop by themselves (database): that order is not explored"
    ]


@pytest.mark.slow
def test_a_thread_that_works_on_holds_the_clock_for_a_moment_only():
    done = threading.Event()

    async def scenario():
        thread = threading.Thread(target=done.wait, args=(30,))
        thread.start()
        await asyncio.sleep(100)

    try:
        assert explore(scenario, runs=0).points == 1
    finally:
        done.set()


def test_threads_that_answer_differently_are_named():
    calls = []

    async def scenario():
        calls.append(1)
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        thread = threading.Thread(
            target=loop.call_soon_threadsafe, args=(answer.set_result, len(calls)), name="database"
        )
        thread.start()
        for _ in range(await answer):
            await asyncio.sleep(0)
        thread.join()

    with pytest.raises(NotRepeatable, match=r"A thread calls back into the loop .*\(database\)"):
        explore(scenario)
