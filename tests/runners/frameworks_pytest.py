"""The one body for every framework and transport: pytest-asyncio, anyio's plugin, plain functions,
this library's own fixtures, pytest-benchmark.
"""

import pytest
from frameworks import COMBINATIONS, FRAMEWORKS, IDS, converse, converse_sync

from asgi_sio_testclient import SyncTestClient, TestClient


@pytest.fixture(params=COMBINATIONS, ids=IDS)
def combination(request):
    return request.param


@pytest.fixture
def sio_app(combination):
    return FRAMEWORKS[combination[0]]


@pytest.fixture
def sio_transports(combination):
    return combination[1]


@pytest.mark.asyncio
async def test_pytest_asyncio(sio_app, sio_transports):
    async with TestClient(sio_app, transports=sio_transports) as client:
        await converse(client)


@pytest.fixture
async def anyios_client(anyio_backend, sio_app, sio_transports):
    async with TestClient(sio_app, transports=sio_transports) as client:
        yield client


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(anyios_client):
    await converse(anyios_client)


def test_plain_function(sio_app, sio_transports):
    with SyncTestClient(sio_app, transports=sio_transports) as client:
        converse_sync(client)


@pytest.mark.sio(connect=False)
class TestFixtures:
    @pytest.mark.asyncio
    async def test_async(self, sio_client):
        await converse(sio_client)

    def test_sync(self, sio_sync_client):
        converse_sync(sio_sync_client)


def test_benchmark(benchmark, sio_app, sio_transports):
    def converse_once():
        with SyncTestClient(sio_app, transports=sio_transports) as client:
            converse_sync(client)

    benchmark.pedantic(converse_once)
