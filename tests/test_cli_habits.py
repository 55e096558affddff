"""What people expect of a command in a shell: a script, completion, one line for a mistake."""

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from asgi_sio_testclient import _cli
from asgi_sio_testclient._cli import main

ROOT = Path(__file__).parents[1]
APP = """
import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)

@sio.on("price $ and $x$")
async def price(sid):
    print("printed by the app")
    return 1
"""
EVENT = "price $ and $x$"


@pytest.fixture(autouse=True)
def app(tmp_path, monkeypatch):
    tmp_path.joinpath("habits.py").write_text(APP)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("habits", None)


def test_the_script():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"sio-testclient": "asgi_sio_testclient._cli:main"}


def test_the_script_calls_itself_by_its_name(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sio-testclient"])
    try:
        assert importlib.reload(_cli).PROGRAM == "sio-testclient"
    finally:
        monkeypatch.undo()
        importlib.reload(_cli)


@pytest.mark.parametrize(
    "argv",
    [
        ["--nonsense"],
        ["nonsense"],
        ["emit", "habits:app"],
        ["bench", "habits:app", "x", "--calls", "none"],
        ["demo", "--nonsense"],
        ["conformance"],
        ["from-har"],
        ["replay-har", "x"],
        ["bench", "habits:app", "x", "--fail-above", "1.2"],
    ],
)
def test_wrong_options_print_one_line(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"python -m asgi_sio_testclient.*: error: [^\n]+\n", err)


def test_fail_above_needs_a_baseline(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "habits:app", EVENT, "--fail-above", "1.2"])
    assert "--fail-above needs --baseline" in capsys.readouterr().err


def test_json_to_standard_output(capsys):
    assert main(["bench", "habits:app", EVENT, "--calls", "20", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["subject"]["event"] == EVENT
    assert "printed by the app" in err


@pytest.mark.filterwarnings("error")
def test_a_dollar_sign_in_a_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["bench", "habits:app", EVENT, "--calls", "20", "--plot", "price.svg"]) == 0
    assert (tmp_path / "price.svg").stat().st_size


def complete(line):
    """The completions of a command line of the script, as argcomplete hands them to a shell."""
    pytest.importorskip("argcomplete")
    read, write = os.pipe()
    code = (
        f"import sys, os\nos.dup2({write}, 8)\nfrom asgi_sio_testclient._cli import main\nmain()\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_IFS": " ",
        "COMP_TYPE": "9",
    }
    subprocess.run(
        [sys.executable, "-c", code], env=environment, pass_fds=[write], check=False, timeout=120
    )
    os.close(write)
    with os.fdopen(read) as pipe:
        return pipe.read().split()


@pytest.mark.timeout(300)
def test_completion():
    assert complete("sio-testclient con") == ["conformance"]
    assert "--fail-above" in complete("sio-testclient bench --fail")[0]


def test_without_argcomplete(monkeypatch, capsys):
    monkeypatch.setenv("_ARGCOMPLETE", "1")
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert "asgi-sio-testclient" in capsys.readouterr().out
