"""The tasks of a server: how its service task ends."""

import asyncio

import engineio
import pytest

from asgi_sio_testclient._server.tasks import ServerTasks


@pytest.mark.parametrize("has_begun", [False, True])
async def test_the_service_task_ends(has_begun):
    eio = engineio.AsyncServer(async_mode="asgi")
    tasks = ServerTasks(eio, None)
    tasks.service = eio.start_background_task(eio._service_task)
    if has_begun:
        await asyncio.sleep(0)
    (service,) = tasks.stop_service()
    async with asyncio.timeout(60):
        await asyncio.wait([service])
    # A service task that has started ends by its event; one that has not can only be cancelled.
    assert service.cancelled() is not has_begun
    assert tasks.service is None
    assert eio.service_task_event is None


@pytest.mark.parametrize("began_here", [True, False])
def test_the_server_begins_its_service_anew_if_that_ran_in_this_loop(began_here):
    eio = engineio.AsyncServer(async_mode="asgi")
    eio.start_service_task = False  # as after the first connection
    tasks = ServerTasks(eio, None)
    tasks.service = object() if began_here else None
    tasks.reset()
    assert tasks.service is None
    assert eio.start_service_task is began_here


@pytest.mark.parametrize(("connections", "is_own"), [(1, True), (2, False)])
async def test_a_service_task_that_began_before_is_that_of_the_only_connection(connections, is_own):
    eio = engineio.AsyncServer(async_mode="asgi")
    service = eio.start_background_task(eio._service_task)
    await asyncio.sleep(0)
    eio.sockets = dict.fromkeys(range(connections))
    tasks = ServerTasks(eio, None)
    tasks.track_started()
    assert (tasks.service is service) is is_own
    service.cancel()
    await asyncio.wait([service])
