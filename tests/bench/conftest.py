"""The app that is measured, and a connected client of it."""

import pytest
from laboratory import laboratory

from asgi_sio_testclient import TestClient


@pytest.fixture
def lab():
    return laboratory()


@pytest.fixture
async def client(lab):
    async with TestClient(lab[0]) as client:
        await client.connect()
        yield client
        lab[1]["over"].set()
