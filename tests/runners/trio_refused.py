"""Under trio, entering a client raises an error that says so."""

import pytest
from shared_app import app

from asgi_sio_testclient import TestClient

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "trio"


async def test_entering_says_that_it_is_asyncio_only():
    with pytest.raises(RuntimeError, match="asyncio"):
        async with TestClient(app):
            raise AssertionError("the block must not run")
