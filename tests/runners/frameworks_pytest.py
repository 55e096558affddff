"""The same test for every framework and transport: pytest-asyncio, anyio's plugin, plain functions,
this library's own fixtures, pytest-benchmark.
"""

import pytest
from frameworks import FRAMEWORKS, converse, converse_sync, parametrize

from asgi_sio_testclient import SyncTestClient, TestClient


def each_framework(runner):
    return parametrize(("framework", "sio_transports"), runner)


@pytest.fixture
def sio_app(framework):
    return FRAMEWORKS[framework]


@each_framework(0)
@pytest.mark.asyncio
async def test_pytest_asyncio(sio_app, sio_transports):
    async with TestClient(sio_app, transports=sio_transports) as client:
        await converse(client)


@pytest.fixture
async def anyios_client(anyio_backend, sio_app, sio_transports):
    async with TestClient(sio_app, transports=sio_transports) as client:
        yield client


@each_framework(1)
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_anyio(anyios_client):
    await converse(anyios_client)


@each_framework(2)
def test_plain_function(sio_app, sio_transports):
    with SyncTestClient(sio_app, transports=sio_transports) as client:
        converse_sync(client)


@pytest.mark.sio(connect=False)
class TestFixtures:
    @each_framework(3)
    @pytest.mark.asyncio
    async def test_async(self, sio_client):
        await converse(sio_client)

    @each_framework(4)
    def test_sync(self, sio_sync_client):
        converse_sync(sio_sync_client)


@each_framework(5)
def test_benchmark(benchmark, sio_app, sio_transports):
    def converse_once():
        with SyncTestClient(sio_app, transports=sio_transports) as client:
            converse_sync(client)

    benchmark.pedantic(converse_once)
