"""pytest-asyncio in strict mode: every test and fixture is marked."""

import pytest
import pytest_asyncio
from shared_app import TRANSPORTS, app, converse

from asgi_sio_testclient import TestClient


@pytest_asyncio.fixture(params=TRANSPORTS)
async def client(request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=TRANSPORTS)
async def for_module(request):
    async with TestClient(app, transports=request.param) as client:
        await client.connect()
        yield client


@pytest.mark.asyncio
@pytest.mark.parametrize("repeat", range(2))
async def test_function(client, repeat):
    await converse(client)


@pytest.mark.asyncio(loop_scope="module")
class TestInAClass:
    async def test_one(self, for_module):
        await converse(for_module)

    async def test_two(self, for_module):
        await converse(for_module)
