"""What the whole suite shares: the three ways to connect, and the proof that nothing is left."""

import asyncio
import contextlib
import gc
import importlib
import os
import pkgutil
import signal
import sys
import threading
from contextlib import contextmanager

import idle_clock
import pytest
from hypothesis import given, settings
from hypothesis.strategies import text

import asgi_sio_testclient

# The same examples on every run, as many as a change has time for; any others on demand.
settings.register_profile("quick", derandomize=True, deadline=None, max_examples=30)
settings.register_profile("thorough", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# A shell ignores Ctrl-C in what it runs in the background, and so would the processes that tests
# start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def import_the_package(path, name):
    """Import every module whose extra is installed, but for Locust's, which patches socket and
    threading: its tests import it in processes of their own.
    """
    for module in pkgutil.iter_modules(path, f"{name}."):
        if module.name == "asgi_sio_testclient.locust":
            continue
        with contextlib.suppress(ModuleNotFoundError):
            imported = importlib.import_module(module.name)
            if module.ispkg:
                import_the_package(imported.__path__, module.name)


# pytester removes the modules that an inner run imported. numpy can't be loaded twice, and of this
# package each class would be two, one that is raised and one that is caught.
with contextlib.suppress(ImportError):
    importlib.import_module("numpy")
# Seen by the coverage tool as well, while they are imported: nobody sees that again.
import_the_package(asgi_sio_testclient.__path__, asgi_sio_testclient.__name__)

TRANSPORTS = (("websocket",), ("polling",), ("polling", "websocket"))
TRANSPORT_IDS = ("websocket", "polling", "upgrade")


# -- what a run without arguments leaves out; `markers` in pyproject.toml says what the marks mean


def pytest_configure(config):
    """Leave the tests out that are marked `slow` or `proof`, unless the command line selects tests:
    by a path, a name, or a mark. The workers of xdist get the same option.
    """
    option = config.option
    selects = config.args_source is config.ArgsSource.ARGS or option.markexpr or option.keyword
    if not selects:
        option.markexpr = "not slow and not proof"


# -- the coverage tool's tracer doubles the time of whatever runs under it, ours or not

TRACERS = sys.gettrace(), threading.gettrace()

# They run long, and go through code that the tests of that code have shown already. `coverage
# report` would tell if one showed something of its own. Proofs are not traced either.
UNTRACED = (
    "tests/_cli/test_bench_cli.py::test_a_real_terminal",
    "tests/_cli/test_cli.py::TestAsAProcess::test_an_entry_point",
    "tests/_cli/test_cli.py::TestDemo::test_colour_on_a_real_terminal",
    "tests/_cli/test_cli.py::TestDemo::test_needs_nothing",
    "tests/_sync/test_sync.py::test_in_a_repl",
    "tests/behaviour/test_flask_socketio.py::test_the_process_ends",
    "tests/behaviour/test_runners.py",
    "tests/behaviour/test_scenarios.py",
    "tests/behaviour/test_settle.py",
    "tests/behaviour/test_soak.py",
    "tests/behaviour/test_stateful.py",
    "tests/fidelity/",
    "tests/schedules/test_programs.py",
    "tests/test_benchmarks.py",
    "tests/test_docs.py",
    "tests/test_project.py",
    "tests/test_pytest_plugin.py::test_it_imports_nothing",
)


def trace(of_this_thread, of_new_threads):
    sys.settrace(of_this_thread)
    threading.settrace(of_new_threads)


if any(TRACERS):
    # What pytest does between the tests, collecting them above all, is no affair of coverage.
    trace(None, None)


@given(text())
@settings(max_examples=5, database=None)
def draw_something(_):
    """Hypothesis looks at all of Unicode at its first text: under a tracer that takes seconds."""


@contextmanager
def traced(item):
    """Trace a phase of a test, and the processes that it starts, unless others do."""
    if item.get_closest_marker("proof") or item.nodeid.startswith(UNTRACED):
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
    # Not earlier: pytest-timeout may have started a thread for this test.
    idle_clock.outside.begin()
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
    if any(TRACERS):
        draw_something()
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """The clock of the test's loops; and the same after each module, for what its tests have
    imported.
    """
    real = item.get_closest_marker("real_clock")
    with contextlib.nullcontext() if real else idle_clock.installed():
        result = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return result


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
