"""pytest-benchmark's table, histograms and `--benchmark-compare` for the calls of a client.

Each call passes through the thread of the event loop, which adds some tens of microseconds. This is
the same for all calls, and so does not affect comparisons.
"""

import pytest
import socketio

from asgi_sio_testclient import SyncTestClient

pytest.importorskip("pytest_benchmark")

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def add(sid, a, b):
    return a + b


@pytest.fixture
def client():
    with SyncTestClient(app) as client:
        client.connect()
        yield client


def test_a_call(benchmark, client):
    assert benchmark.pedantic(client.call, args=("add", 1, 2), rounds=50, warmup_rounds=5) == 3


def test_the_handlers_part_beside_it(benchmark, client):
    benchmark.pedantic(client.call, args=("add", 1, 2), rounds=50)

    runs = [run for run in client.transcript.handlers if run.event == "add"]
    benchmark.extra_info["handler_ms"] = [run.duration * 1000 for run in runs]
    assert len(runs) == 50
