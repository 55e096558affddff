"""What the whole suite shares: the three ways to connect, and the proof that nothing is left."""

import asyncio

import pytest

TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))
TRANSPORT_IDS = ("websocket", "polling", "upgrade")


@pytest.fixture(params=TRANSPORTS, ids=TRANSPORT_IDS)
def transports(request):
    return request.param


@pytest.fixture
async def nothing_left():
    """Fails a test whose clients are closed but whose loop still runs something."""
    before = asyncio.all_tasks()
    yield
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, [task.get_coro() for task in left]
