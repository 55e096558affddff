"""pytest-asyncio in auto mode: fixtures and tests on function, class, module and session loops."""

import asyncio

import pytest
import pytest_asyncio
from shared_app import TRANSPORTS, app, converse, sio

from asgi_sio_testclient import TestClient


@pytest.fixture(params=TRANSPORTS)
def transports(request):
    return request.param


@pytest.fixture
async def plain(transports):
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=TRANSPORTS)
async def for_module(request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest_asyncio.fixture(loop_scope="session", scope="session", params=TRANSPORTS)
async def for_session(request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest_asyncio.fixture(loop_scope="session", scope="function")
async def function_scoped_on_the_session_loop(transports):
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        yield client


@pytest.fixture
async def entered_only():
    async with TestClient(app) as client:
        yield client


@pytest.fixture
async def factory():
    async with TestClient(app) as first:

        async def connected():
            return await first.clone().connect()

        yield connected


@pytest.mark.parametrize("repeat", range(2))
async def test_function_fixture(plain, repeat):
    await converse(plain)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("repeat", range(2))
async def test_module_fixture(for_module, repeat):
    await converse(for_module)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("repeat", range(2))
async def test_session_fixture(for_session, repeat):
    await converse(for_session)


@pytest.mark.asyncio(loop_scope="session")
async def test_function_fixture_on_the_session_loop(function_scoped_on_the_session_loop):
    await converse(function_scoped_on_the_session_loop)


async def test_connecting_in_the_test(entered_only):
    await entered_only.connect()
    await converse(entered_only)


async def test_a_factory(factory):
    ann, bob = await factory(), await factory()
    await asyncio.gather(converse(ann), converse(bob))


async def test_without_a_fixture(transports):
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await converse(client)


async def test_a_fixture_is_used_from_another_task(plain):
    await asyncio.create_task(converse(plain))


def test_a_sync_test_between():
    assert sio.manager is not None
