"""`explored` in a separate pytest run: under each plugin, with options, fixtures and the cache."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PLUGIN = (
    *("-W", "error", "-p", "asgi_sio_testclient.pytest_plugin"),
    # Other tests of this process have imported the plugin already.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
ANYIO = ("-p", "anyio.pytest_plugin")
RUNNERS = {
    "strict": (*ASYNCIO, "--asyncio-mode=strict"),
    "auto": (*ASYNCIO, "--asyncio-mode=auto"),
    "anyio": ANYIO,
    "none": (),
}

TESTS = """
import unittest

import pytest
from booking import build, two_book

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.schedules import explored

runs = []


@explored
async def test_racy():
    runs.append(1)
    await two_book(build())


@explored(runs=5, seed=1, io=("booking.py",))
async def test_fixed():
    await two_book(build(fixed=True))


class TestMethods:
    @explored(5)
    async def test_fixed(self):
        assert isinstance(self, TestMethods)
        await two_book(build(fixed=True))


class Unittest(unittest.TestCase):
    @explored(runs=5)
    async def test_fixed(self):
        self.assertIsNone(await two_book(build(fixed=True)))


class AsyncUnittest(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.ready = True

    @explored(runs=5)
    async def test_fixed(self):
        self.assertTrue(self.ready)
        await two_book(build(fixed=True))
"""


@pytest.fixture(autouse=True)
def only_these_plugins(monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@pytest.fixture
def run(pytester):
    def run_tests(*args, **files):
        if files:
            pytester.makepyfile(**files)
        return pytester.runpytest_inprocess(*PLUGIN, *args)

    return run_tests


@pytest.mark.parametrize(
    ("runner", "mark"),
    [
        ("auto", ""),
        *(
            pytest.param(runner, mark, marks=pytest.mark.slow)
            for runner, mark in [("none", ""), ("strict", "asyncio"), ("anyio", "anyio")]
        ),
        *(
            pytest.param(runner, mark, marks=pytest.mark.proof)
            for runner, mark in [
                ("none", "anyio"),
                ("strict", ""),
                ("auto", "asyncio"),
                ("anyio", ""),
            ]
        ),
    ],
)
def test_under_each_plugin(run, runner, mark):
    marked = mark and f"pytestmark = pytest.mark.{mark}\n"
    tests = TESTS.replace("runs = []", f"runs = []\n{marked}")

    result = run(*RUNNERS[runner], "-W", "ignore::pytest.PytestUnknownMarkWarning", test_it=tests)

    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["E * AssertionError: sold 2 times", 'E * replay: replay(test_racy, "*")']
    )


def failing_code(result):
    return re.search(r'replay\(test_racy, "([\w-]+)"\)', result.stdout.str())[1]


ONE = """
from booking import build, two_book

from asgi_sio_testclient.schedules import explored


@explored
async def test_racy():
    await two_book(build())
"""


@pytest.mark.slow
def test_the_number_of_runs(run):
    run("--sio-explore=0", test_it=ONE).assert_outcomes(passed=1)
    run("--sio-explore=1").assert_outcomes(passed=1)
    for wrong in ("-1", "many"):
        refused = run(f"--sio-explore={wrong}").stderr
        refused.fnmatch_lines([f"*--sio-explore: expected a number, 0 or more, not '{wrong}'"])
    run("--sio-explore=50").stdout.fnmatch_lines(["E * found in run * of 50: *"])


@pytest.mark.slow
def test_a_code_is_replayed(run):
    code = failing_code(run(test_it=ONE))

    result = run(f"--sio-schedule={code}")

    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*found in run*")
    fixed = ONE.replace("build()", "build(fixed=True)")
    run(f"--sio-schedule={code}", test_it=fixed).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_last_failure_is_tried_first(run):
    first = run(test_it=ONE)
    first.stdout.fnmatch_lines(["E * found in run * of 200: *"])

    run("--sio-explore=0").assert_outcomes(passed=1)
    again = run("--sio-explore=1")

    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["E * found by the schedule of the last failure: 1 hold"])
    assert failing_code(again) == failing_code(first)

    run("-p", "no:cacheprovider", "--sio-explore=1").assert_outcomes(passed=1)
    fixed = ONE.replace("build()", "build(fixed=True)")
    run("--sio-explore=3", test_it=fixed).assert_outcomes(passed=1)
    run("--sio-explore=1", test_it=ONE).assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_kept_code_of_another_io_is_not_tried(run):
    run(test_it=ONE).assert_outcomes(failed=1)
    other = ONE.replace("@explored", "@explored(runs=1, io='booking.py')")
    run(test_it=other).assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_kept_code_that_is_none_is_not_tried(run, pytester):
    run(test_it=ONE).assert_outcomes(failed=1)
    (kept,) = (pytester.path / ".pytest_cache" / "v" / "sio" / "schedules").iterdir()
    kept.write_text('"nonsense"')
    run("--sio-explore=1").assert_outcomes(passed=1)


@pytest.mark.slow
def test_transcripts_are_those_of_the_last_run(run):
    result = run(test_it=ONE)
    result.stdout.fnmatch_lines(["*Socket.IO transcript of client1*", "*transcript of client2*"])
    assert result.stdout.str().count("Socket.IO transcript of") == 2

    shown = run(
        "--sio-transcript", "--sio-explore=3", test_it=ONE.replace("build()", "build(fixed=True)")
    )
    shown.assert_outcomes(passed=1)
    assert shown.stdout.str().count("Socket.IO transcript of") == 2


FIXTURES = """
import pytest
from booking import build, two_book

from asgi_sio_testclient.schedules import explored


@pytest.fixture
def seats():
    return 1


@pytest.mark.parametrize("users", [2, 1])
@explored
async def test_arguments(users, seats):
    app = build(fixed=users == seats)
    await two_book(app)
"""


@pytest.mark.slow
def test_sync_fixtures_are_kept(run):
    result = run(test_it=FIXTURES)
    result.assert_outcomes(passed=1, failed=1)
    code = re.search(
        r"replay: pytest 'test_it.py::test_arguments\[2\]' --sio-schedule=([\w-]+)",
        result.stdout.str(),
    )[1]
    replayed = run("test_it.py::test_arguments[2]", f"--sio-schedule={code}")
    replayed.assert_outcomes(failed=1)


ASYNC_FIXTURES = """
import pytest
from booking import build, two_book

from asgi_sio_testclient.schedules import explored


@pytest.fixture
async def database():
    yield 1


@pytest.fixture
def seats(database, request, seats_of_a_conftest=1):
    return 1


@explored
async def test_arguments(seats):
    raise AssertionError("it is not called")


@pytest.fixture
def sio_app():
    return build()


@explored
async def test_client(sio_client):
    raise AssertionError("it is not called")
"""


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS)
def test_async_fixtures_are_refused(run, runner):
    result = run(*RUNNERS[runner], test_it=ASYNC_FIXTURES)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        [
            "E * async fixture 'database' of an explored test: it belongs to another event loop*",
            "*sio_client in an explored test: each run has an event loop of its own*",
        ]
    )


@pytest.mark.slow
def test_what_could_not_be_seen_is_said_after_the_run(run):
    blind = """
        import socketio
        from asgi_sio_testclient import TestClient
        from asgi_sio_testclient.schedules import explored

        async def fake():
            return 1

        @explored(3)
        async def test_blind():
            sio = socketio.AsyncServer(async_mode="asgi")

            @sio.event
            async def load(sid):
                return await fake()

            async with TestClient(socketio.ASGIApp(sio)) as client:
                await client.connect()
                assert await client.call("load") == 1
    """
    result = run(test_it=blind)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "*= explored schedules =*",
            "test_it.py::test_blind: no place to hold in 1 handler (load)*",
        ]
    )
