"""The command ``fuzz``."""

import sys

import hypothesis
import pytest

from asgi_sio_testclient._cli import main

pytestmark = pytest.mark.timeout(600)

APP = """
import socketio

# The task that monitors clients, cancelled at exit, ends without a trace event on Python 3.11.
sio = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)
app = socketio.ASGIApp(sio)

@sio.event
async def connect(sid, environ, auth):
    return auth == {"token": "t0k3n"} or environ.get("HTTP_X_USER") == "ada"

@sio.event
async def fails(sid, data):
    print("printed by the app")
    return data["x"]

@sio.event
async def fine(sid, data):
    return isinstance(data, dict)

def log_in(client):
    client.headers["x-user"] = "ada"

not_a_function = 1

def takes_nothing():
    pass
"""
AUTH = ("--auth", '{"token": "t0k3n"}')
FEW = ("--max-examples", "4")


@pytest.fixture(autouse=True)
def app(tmp_path, monkeypatch):
    tmp_path.joinpath("fuzzed.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("fuzzed", None)


def run(*argv):
    return main(["fuzz", "fuzzed:app", *argv])


@pytest.mark.slow
def test_a_failure(capsys):
    assert run(*AUTH, *FEW) == 1
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].startswith("FAILED / fails - ")
    assert lines[1].startswith("    await client.call('fails', ")
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-1].startswith("3 handlers, ")
    assert lines[-1].endswith(" examples: 1 failed")
    assert "printed by the app" in err


@pytest.mark.slow
def test_what_it_prints_does_not_depend_on_hypothesis_profile(capsys):
    # Hypothesis has such a profile for CI, which it loads if the environment says CI.
    hypothesis.settings.register_profile("elsewhere", derandomize=True, print_blob=True)
    assert run(*AUTH, *FEW) == 1
    here = capsys.readouterr().out
    active = hypothesis.settings.get_current_profile_name()
    try:
        hypothesis.settings.load_profile("elsewhere")
        assert run(*AUTH, *FEW) == 1
    finally:
        hypothesis.settings.load_profile(active)
    there = capsys.readouterr().out
    assert "reproduce_failure" not in there
    assert there.splitlines()[:2] == here.splitlines()[:2]


@pytest.mark.slow
def test_all_held(capsys):
    assert run("fine", *AUTH, "--max-examples", "10", "--seed", "3") == 0
    assert capsys.readouterr().out == "1 handler, 10 examples: all held\n"


@pytest.mark.slow
def test_allow(capsys):
    allowed = ("--allow", "TypeError", "--allow", "LookupError")
    assert run("fails", *AUTH, *allowed, *FEW) == 0


@pytest.mark.slow
def test_setup(capsys):
    assert run("fine", "--setup", "fuzzed:log_in", "--max-examples", "3") == 0


@pytest.mark.slow
def test_from_and_sequences(capsys, tmp_path):
    tmp_path.joinpath("frames.txt").write_text('42["fine",{"a":1}]')
    options = ("--from", "frames.txt", "--sequences", "3", "--max-examples", "5")
    assert run("fine", *AUTH, *options) == 0
    assert capsys.readouterr().out == "sequences of events, 5 examples: all held\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["fine"], "the app refuses connections to '/'"),
        (["nobody", *AUTH], "no handler to fuzz for event 'nobody'"),
        (["--setup", "fuzzed:nobody"], "has no attribute 'nobody'"),
        (["--setup", "fuzzed:not_a_function"], "expected a function that takes the client"),
        (["--setup", "fuzzed:takes_nothing"], "expected a function that takes the client"),
        (["--from", "nowhere.har"], "cannot read the recording"),
        (["--from", "fuzzed.py"], "no event that a client sent"),
    ],
)
def test_wrong_use(argv, words, capsys):
    assert run(*argv) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--max-examples", "0"], ["--seed", "x"], ["--arity", "-1"]])
def test_wrong_options(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*argv)
    assert ended.value.code == 2
    assert "expected a whole number" in capsys.readouterr().err


def test_a_url(capsys):
    assert main(["fuzz", "https://me:secret@example.org"]) == 2
    err = capsys.readouterr().err
    assert "needs an app in this process, not the URL https://***@example.org" in err


def test_without_hypothesis(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("asgi_sio_testclient.fuzz")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert run() == 2
    assert "pip install 'asgi-sio-testclient[fuzz]'" in capsys.readouterr().err


def test_a_terminal_sees_which_handler_is_at_work(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert run("fine", *AUTH, "--max-examples", "1") == 0
    assert "fuzzing / fine\n" in capsys.readouterr().err
