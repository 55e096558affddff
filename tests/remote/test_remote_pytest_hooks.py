"""``--sio-url``: portable tests against a live server, and why others are skipped."""

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import asyncio
import pytest
import socketio

class Echo(socketio.AsyncNamespace):
    async def on_echo(self, sid, *args):
        return args

@pytest.fixture
def sio_options():
    return {"server": server}

server = socketio.AsyncServer(async_mode="asgi")
server.register_namespace(Echo("/"))

@pytest.fixture
def sio_app():
    return socketio.ASGIApp(server)

@pytest.fixture
def user_of_the_app(sio_app):
    return sio_app

@pytest.mark.sio(portable=True)
async def test_portable(sio_client):
    assert await sio_client.call("echo", 1) == 1

@pytest.mark.sio(portable=True)
def test_portable_sync(sio_sync_client, sio_sync_client_factory):
    assert sio_sync_client.call("echo", 1) == 1
    assert sio_sync_client_factory().call("echo", 2) == 2

@pytest.mark.sio(portable=True, connect=False, transports="polling")
async def test_portable_and_connects_itself(sio_client):
    await sio_client.connect()
    assert sio_client.transport == "polling"

async def test_not_marked(sio_client):
    await sio_client.settle()

@pytest.mark.sio(portable=True)
class TestMarked:
    @pytest.mark.sio(portable=False)
    async def test_unmarked_again(self, sio_client):
        await sio_client.settle()

    @pytest.mark.sio(transports="polling")
    async def test_marked_by_the_class(self, sio_client):
        assert await sio_client.call("echo", 1) == 1

    async def test_asks_for_the_app(self, sio_client, user_of_the_app):
        await sio_client.settle()

def test_without_a_client():
    pass
"""


@pytest.fixture
def run(pytester):
    pytester.makepyfile(TESTS)

    def run(*arguments):
        options = ("-p", "no:randomly", "-p", "no:cacheprovider", "-ra", "--asyncio-mode=auto")
        options += ("-o", "asyncio_default_fixture_loop_scope=function")
        return pytester.runpytest_inprocess(*options, *arguments)

    return run


@pytest.mark.slow
def test_without_a_url_all_run_in_memory(run):
    run().assert_outcomes(passed=8)


@pytest.mark.slow
def test_portable_tests_run_against_the_server(run, server_url):
    result = run(f"--sio-url={server_url}")
    result.assert_outcomes(passed=5, skipped=3)
    result.stdout.fnmatch_lines(
        [
            f"sio: portable tests run against {server_url}",
            "*needs the app in this process: not marked @pytest.mark.sio(portable=True)*",
            "*needs the app in this process: the test, or one of its fixtures, uses sio_app*",
        ]
    )


@pytest.mark.slow
def test_over_several_transports(run, python_server):
    result = run(f"--sio-url={python_server}", "--sio-transports=websocket,polling,upgrade")
    result.assert_outcomes(passed=9, skipped=9)


@pytest.mark.slow
def test_a_url_that_is_refused(run):
    result = run("--sio-url=http://u:s3cret@h/chat")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "*--sio-url: a path in the url 'http://*@h/chat': for a namespace call connect('/chat')*"
    result.stderr.fnmatch_lines([said])
    assert "s3cret" not in result.stderr.str()
