"""Conventions of command-line tools: an installed script, completion, and errors in one line."""

import importlib
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest
from terminals import Terminal

from asgi_sio_testclient import _cli
from asgi_sio_testclient._cli import COMMANDS, main
from asgi_sio_testclient._cli.screen import plain_bar

ROOT = Path(__file__).parents[2]
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
    assert _cli.program() == "python -m asgi_sio_testclient"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/sio-testclient"])
    assert _cli.program() == "sio-testclient"


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


@pytest.mark.slow
def test_json_to_standard_output(capsys):
    assert main(["bench", "habits:app", EVENT, "--calls", "20", "--json", "-"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["subject"]["event"] == EVENT
    assert "printed by the app" in err


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_a_dollar_sign_in_a_plot(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert main(["bench", "habits:app", EVENT, "--calls", "20", "--plot", "price.svg"]) == 0
    assert (tmp_path / "price.svg").stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
@pytest.mark.parametrize("columns", [20, 40, 200])
def test_terminals_of_any_width(columns, rich, monkeypatch):
    if not rich:
        monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["bench", "habits:app", EVENT, "--calls", "20"]) == 0, err.getvalue()
    shown = out.getvalue()
    assert "\x1b" not in shown
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    figures = [line for line in shown.splitlines() if re.match(r"  p99\.9 +\d", line)]
    assert len(figures) == (0 if columns == 200 else 3)
    assert "warming up" in err.getvalue()


def test_a_bar_in_a_narrow_terminal():
    progress = types.SimpleNamespace(done=10, total=20)
    assert plain_bar(progress, 80) == f"[{'#' * 20:40}] 10 of 20 calls"
    assert plain_bar(progress, 30) == "[######      ] 10 of 20 calls"
    assert plain_bar(progress, 10) == "10 of 20 "


def complete(line):
    """Return the completions of a command line of the script, as argcomplete passes them to a
    shell.
    """
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


@pytest.mark.slow
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


def test_a_broken_pipe_of_the_apps_own(monkeypatch):
    """The app raises BrokenPipeError, while the command's own output goes to no pipe."""
    Path("pipes.py").write_text(APP.replace("return 1", "raise BrokenPipeError('to the printer')"))
    err = io.StringIO()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", err)
    assert main(["emit", "pipes:app", EVENT]) == 1
    sys.modules.pop("pipes")
    assert "to the printer" in err.getvalue()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGPIPE")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "argv",
    [["--version"], ["--help"], ["bench", "habits:app", EVENT, "--calls", "20"]],
    ids=["version", "help", "bench"],
)
def test_a_reader_that_is_gone(argv):
    """`| head` closes the pipe early: the usual exit code, and nothing on standard error."""
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONUNBUFFERED", None)
    done = subprocess.run(
        [sys.executable, "-m", "asgi_sio_testclient", *argv],
        env=environment, stdout=write, stderr=subprocess.PIPE, check=False, timeout=120,
    )  # fmt: skip
    os.close(write)
    assert done.returncode == 141
    assert done.stderr.replace(b"printed by the app\n", b"") == b""


def parsers():
    for command in COMMANDS:
        module = importlib.import_module(f"asgi_sio_testclient._cli.{command.module}")
        yield command.name, module.build_parser(f"sio-testclient {command.name}")


def test_an_option_of_several_commands_reads_alike_in_each():
    texts = {}
    for name, parser in parsers():
        for action in parser._actions:
            for option in action.option_strings:
                text = (action.help or "").partition(" (default")[0]
                texts.setdefault(option, {}).setdefault((text, action.metavar), []).append(name)
    differing = {option: uses for option, uses in texts.items() if len(uses) > 1}
    assert differing == {}


def test_the_page_has_the_exit_codes_of_each_command():
    page = (ROOT / "docs" / "guides" / "command-line.md").read_text("utf-8")
    (titles,) = re.findall(r"^\| code (.*)\|$", page, re.MULTILINE)
    for name, parser in parsers():
        assert f"`{name}`" in titles or "exit codes" not in (parser.epilog or "")
        assert name == "demo" or "exit codes: 0 " in parser.epilog
