"""The command line: `python -m asgi_sio_testclient ...`.

Most tests call `main()` in this process. Tests of exit codes, pipes, terminals and imports run a
new process."""

import importlib
import os
import pty
import subprocess
import sys
from importlib.metadata import version

import pytest
from chat_source import CHAT
from terminals import Terminal

from asgi_sio_testclient import __version__
from asgi_sio_testclient._cli import COMMANDS, main


def run_process(*arguments, cwd, **options):
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


class TestOverview:
    def test_every_command_is_listed(self, capsys):
        with pytest.raises(SystemExit) as exit_:
            main(["--help"])

        assert exit_.value.code == 0
        out = capsys.readouterr().out
        for command in COMMANDS:
            assert f"  {command.name}" in out
            assert command.summary in out

    @pytest.mark.parametrize("command", [command.name for command in COMMANDS])
    def test_every_command_explains_itself(self, command, capsys):
        with pytest.raises(SystemExit) as exit_:
            main([command, "--help"])

        assert exit_.value.code == 0
        assert f"usage: python -m asgi_sio_testclient {command}" in capsys.readouterr().out

    @pytest.mark.parametrize("arguments", [[], ["nonsense"]])
    def test_no_or_an_unknown_command_is_a_wrong_command_line(self, arguments, capsys):
        with pytest.raises(SystemExit) as exit_:
            main(arguments)

        assert exit_.value.code == 2
        assert "command" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "expected a command: demo, emit, "),
            (["benhc"], "no command 'benhc'; did you mean 'bench'?"),
            (["nonsense"], "no command 'nonsense': demo, emit, "),
            (["--verison"], "unrecognized arguments: --verison"),
        ],
    )
    def test_what_is_wrong_with_the_first_word(self, arguments, said, capsys):
        with pytest.raises(SystemExit):
            main(arguments)
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line

    def test_importing_the_module_runs_nothing(self, capsys):
        importlib.import_module("asgi_sio_testclient.__main__")

        assert capsys.readouterr().out == ""

    def test_the_versions_that_matter_in_a_bug_report(self, capsys):
        with pytest.raises(SystemExit) as exit_:
            main(["--version"])

        assert exit_.value.code == 0
        assert capsys.readouterr().out.splitlines() == [
            f"asgi-sio-testclient {__version__}",
            f"python-socketio {version('python-socketio')}",
            f"python-engineio {version('python-engineio')}",
        ]


class TestAsAProcess:
    @pytest.mark.slow
    def test_an_app_beside_the_current_directory(self, module, tmp_path):
        module(CHAT)

        done = run_process(
            *("-m", "asgi_sio_testclient", "emit", "chat:app", "add", "1", "2", "--ack"),
            cwd=tmp_path,
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")

    @pytest.mark.slow
    def test_a_reader_that_has_seen_enough(self, module, tmp_path):
        module(CHAT)
        with subprocess.Popen(
            [sys.executable, "-m", "asgi_sio_testclient", "emit", "chat:app", "long", "20"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            process.stdout.readline()
            process.stdout.close()
            err = process.stderr.read()
            process.wait(timeout=60)

        assert process.returncode == 141
        assert err == b""

    @pytest.mark.slow
    def test_ctrl_c(self, module, tmp_path):
        module(
            """
            import os, signal, socketio

            sio = socketio.AsyncServer(async_mode="asgi")
            app = socketio.ASGIApp(sio)

            @sio.event
            async def ping(sid):
                os.kill(os.getpid(), signal.SIGINT)
            """
        )

        done = run_process(
            *("-m", "asgi_sio_testclient", "emit", "chat:app", "ping", "--wait", "never"),
            cwd=tmp_path,
        )

        assert (done.returncode, done.stdout) == (130, "")
        assert "Traceback" not in done.stderr

    @pytest.mark.slow
    def test_an_entry_point_has_no_current_directory_and_imports_what_it_needs(
        self, module, tmp_path
    ):
        module(CHAT)
        module("raise SystemExit('imported')", name="conftest")
        code = """
import sys
sys.path.remove("")
from asgi_sio_testclient._cli import main
code = main()
optional = {"starlette", "fastapi", "uvicorn", "pytest", "asgi_sio_testclient._cli.demo_app"}
sys.exit(code or str(optional & set(sys.modules) or "nothing else"))
"""

        done = run_process(
            *("-c", code, "emit", "chat:app", "add", "1", "2", "--ack"), cwd=tmp_path
        )

        assert (done.stdout, done.stderr) == ("3\n", "nothing else\n")


@pytest.fixture
def on_terminal(monkeypatch):
    """A function that runs the command line with a terminal as its output, and returns
    the output.
    """
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(*arguments):
        with monkeypatch.context() as during:
            during.setattr(sys, "stdout", Terminal())
            assert main(arguments) == 0
            return sys.stdout.getvalue()

    return run


class TestDemo:
    @pytest.mark.parametrize("transport", ["websocket", "polling", "upgrade"])
    def test_the_conversation_step_by_step(self, capsys, transport):
        assert main(["demo", "--transport", transport]) == 0

        title, _, head, *steps, _, total = capsys.readouterr().out.splitlines()
        assert "no port" in title
        assert head.split() == ["who", "call", "outcome", "ms"]
        assert [" ".join(line.split()[:-1]) for line in steps] == [
            "ada connect() refused: log in first",
            'ada http.post("/login", json=...) 204, cookie chat_user',
            f"ada connect() connected, {transport.replace('upgrade', 'websocket')}",
            'ada call("join", "tea") here: ada',
            'grace http.post("/login", json=...) 204, cookie chat_user',
            f"grace connect() connected, {transport.replace('upgrade', 'websocket')}",
            'grace call("join", "tea") here: ada, grace',
            'ada await_event("joined") grace',
            'ada emit("say", "Is the kettle on?")',
            'grace await_event("said") ada: Is the kettle on?',
            'grace emit("say", "It is now.")',
            'ada await_event("said") grace: It is now.',
            "grace disconnect() client disconnect",
            'ada await_event("left") grace',
        ]
        assert total.startswith("14 steps in ")

    def test_the_columns_are_aligned(self, capsys):
        main(["demo"])

        _, _, head, *steps, _, _ = capsys.readouterr().out.splitlines()
        assert {len(line) for line in [head, *steps]} == {len(head)}

    def test_each_step_has_its_time(self, capsys):
        main(["demo"])

        *_, total = lines = capsys.readouterr().out.splitlines()
        times = [float(line.split()[-1]) for line in lines[3:-2]]
        assert len(times) == 14
        assert sum(times) == pytest.approx(float(total.split()[3]), abs=0.2)

    @pytest.mark.slow
    def test_needs_nothing_but_the_runtime_dependencies(self, tmp_path):
        code = """
import sys
optional = ["rich", "starlette", "fastapi", "uvicorn", "pytest", "aiohttp", "matplotlib", "httpx2"]
sys.modules.update(dict.fromkeys(optional))
from asgi_sio_testclient._cli import main
sys.exit(main())
"""

        done = run_process("-W", "error", "-c", code, "demo", cwd=tmp_path)

        assert (done.returncode, done.stderr) == (0, "")
        assert "14 steps" in done.stdout

    def test_plain_text_where_there_is_no_terminal(self, capsys):
        assert main(["demo"]) == 0

        assert "\x1b" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("no_color", "coloured"), [(None, True), ("", True), ("1", False)], ids=["unset", "", "1"]
    )
    def test_colour_on_a_terminal_unless_it_is_not_wanted(
        self, on_terminal, monkeypatch, no_color, coloured
    ):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_color is not None:
            monkeypatch.setenv("NO_COLOR", no_color)

        output = on_terminal("demo")

        assert ("\x1b[" in output) is coloured
        assert "14 steps" in output

    def test_plain_text_on_a_terminal_without_rich(self, on_terminal, monkeypatch):
        monkeypatch.setitem(sys.modules, "rich.console", None)

        output = on_terminal("demo")

        assert "\x1b" not in output
        assert "14 steps" in output

    @pytest.mark.slow
    def test_colour_on_a_real_terminal(self, tmp_path):
        output = run_on_terminal(["-m", "asgi_sio_testclient", "demo"], cwd=tmp_path)

        assert "\x1b[" in output
        assert "14 steps" in output


def run_on_terminal(arguments, *, cwd):
    """Run a process with a new terminal and return its output."""
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color"},
    ) as process:
        os.close(theirs)
        output = b""
        while chunk := _read(ours):
            output += chunk
        assert process.wait(timeout=60) == 0
    os.close(ours)
    return output.decode()


def _read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux raises EIO after the other end is closed.
        return b""
