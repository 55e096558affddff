"""The anyio plugin, on asyncio with and without uvloop."""

import anyio
import pytest
from shared_app import TRANSPORTS, app, converse

from asgi_sio_testclient import TestClient

pytestmark = pytest.mark.anyio


@pytest.fixture(
    params=[("asyncio", {}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
    scope="module",
)
def anyio_backend(request):
    return request.param


@pytest.fixture(params=TRANSPORTS)
async def client(request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest.fixture(scope="module", params=TRANSPORTS)
async def for_module(anyio_backend, request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest.mark.parametrize("repeat", range(2))
async def test_function(client, repeat):
    await converse(client)


@pytest.mark.parametrize("repeat", range(2))
async def test_module(for_module, repeat):
    await converse(for_module)


async def test_in_a_task_group():
    async with anyio.create_task_group() as tasks:
        for transports in TRANSPORTS:
            tasks.start_soon(one_session, transports)


async def test_a_cancel_scope_around_a_wait(client):
    with anyio.move_on_after(0.01) as scope:
        await client.await_event("never")
    assert scope.cancelled_caught
    await converse(client)


async def one_session(transports):
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await converse(client)
