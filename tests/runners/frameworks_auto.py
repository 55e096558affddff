"""The same test for every framework and transport: pytest-asyncio in auto mode."""

import pytest
from frameworks import FRAMEWORKS, converse, pairwise

from asgi_sio_testclient import TestClient


@pytest.fixture(params=pairwise(6), ids=str)
async def client(request):
    name, transports = request.param
    async with TestClient(FRAMEWORKS[name], transports=transports) as client:
        yield client


async def test_pytest_asyncio(client):
    await converse(client)
