"""The one body for every framework and transport: pytest-asyncio in auto mode."""

import pytest
from frameworks import COMBINATIONS, FRAMEWORKS, IDS, converse

from asgi_sio_testclient import TestClient


@pytest.fixture(params=COMBINATIONS, ids=IDS)
async def client(request):
    name, transports = request.param
    async with TestClient(FRAMEWORKS[name], transports=transports) as client:
        yield client


async def test_pytest_asyncio(client):
    await converse(client)
