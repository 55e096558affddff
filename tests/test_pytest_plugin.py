"""The pytest plugin in a user's project: each test runs pytest without this
repository's settings.
"""

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
FAILED = pytest.ExitCode.TESTS_FAILED

APP = """
import pytest
import socketio

sio = socketio.AsyncServer(async_mode="asgi", namespaces="*")


@sio.on("connect", namespace="*")
async def connect(namespace, sid, environ, auth):
    await sio.save_session(sid, {"auth": auth, "x": environ.get("HTTP_X_USER")}, namespace)


@sio.on("*", namespace="*")
async def anything(event, namespace, sid, *args):
    if event == "boom":
        raise ZeroDivisionError("boom")
    if event == "shout":
        await sio.emit("shout", args[0], namespace=namespace)
    if event == "who":
        return (await sio.get_session(sid, namespace))["auth"]
    if event == "header":
        return (await sio.get_session(sid, namespace))["x"]
    if event == "transport":
        return sio.transport(sid, namespace)
    return args


@pytest.fixture
def sio_app():
    return socketio.ASGIApp(sio)
"""

CONVERSATION = """
@pytest.fixture
async def user(sio_client):
    "A fixture of the user's own that builds on the connected client."
    assert await sio_client.call("echo", 0) == 0
    return sio_client


{mark}
async def test_connected(sio_client):
    assert await sio_client.call("echo", 1) == 1


{mark}
async def test_on_top(user, sio_client):
    assert user is sio_client
    assert await user.call("echo", 2) == 2


{mark}
async def test_more_users(sio_client, sio_client_factory):
    second = await sio_client_factory(auth="second")
    third = await sio_client_factory("/chat", auth="third")
    assert await second.call("who") == "second"
    assert await third.call("who", namespace="/chat") == "third"
    assert not third.is_connected("/")
    await sio_client.emit("shout", "all")
    assert (await second.await_event("shout")).data == "all"


{mark}
async def test_factory_alone(sio_client_factory):
    only = await sio_client_factory()
    assert await only.call("echo", 3) == 3


{mark}
@pytest.mark.sio(auth="marked", headers={{"x-user": "me"}}, namespaces=["/a", "/b"])
@pytest.mark.sio(transports="polling")
class TestMarked:
    async def test_one(self, sio_client):
        assert sio_client.is_connected("/a") and sio_client.is_connected("/b")
        assert await sio_client.call("who", namespace="/a") == "marked"
        assert await sio_client.call("header", namespace="/b") == "me"
        assert sio_client.transport == "polling"

    @pytest.mark.sio(auth="closer", namespaces="/c")
    async def test_the_closest_wins(self, sio_client, sio_client_factory):
        assert await sio_client.call("who", namespace="/c") == "closer"
        assert sio_client.transport == "polling"
        assert (await sio_client_factory()).is_connected("/c")
"""

SYNC = """
def test_connected(sio_sync_client):
    assert sio_sync_client.call("echo", 1) == 1


def test_more_users(sio_sync_client, sio_sync_client_factory):
    second = sio_sync_client_factory("/chat", auth="second")
    assert second.call("who", namespace="/chat") == "second"


@pytest.mark.sio(auth="marked", transports="polling")
def test_marked(sio_sync_client):
    assert sio_sync_client.call("who") == "marked"
    assert sio_sync_client.transport == "polling"
"""

ASYNCIO = ("-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function")
ANYIO = ("-p", "anyio.pytest_plugin")


OWN = (
    *("-W", "error", "-p", "no:cacheprovider", "-p", "asgi_sio_testclient.pytest_plugin"),
    # Other tests of this process have imported the plugin already.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


@pytest.fixture
def project(pytester, monkeypatch):
    """A project with this app and the plugin: a function that takes a test module and arguments of
    pytest.

    pytest runs in this process, except for runs that affect the whole process.
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makeini("[pytest]\n")
    pytester.syspathinsert()

    def run(source, *arguments, app=APP, ends=pytest.ExitCode.OK, process=False):
        pytester.makepyfile(test_it=app + source)
        arguments = (*OWN, "--strict-markers", *arguments)
        if process:
            done = pytester.run(sys.executable, "-Werror", "-mpytest", *arguments, timeout=60)
        else:
            done = pytester.runpytest_inprocess(*arguments)
        printed = f"{done.stdout}\n{done.stderr}"
        assert done.ret == ends, printed
        return printed

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((*ASYNCIO, "--asyncio-mode=auto"), id="pytest-asyncio, auto"),
        pytest.param((*ASYNCIO, *ANYIO, "--asyncio-mode=auto"), id="pytest-asyncio beside anyio"),
    ],
)
def test_nothing_is_marked(project, arguments):
    assert "6 passed" in project(CONVERSATION.format(mark=""), *arguments)


@pytest.mark.slow
def test_pytest_asyncio_strict(project):
    source = CONVERSATION.replace("@pytest.fixture\n", "@pytest_asyncio.fixture\n")
    source = "import pytest_asyncio\n" + source.format(mark="@pytest.mark.asyncio")
    assert "6 passed" in project(source, *ASYNCIO)


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["class", "module", "session"])
def test_the_loop_is_that_of_the_test(project, scope):
    source = f"""
@pytest.mark.asyncio(loop_scope={scope!r})
class TestIt:
    async def test_one(self, sio_client):
        assert await sio_client.call("echo", 1) == 1

    async def test_two(self, sio_client, sio_client_factory):
        assert await sio_client.call("echo", 1) == 1
        assert await (await sio_client_factory()).call("echo", 1) == 1
"""
    assert "2 passed" in project(source, *ASYNCIO)


@pytest.mark.slow
def test_the_loop_is_that_of_the_settings(project):
    source = """
async def test_it(sio_client):
    assert await sio_client.call("echo", 1) == 1
"""
    settings = ("--asyncio-mode=auto", "-o", "asyncio_default_test_loop_scope=session")
    assert "1 passed" in project(source, *ASYNCIO, *settings)


BACKEND = """
@pytest.fixture
def anyio_backend():
    return "asyncio"
"""


@pytest.mark.slow
@pytest.mark.parametrize("others", [(), ASYNCIO], ids=["alone", "beside pytest-asyncio"])
def test_anyio(project, others):
    source = BACKEND + CONVERSATION.format(mark="@pytest.mark.anyio")
    assert "6 passed" in project(source, *ANYIO, *others)


@pytest.mark.slow
def test_anyio_auto(project):
    source = BACKEND + CONVERSATION.format(mark="")
    assert "6 passed" in project(source, *ANYIO, "-o", "anyio_mode=auto")


@pytest.mark.slow
def test_trio_is_refused_in_words(project):
    pytest.importorskip("trio")
    source = """
@pytest.mark.anyio
async def test_it(sio_client):
    pass
"""
    printed = project(source, *ANYIO, "-k", "trio", ends=FAILED)
    assert "asyncio-only" in printed


@pytest.mark.slow
@pytest.mark.parametrize("others", [(), ASYNCIO, ANYIO], ids=["alone", "pytest-asyncio", "anyio"])
def test_plain_functions(project, others):
    assert "3 passed" in project(SYNC, *others)


@pytest.mark.slow
def test_an_async_client_for_a_plain_function_is_refused_in_words(project):
    source = """
def test_it(sio_client):
    pass
"""
    printed = project(source, *ASYNCIO, "--asyncio-mode=auto", ends=FAILED)
    assert "sio_client is for async tests" in printed
    assert "sio_sync_client" in printed


@pytest.mark.slow
def test_no_app_is_said_in_words(project):
    printed = project("\ndef test_it(sio_sync_client):\n    pass\n", app="", ends=FAILED)
    assert "define a fixture sio_app" in printed


@pytest.mark.slow
def test_positional_arguments_of_the_marker_are_refused(project):
    source = """
@pytest.mark.sio("/chat")
def test_it(sio_sync_client):
    pass
"""
    assert "keyword arguments only" in project(source, ends=FAILED)


WRONG_ARGUMENTS = """
@pytest.mark.sio(transport="polling")
def test_near(sio_sync_client):
    pass


@pytest.mark.sio(colour="red")
def test_far(sio_sync_client):
    pass
"""


@pytest.mark.slow
def test_an_argument_that_no_client_takes(project):
    printed = project(WRONG_ARGUMENTS, ends=FAILED)
    assert "sio_options has 'transport'; did you mean 'transports'?" in printed
    assert "sio_options has 'colour'; it takes auth, base_url, client, connect, " in printed


@pytest.mark.slow
def test_sync_and_async_clients_in_one_test_are_refused(project):
    source = """
async def test_it(sio_client, sio_sync_client):
    pass
"""
    printed = project(source, *ASYNCIO, "--asyncio-mode=auto", ends=FAILED)
    assert "can't run in two event loops" in printed


@pytest.mark.slow
def test_options(project):
    source = """
@pytest.fixture
def sio_options():
    return {"auth": "of the project", "transports": "polling"}


def test_it(sio_sync_client):
    assert sio_sync_client.call("who") == "of the project"
    assert sio_sync_client.transport == "polling"


@pytest.mark.sio(auth="of the test")
def test_marked(sio_sync_client):
    assert sio_sync_client.call("who") == "of the test"
"""
    assert "2 passed" in project(source)


NOT_CONNECTED = """
@pytest.mark.sio(connect=False, auth="later")
class TestIt:
    async def test_async(self, sio_client, sio_client_factory):
        assert not sio_client.is_connected()
        await sio_client.connect()
        assert await sio_client.call("who") == "later"
        second = await sio_client_factory()
        assert not second.is_connected()
        third = await sio_client_factory("/chat")
        assert third.is_connected("/chat")

    def test_sync(self, sio_sync_client, sio_sync_client_factory):
        assert not sio_sync_client.is_connected()
        sio_sync_client.connect()
        assert not sio_sync_client_factory().is_connected()
        assert sio_sync_client_factory("/chat").is_connected("/chat")
"""


@pytest.mark.slow
def test_a_test_that_logs_in_connects_later(project):
    assert "2 passed" in project(NOT_CONNECTED, *ASYNCIO, "--asyncio-mode=auto")


# -- --sio-transports

OVER_EACH = """
async def test_async(sio_client, sio_transports):
    assert sio_client.transport == await sio_client.call("transport") == sio_transports[-1]


def test_sync(sio_sync_client, sio_transports):
    assert sio_sync_client.transport == sio_transports[-1]


async def test_factory(sio_client_factory, sio_transports):
    client = await sio_client_factory()
    assert client.transport == sio_transports[-1]


@pytest.mark.sio(transports="polling")
async def test_the_marker_has_its_way(sio_client):
    assert sio_client.transport == "polling"


@pytest.mark.parametrize("sio_transports", ["polling"])
async def test_so_has_the_test(sio_client):
    assert sio_client.transport == "polling"


def test_none_of_these():
    pass
"""


@pytest.mark.slow
def test_each_transport(project):
    printed = project(
        OVER_EACH,
        *ASYNCIO,
        "--asyncio-mode=auto",
        "-v",
        "--sio-transports=websocket, polling,upgrade",
    )
    assert "12 passed" in printed
    for name in ("test_async", "test_sync", "test_factory"):
        for transport in ("websocket", "polling", "upgrade"):
            assert f"{name}[{transport}] PASSED" in printed


@pytest.mark.slow
def test_one_transport(project):
    printed = project(SYNC, "-v", "--sio-transports=upgrade")
    assert "test_connected[upgrade] PASSED" in printed
    assert "test_marked PASSED" in printed


def test_an_unknown_transport(project):
    option = "--sio-transports=webtransport"
    printed = project("", option, ends=pytest.ExitCode.USAGE_ERROR)
    assert "'webtransport' is none of websocket, polling, upgrade" in printed


# -- transcripts

FAILURES = """
async def test_in_the_test(sio_client, sio_client_factory):
    await sio_client_factory(auth="secret of the second")
    await sio_client.call("echo", "first said this")
    assert False


async def test_at_the_end(sio_client):
    await sio_client.emit("boom", "shortly before")


async def test_passes(sio_client):
    print("captured")
    await sio_client.call("echo", "in a test that passed")


@pytest.mark.sio(namespaces=())
def test_sync(sio_sync_client):
    sio_sync_client.call("echo", "from a plain function")
    assert False


@pytest.mark.sio(auth=lambda: 1 / 0)
def test_before_the_first_packet(sio_sync_client):
    pass
"""


@pytest.mark.slow
def test_a_failure_shows_the_transcript_of_every_client(project):
    printed = project(FAILURES, *ASYNCIO, "--asyncio-mode=auto", ends=FAILED)
    assert "2 failed, 2 passed, 2 errors" in printed
    failure = printed.partition("test_in_the_test")[2].partition("____")[2]
    assert "Socket.IO transcript of client1" in failure
    assert "Socket.IO transcript of client2" in failure
    assert "first said this" in failure
    assert "secret of the second" not in printed.partition("short test summary")[0].replace(
        '(auth="secret of the second")', ""
    )
    assert "shortly before" in printed
    assert "from a plain function" in printed
    assert "in a test that passed" not in printed


@pytest.mark.slow
def test_always(project):
    printed = project(FAILURES, *ASYNCIO, "--asyncio-mode=auto", "--sio-transcript", ends=FAILED)
    assert "test_passes: Socket.IO transcript of client1" in printed
    assert "in a test that passed" in printed
    assert printed.count("first said this") == 1 + 1 + 1


@pytest.mark.slow
def test_nothing_where_nothing_is_wanted(project):
    assert "transcript" not in project(SYNC)


# -- together with other plugins


@pytest.mark.parametrize(
    "xdist",
    [
        pytest.param((), id="alone", marks=pytest.mark.slow),
        # tests/event_coverage tests the plugin under xdist, too.
        pytest.param(("-p", "xdist", "-n2"), id="xdist", marks=pytest.mark.proof),
    ],
)
def test_randomly_and_xdist(project, xdist):
    pytest.importorskip("xdist")
    pytest.importorskip("pytest_randomly")
    printed = project(
        FAILURES + SYNC.replace("test_", "test_plain_"),
        *ASYNCIO,
        *("--asyncio-mode=auto", "--sio-transcript", "--sio-transports=websocket,polling,upgrade"),
        *("-p", "pytest_randomly", *xdist),
        ends=FAILED,
        process=bool(xdist),
    )
    assert "6 failed, 13 passed, 6 errors" in printed
    assert printed.count("in a test that passed") == 3 * 2


@pytest.mark.slow
def test_benchmark(project, monkeypatch):
    pytest.importorskip("pytest_benchmark")
    # pytest-benchmark does not measure in a worker of xdist.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    source = """
def test_it(sio_sync_client, benchmark):
    assert benchmark(sio_sync_client.call, "echo", 1) == 1
"""
    options = (
        "-p",
        "pytest_benchmark.plugin",
        "--benchmark-max-time=0.05",
        "--benchmark-min-rounds=2",
    )
    printed = project(source, *options, "--benchmark-warmup=off", process=True)
    assert "1 passed" in printed


@pytest.mark.slow
def test_pytest_shows_the_documentation_of_fixtures(project):
    printed = project("", "--fixtures", "-q")
    for name in ("sio_app", "sio_client", "sio_client_factory", "sio_sync_client"):
        assert name in printed
    assert "_sio_running" not in printed
    assert "@pytest.mark.sio(" in project("", "--markers")


@pytest.mark.slow
def test_it_imports_nothing_until_it_is_used(project):
    source = """
import sys


def test_it():
    unused = {"socketio", "engineio", "httpx", "asgi_sio_testclient._client.client"}
    assert not unused & set(sys.modules)
"""
    assert "1 passed" in project(source, app="", process=True)


OWN_CLIENT = """
from asgi_sio_testclient import TestClient


async def test_it(sio_app):
    async with TestClient(sio_app) as client:
        await client.connect()
        await client.call("echo", "by a client of its own")
        assert False
"""


@pytest.mark.slow
def test_a_failure_shows_the_clients_that_the_test_made_itself(project):
    printed = project(OWN_CLIENT, *ASYNCIO, "--asyncio-mode=auto", ends=FAILED)
    assert "Socket.IO transcript of client1" in printed
    assert "by a client of its own" in printed.partition("Socket.IO transcript")[2]
