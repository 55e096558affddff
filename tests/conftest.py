"""What the whole suite shares: the three ways to connect, and the proof that nothing is left."""

import asyncio
import gc
import os

import pytest
from hypothesis import settings

# The same examples on every run, as many as a change has time for; any others on demand.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))
TRANSPORT_IDS = ("websocket", "polling", "upgrade")


def pytest_collection_finish():
    """Spare every later collection what is there for good: all that was imported."""
    gc.collect()
    gc.freeze()


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
