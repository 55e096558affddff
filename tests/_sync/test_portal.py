"""The thread and event loop of sync clients: who shares it, and how a call in it ends."""

import asyncio
import contextvars
import signal
import sys
import threading
import time
import types
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import socketio
from apps import lab
from asgiref.sync import sync_to_async
from sync_apps import answer, portal_threads

from asgi_sio_testclient import SyncTestClient
from asgi_sio_testclient._sync.portal import _Call, _loop_of, _TestThreadExecutor

WAIT = 60.0


# -- several clients, one loop


def test_clones_share_the_loop(client):
    before = portal_threads()
    with client.clone() as other:
        other.connect()
        assert portal_threads() == before
        client.emit("shout", "all")
        assert other.await_event("shout").data == "all"
    third = client.clone()
    assert type(third) is SyncTestClient
    third.connect()
    assert third.call("echo", 3) == 3


def test_two_clients_of_one_app_share_the_loop(built):
    first, second = SyncTestClient(built.app, lifespan=False), SyncTestClient(built.app)
    with first:
        first.connect()
        with second:
            second.connect()
            assert len(portal_threads()) == 1
            first.emit("shout", "all")
            assert second.await_event("shout").data == "all"
        # The loop runs until both clients have ended.
        assert first.await_event("shout").data == "all"
    assert not portal_threads()


def test_overlapping_clients(built):
    first, second = SyncTestClient(built.app), SyncTestClient(built.app)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.connect()
    assert second.call("echo", 1) == 1
    second.__exit__(None, None, None)
    assert not portal_threads()


def test_clients_in_several_threads(built):
    results = []

    def user(number):
        with SyncTestClient(built.app, lifespan=False) as client:
            client.connect()
            results.append(client.call("echo", number))

    with SyncTestClient(built.app):
        threads = [threading.Thread(target=user, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
    assert sorted(results) == list(range(8))
    assert not portal_threads()


@pytest.mark.slow
def test_the_last_one_leaves_while_the_next_one_enters(built):
    def user(number):
        with SyncTestClient(built.app, lifespan=False) as client:
            return client.connect().call("echo", number)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(user, range(40), timeout=WAIT)) == list(range(40))
    assert not portal_threads()


def test_again_with_the_same_client(built):
    client = SyncTestClient(built.app)
    for number in range(3):
        with client:
            client.connect()
            assert client.call("echo", number) == number
        assert not portal_threads()


async def nothing():
    """A call without a result."""


@contextmanager
def running_loop():
    """An event loop that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT)
        loop.close()


def test_a_call_ends_with_the_loop(built):
    """A call of another thread, which the loop has not started when the last client ends."""
    loop = _loop_of(built.app)
    loop.acquire()
    call, ended = _Call(loop._event_loop, nothing, ()), threading.Event()
    call._wake = ended.set
    loop._calls.add(call)
    loop.release()
    assert ended.is_set()
    assert isinstance(call.error, CancelledError)
    call.cancel()
    with pytest.raises(RuntimeError, match="closed"):
        call.start(ended.set)


def test_a_cancelled_call_raises_here(client):
    async def cancel_this_call():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(CancelledError):
        client._loop.run(cancel_this_call)
    assert client.call("echo", 1) == 1


def test_a_call_runs_in_a_copy_of_the_tests_context(client):
    variable = contextvars.ContextVar("variable", default="")

    async def change():
        before = variable.get()
        variable.set("the loop's")
        return before

    variable.set("the test's")
    assert client._loop.run(change) == "the test's"
    assert variable.get() == "the test's"


# -- misuse


def test_two_apps_have_a_loop_each(client):
    with SyncTestClient(lab().app) as other:
        other.connect()
        assert len(portal_threads()) == 2
        assert (client.call("echo", 1), other.call("echo", 2)) == (1, 2)
    assert client.call("echo", 3) == 3


# -- where it is used


def test_in_a_thread_whose_loop_runs(built):
    async def cell():
        with SyncTestClient(built.app) as client:
            client.connect()
            return client.call("echo", "notebook")

    assert asyncio.run(cell()) == "notebook"


def wait_for_ever(app, timer):
    with SyncTestClient(app) as client:
        client.connect()
        timer.start()
        client.await_event("never", timeout=60)


@pytest.mark.slow
def test_ctrl_c_ends_a_wait(built):
    """A signal that the main thread gets while it waits, as by Ctrl-C."""
    started = time.monotonic()

    def press():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.1, press)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_for_ever(built.app, timer)
    finally:
        signal.signal(signal.SIGINT, previous)
        timer.join()
    assert time.monotonic() - started < WAIT
    assert not portal_threads()
    built.assert_released()


def test_an_interrupted_wait_leaves_the_client_usable(client):
    """An exception of a signal handler in the main thread, as with pytest-timeout's
    signal method.
    """

    class Late(Exception):
        pass

    def alarm(*_):
        raise Late

    previous = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Late):
            client.await_event("never", timeout=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    client.emit("reply", "after")
    assert client.await_event("reply").data == "after"


@pytest.fixture
def threads_app(monkeypatch):
    """An app that works in threads by sync_to_async, with Django imported."""
    monkeypatch.setitem(sys.modules, "django.db", types.ModuleType("django.db"))
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def where(sid):
        return await sync_to_async(lambda: threading.current_thread().name)()

    @sio.event
    async def fail(sid):
        await sync_to_async(lambda: 1 / 0)()

    return socketio.ASGIApp(sio)


def test_beside_django_sync_code_runs_in_the_tests_thread(threads_app, transports):
    here = threading.current_thread().name
    with SyncTestClient(threads_app, transports=transports) as client:
        client.connect()
        assert client.call("where") == here
        client.emit("where")
        client.settle()
        with pytest.raises(ZeroDivisionError):
            client.call("fail")
        with client.session():
            assert client.clone().connect().call("where") == here


def test_beside_django_another_thread_may_call_too(threads_app):
    """The app's code needs the test's thread, which only calls the client here."""
    with SyncTestClient(threads_app) as client, ThreadPoolExecutor(1) as pool:
        client.connect()
        elsewhere = pool.submit(client.call, "where")
        while not elsewhere.done():
            client.settle()
        assert elsewhere.result() == threading.current_thread().name


def test_beside_django_what_was_cancelled_is_not_begun():
    thread, begun = _TestThreadExecutor(), []
    assert thread.submit(begun.append, 1).cancel()
    thread.submit(begun.append, 2)
    with running_loop() as loop:
        thread.work_until_ended(_Call(loop, nothing, ()))
    assert begun == [2]


def test_beside_django_a_call_is_not_ended_by_one_that_was_interrupted():
    thread = _TestThreadExecutor()
    thread._work.put(None)  # the end of another call
    with running_loop() as loop:
        call = _Call(loop, answer, (42,))
        thread.work_until_ended(call)
    assert call.result == 42


def test_beside_django_in_a_notebook_sync_code_stays_out_of_the_loops_thread(threads_app):
    async def cell():
        with SyncTestClient(threads_app) as client:
            return client.connect().call("where")

    assert asyncio.run(cell()) != threading.current_thread().name


def test_leaves_no_thread(client):
    assert len(portal_threads()) == 1
