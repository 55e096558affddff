"""The text that says where a task is suspended."""

import asyncio
import concurrent.futures
import contextlib

import anyio

from asgi_sio_testclient._waiting.suspended import (
    WaitsFor,
    _is_chained,
    suspended_at,
    suspension_of,
)


@contextlib.asynccontextmanager
async def suspended(coroutine):
    task = asyncio.ensure_future(coroutine)
    for _ in range(3):
        await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=60)


async def forever():
    await asyncio.Event().wait()  # here


async def outer():
    await forever()


async def numbers():
    yield 1
    await asyncio.Event().wait()  # in the generator


async def reads_numbers():
    async for _ in numbers():
        pass


async def test_the_innermost_frame_outside_of_libraries_is_named():
    line = forever.__code__.co_firstlineno + 1
    async with suspended(outer()) as task:
        assert suspended_at(task) == (
            f"test_suspended.py:{line} in forever: await asyncio.Event().wait()  # here"
        )


async def test_a_frame_is_found_through_an_async_generator():
    async with suspended(reads_numbers()) as task:
        assert "in numbers: await asyncio.Event().wait()  # in the generator" in suspended_at(task)


async def test_a_task_that_only_runs_a_library_has_no_place():
    async with suspended(asyncio.sleep(60)) as task:
        assert suspended_at(task) == ""


async def test_a_task_that_is_over_has_no_place():
    task = asyncio.ensure_future(asyncio.sleep(0))
    await task
    assert suspended_at(task) == ""


async def test_a_task_that_reads_a_socket_of_anyios_waits_for_the_outside():
    """The innermost frame waits for an asyncio.Event, in anyio's code."""

    async def serve(stream):
        async with stream:
            await anyio.sleep_forever()

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, serve)
            async with (
                await anyio.connect_tcp("127.0.0.1", port) as stream,
                suspended(stream.receive()) as task,
            ):
                at = suspension_of(task, task._fut_waiter, ())
                assert at.waits_for is WaitsFor.OUTSIDE
            group.cancel_scope.cancel()


async def test_a_future_that_stands_for_one_of_a_thread():
    loop, of_thread = asyncio.get_running_loop(), concurrent.futures.Future()
    plain, wrapped = loop.create_future(), asyncio.wrap_future(of_thread)
    plain.add_done_callback(print)
    assert _is_chained(wrapped)
    assert not _is_chained(plain)
    assert not _is_chained(loop.create_future())
    of_thread.cancel()
    plain.cancel()
    await asyncio.wait([wrapped, plain])
