"""The pytest options of event coverage, each test in a separate pytest run."""

import json

import pytest

pytest_plugins = ["pytester"]

APP = """
import pytest
import socketio

@pytest.fixture
def sio_app():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def say(sid, text):
        await sio.emit("said", text)
        return len(text)

    @sio.event
    async def shout(sid, text):
        await sio.emit("shouted", text)

    @sio.event
    async def never(sid):
        pass

    return socketio.ASGIApp(sio)
"""

TESTS = """
def test_say(sio_sync_client):
    assert sio_sync_client.call("say", "hello") == 5
    sio_sync_client.await_event("said")

def test_shout(sio_sync_client):
    sio_sync_client.call("shout", "hello")

def test_shout_again(sio_sync_client):
    sio_sync_client.call("shout", "hello")
"""


@pytest.fixture
def run(pytester, monkeypatch):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makeconftest(APP)
    pytester.makepyfile(TESTS)

    def run(*arguments, workers=0):
        common = ("-p", "no:cacheprovider", *arguments)
        if not workers:
            return pytester.runpytest_inprocess(*common)
        # Each process imports only what it needs.
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makeini("[pytest]\n")
        plugins = ("-p", "xdist", "-p", "asgi_sio_testclient.pytest_plugin")
        return pytester.runpytest_subprocess(*common, *plugins, f"-n{workers}")

    return run


@pytest.mark.slow
def test_off_by_default(run):
    done = run()
    assert done.ret == 0
    done.stdout.no_fnmatch_line("*event coverage*")


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "workers",
    [pytest.param(0, id="alone"), pytest.param(2, id="xdist", marks=pytest.mark.slow)],
)
def test_the_table(run, workers):
    if workers:
        pytest.importorskip("xdist")
    done = run("--sio-coverage", workers=workers)
    assert done.ret == 0
    done.stdout.fnmatch_lines(
        [
            "*Socket.IO event coverage*",
            "namespace *event *handler *ran *acked *raised *refused",
            "/ *say *say *1 *1 *0 *0",
            "/ *shout *2 *2 *0 *0",
            "never ran: / never (*never, conftest.py:*)",
            "emitted, never read: / shouted (2 times)",
            "2 of 3 handlers ran: 66 %",
        ]
    )


@pytest.mark.parametrize(
    ("least", "code"),
    [
        ("67", 1),
        *(
            pytest.param(least, code, marks=pytest.mark.slow)
            for least, code in [("66", 0), ("66.6", 0), ("100", 1)]
        ),
    ],
)
def test_fail_under(run, least, code):
    done = run(f"--sio-coverage-fail-under={least}")
    assert done.ret == code
    if code:
        done.stdout.fnmatch_lines(
            [f"FAIL event coverage of 66.67 % is below --sio-coverage-fail-under={least}"]
        )


@pytest.mark.slow
@pytest.mark.parametrize("least", ["much", "-1", "101", "nan"])
def test_no_percentage(run, least):
    done = run(f"--sio-coverage-fail-under={least}")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*expected a number from 0 to 100*"])


@pytest.mark.slow
def test_a_failed_test_stays_the_cause(run, pytester):
    pytester.makepyfile("def test_no(): assert 0")
    done = run("--sio-coverage-fail-under=0")
    assert done.ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.slow
def test_the_json_file(run, pytester):
    done = run("--sio-coverage-json=events.json")
    assert done.ret == 0
    data = json.loads((pytester.path / "events.json").read_text())
    assert [(row["event"], row["ran"]) for row in data["handlers"]] == [
        ("never", 0),
        ("say", 1),
        ("shout", 2),
    ]
    assert data["percent"] == 66.67


@pytest.mark.slow
def test_a_file_that_cannot_be_written(run):
    done = run("--sio-coverage-json=nowhere/events.json")
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["FAIL cannot write nowhere/events.json: No such file or directory"])


@pytest.mark.proof
@pytest.mark.timeout(300)
def test_an_xdist_worker_that_crashes_has_no_counts(run, pytester):
    pytest.importorskip("xdist")
    pytester.makepyfile(test_crash="import os\ndef test_crash(): os._exit(1)")
    done = run("--sio-coverage", workers=1)
    done.stdout.fnmatch_lines(["*Socket.IO event coverage*"])
