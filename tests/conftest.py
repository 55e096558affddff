"""What the whole suite shares: the three ways to connect, and the proof that nothing is left."""

import asyncio
import gc
import importlib
import os
import pkgutil
import sys
import threading
from contextlib import contextmanager

import pytest
from hypothesis import settings

# The same examples on every run, as many as a change has time for; any others on demand.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))
TRANSPORT_IDS = ("websocket", "polling", "upgrade")


# -- the coverage tool's tracer doubles the time of whatever runs under it, ours or not

TRACERS = sys.gettrace(), threading.gettrace()

# They run long, and go through code that the tests of that code have shown already: many clients,
# many rounds, whole programs. `coverage report` would tell if one showed something of its own.
UNTRACED = {
    *("test_benchmarks", "test_docs", "test_fidelity", "test_runners", "test_scenarios"),
    *("test_settle", "test_soak", "test_stateful"),
}


def trace(of_this_thread, of_new_threads):
    sys.settrace(of_this_thread)
    threading.settrace(of_new_threads)


if any(TRACERS):
    # Seen while they are imported: nobody sees that again.
    package = importlib.import_module("asgi_sio_testclient")
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    # What pytest does between the tests, collecting them above all, is no affair of coverage.
    trace(None, None)


@contextmanager
def traced(item):
    """Trace a phase of a test, and the processes that it starts, unless others do."""
    if item.path.stem in UNTRACED:
        with pytest.MonkeyPatch.context() as environment:
            environment.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
            yield
        return
    trace(*TRACERS)
    try:
        yield
    finally:
        trace(None, None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    with traced(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item):
    with traced(item):
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item):
    with traced(item):
        return (yield)


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
