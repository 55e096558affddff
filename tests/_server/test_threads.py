"""The threads of a threaded server, as the event loop counts and ends them."""

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor

import engineio
import pytest
import socketio

from asgi_sio_testclient import UsageError
from asgi_sio_testclient._server.threads import (
    ServerThreads,
    ShieldedRequests,
    ThreadHandle,
    ThreadRun,
)

A_MINUTE = 60


@pytest.fixture
async def eio():
    return engineio.Server(async_mode="threading")


@pytest.fixture
async def threads(eio):
    return ServerThreads(eio, asyncio.get_running_loop())


def begin(threads, handle, body, *args):
    thread = threading.Thread(target=threads.run, args=(handle, body, *args))
    thread.start()
    return thread


async def ended(handle, thread):
    async with asyncio.timeout(A_MINUTE):
        await handle
    thread.join(A_MINUTE)


async def turn():
    await asyncio.sleep(0)


async def test_a_handle_is_done_when_its_thread_has_ended(threads):
    done = []
    handle = threads.handle()
    await ended(handle, begin(threads, handle, done.append, 1))
    assert done == [1]


async def test_a_request_to_end_is_no_cancellation(threads):
    handle = threads.handle()
    assert handle.cancel() is False
    assert handle.stop.is_set()
    assert not handle.done()
    handle.finish()
    handle.finish()
    assert handle.done()
    assert not handle.cancelled()


async def test_a_thread_ends_in_the_servers_sleep_and_no_handler_catches_that(threads):
    sleeps = threading.Event()
    caught = []

    def body():
        sleeps.set()
        try:
            threads.stoppable_sleep(A_MINUTE)
        except Exception as exc:  # noqa: BLE001 (as a handler may do)
            caught.append(exc)

    handle = threads.handle()
    thread = begin(threads, handle, body)
    await asyncio.to_thread(sleeps.wait, A_MINUTE)
    handle.cancel()
    await ended(handle, thread)
    assert caught == []


async def test_a_sleep_that_is_not_asked_to_end_returns(threads):
    slept = []

    def body():
        threads.stoppable_sleep(0)
        slept.append(handle.sleeps)

    handle = threads.handle()
    await ended(handle, begin(threads, handle, body))
    assert slept == [False]


async def test_other_threads_sleep_as_before(eio):
    slept = []
    eio.sleep = slept.append
    threads = ServerThreads(eio, asyncio.get_running_loop())
    threads.stoppable_sleep(5)
    assert slept == [5]


async def test_the_owner_is_that_of_the_current_thread(threads):
    owner = object()
    threads.owner = owner
    assert threads.owner is owner
    assert await asyncio.to_thread(lambda: threads.owner) is None
    handle = threads.background_handle()
    await turn()
    assert threads.background == {handle: owner}
    threads._ended(handle)
    assert threads.background == {}
    assert handle.done()


async def test_the_thread_that_pings_is_stopped_by_its_connection(threads):
    handle = threads.ping_handle("one")
    await turn()
    assert threads.stop_ping("other") == []
    assert threads.stop_ping("one") == [handle]
    assert handle.stop.is_set()
    assert threads.stop_ping("one") == []


async def test_of_the_apps_threads_those_are_awaited_that_sleep(threads):
    ping, sleeper, busy = (
        threads.ping_handle("one"),
        threads.background_handle(),
        threads.background_handle(),
    )
    await turn()
    sleeper.sleeps = True
    assert threads.stop() == [ping, sleeper]
    assert all(handle.stop.is_set() for handle in (ping, sleeper, busy))
    assert threads.pings == {}
    assert threads.stop() == [sleeper]


async def test_the_service_thread_ends_by_its_own_event(threads, eio):
    assert threads.stop_service() == []
    service = threads.service_handle()
    await turn()
    assert threads.service is service
    eio.service_task_event = threading.Event()
    assert threads.stop_service() == [service]
    assert eio.service_task_event.is_set()
    assert threads.service is None


async def test_a_service_that_has_not_begun_has_no_event(threads, eio):
    threads.service_handle()
    await turn()
    assert eio.service_task_event is None
    (service,) = threads.stop_service()
    assert service.stop.is_set()


async def test_release_asks_all_threads_to_end(threads, eio):
    eio.service_task_event = threading.Event()
    handles = threads.ping_handle("one"), threads.background_handle()
    threads.release()
    assert not eio.service_task_event.is_set()
    threads.service_handle()
    await turn()
    threads.release()
    assert eio.service_task_event.is_set()
    assert all(handle.stop.is_set() for handle in handles)
    assert threads.pings == {}


def test_a_thread_that_ends_after_the_loop_needs_no_count():
    loop = asyncio.new_event_loop()
    threads = ServerThreads(engineio.Server(async_mode="threading"), loop)
    handle = threads.handle()
    loop.close()
    threads.run(handle, int)
    assert not handle.done()


# -- a run in a thread


async def test_a_run_is_outside_of_the_loop_until_it_has_ended():
    reached, go_on = threading.Event(), threading.Event()
    run = ThreadRun(None, None, "order", "/", "sid", None)

    def handler():
        run.begin()
        reached.set()
        go_on.wait(A_MINUTE)

    thread = threading.Thread(target=handler)
    thread.start()
    await asyncio.to_thread(reached.wait, A_MINUTE)
    assert run.waits_outside(None)
    assert not run.awaits_client
    assert "test_threads.py" in run.place
    assert "go_on.wait(A_MINUTE)" in run.place
    run.ended = run.started
    assert not run.waits_outside(None)
    assert not run.awaits_client
    assert run.place == ""
    go_on.set()
    thread.join(A_MINUTE)


async def test_a_run_in_a_call_of_the_server_waits_for_the_client():
    sio = socketio.Server(async_mode="threading")
    run = ThreadRun(None, None, "order", "/", "sid", None)
    reached, go_on = threading.Event(), threading.Event()

    def emit(*args, **options):
        reached.set()
        go_on.wait(A_MINUTE)

    def handler():
        run.begin()
        sio.emit = emit
        with contextlib.suppress(socketio.exceptions.TimeoutError):
            sio.call("question", to="sid", timeout=0)

    thread = threading.Thread(target=handler)
    thread.start()
    await asyncio.to_thread(reached.wait, A_MINUTE)
    assert run.awaits_client
    assert not run.waits_outside(None)
    go_on.set()
    thread.join(A_MINUTE)


# -- requests


class Bridge:
    """An app whose calls end when the test says, in a pool of threads."""

    def __init__(self, workers):
        self.executor = ThreadPoolExecutor(workers)
        self.go_on = asyncio.Event()
        self.ended = []

    async def __call__(self, scope, receive, send):
        await self.go_on.wait()
        self.ended.append(scope)


async def test_a_call_goes_on_when_it_is_cancelled():
    bridge, connection = Bridge(2), object()
    requests = ShieldedRequests(asyncio.get_running_loop())
    call = asyncio.create_task(requests.shield(bridge, connection)("scope", None, None))
    await turn()
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled()
    assert requests.are_made_by(connection)
    assert not requests.are_made_by(None)
    (handle,) = requests.handles()
    assert isinstance(handle, ThreadHandle)
    assert not handle.done()
    bridge.go_on.set()
    async with asyncio.timeout(A_MINUTE):
        await handle
    assert bridge.ended == ["scope"]
    assert not requests.are_made_by(connection)
    assert requests.handles() == []


async def test_each_client_needs_a_thread_and_one_more():
    bridge = Bridge(3)
    requests = ShieldedRequests(asyncio.get_running_loop())
    calls = []
    for connection in (object(), object()):
        shielded = requests.shield(bridge, connection)
        calls += [asyncio.create_task(shielded("scope", None, None)) for _ in range(2)]
        await turn()
    with pytest.raises(UsageError, match="has 3 threads, 2 of them wait in a long poll") as caught:
        requests.shield(bridge, object())
    assert "WSGIMiddleware(app, workers=6)" in str(caught.value)
    bridge.go_on.set()
    await asyncio.gather(*calls)
    requests.shield(bridge, object())


async def test_an_app_without_a_pool_has_no_limit():
    async def app(scope, receive, send):
        """Never called."""

    requests = ShieldedRequests(asyncio.get_running_loop())
    for _ in range(3):
        requests.shield(app, object())
