"""`python -m asgi_sio_testclient bench`: its output, the files it writes and its exit codes."""

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from terminals import Terminal

from asgi_sio_testclient import TestClient, bench
from asgi_sio_testclient._cli import main, screen as screens
from asgi_sio_testclient.bench import _plot as plot

# Seconds; a bound against a hang. On a busy machine the imports of a process take half a minute.
WAIT = 100.0
APP = """
    import asyncio

    import socketio

    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio)
    calls = 0

    @sio.event
    async def echo(sid, *args):
        return args

    @sio.event
    async def talk(sid):
        print("printed by the app")

    @sio.event
    async def fail(sid):
        raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def sometimes(sid):
        global calls
        calls += 1
        if calls % 5 == 0:
            raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def ping(sid):
        await sio.emit("pong", to=sid)

    @sio.on("whoami", namespace="/chat")
    async def whoami(sid):
        environ = sio.get_environ(sid, namespace="/chat")
        assert environ["HTTP_X_TENANT"] == "acme"
        assert environ["HTTP_COOKIE"] == "session=abc"

    @sio.event(namespace="/chat")
    async def connect(sid, environ, auth):
        assert auth == {"token": 1}

    @sio.event
    async def hang_after(sid, number):
        global calls
        calls += 1
        if calls > number:
            print("hangs", flush=True)
            await asyncio.get_running_loop().create_future()  # nothing waits for it at the end

    @sio.event
    async def hang_later(sid):
        await hang_after(sid, 7)

    @sio.event
    async def leave(sid):
        await sio.disconnect(sid)

    async def failing_shutdown(scope, receive, send):
        if scope["type"] != "lifespan":
            return await app(scope, receive, send)
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "no way out"})
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A new current directory that contains the app's module."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    yield "shop:app"
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def run(module, capsys):
    """A function that runs `bench` with few calls and returns exit code, stdout and stderr."""

    def run(*arguments, app=module):
        code = main(["bench", app, *arguments, "--calls", "20", "--warmup", "2"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)


def wrong(capsys, *arguments):
    """A function that runs a command line which argparse rejects, and returns its error text."""
    with pytest.raises(SystemExit) as caught:
        main(["bench", *arguments])
    assert caught.value.code == 2
    return capsys.readouterr().err


class TestFigures:
    @pytest.mark.slow
    def test_a_table(self, run):
        code, out, err = run("echo", "1")
        assert (code, err) == (0, "")
        assert "call 'echo' of shop:app, namespace /, websocket, 1 at a time" in out
        for word in ("latency", "handler", "framework and client", "p99.9", "20 answered, "):
            assert word in out
        assert "\x1b" not in out

    @pytest.mark.slow
    def test_in_plain_text(self, run, without_rich):
        code, out, err = run("echo", "1")
        assert code == 0
        for word in ("latency", "handler", "framework and client", "p99.9", "20 answered, ", "#"):
            assert word in out
        assert err.count("pip install 'asgi-sio-testclient[cli]'") == 1

    @pytest.mark.slow
    def test_what_the_app_prints_goes_elsewhere(self, run):
        code, out, err = run("talk")
        assert code == 0
        assert "printed by the app" not in out
        assert err.count("printed by the app") == 22

    @pytest.mark.slow
    def test_an_emit_and_its_answer(self, run):
        code, out, _ = run("ping", "--await-event", "pong")
        assert code == 0
        assert "emit 'ping', await 'pong'" in out

    @pytest.mark.slow
    def test_an_emit_and_the_apps_rest(self, run):
        code, out, _ = run("ping", "--mode", "emit")
        assert code == 0
        assert "emit 'ping' of" in out

    @pytest.mark.slow
    def test_on_a_schedule(self, run):
        code, out, _ = run("echo", "--rate", "500", "--concurrency", "4")
        assert code == 0
        assert "4 at a time, 500 arrivals per second" in out
        assert "waited to be sent" in out

    @pytest.mark.slow
    def test_as_somebody_somewhere(self, run):
        code, out, err = run(
            "whoami", "-n", "/chat", "--auth", '{"token": 1}', "-H", "X-Tenant: acme",
            "-b", "session=abc", "--transport", "polling", "--concurrency", "2",
        )  # fmt: skip
        assert (code, err) == (0, "")
        assert "namespace /chat, polling, 2 at a time" in out

    @pytest.mark.slow
    @pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
    def test_a_bar_in_a_terminal(self, run, monkeypatch, request, rich):
        if not rich:
            request.getfixturevalue("without_rich")
        monkeypatch.setenv("TERM", "xterm")
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        code, _, _ = run("echo")
        shown = terminal.getvalue()
        assert code == 0
        assert ("measuring" if rich else "] 20 of 20 calls") in shown
        assert ("20/20" if rich else "#" * 40) in shown

    @pytest.mark.slow
    def test_colour_in_a_terminal(self, module, monkeypatch):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        assert main(["bench", module, "echo", "--calls", "20"]) == 0
        assert "\x1b[" in terminal.getvalue()


class TestFiles:
    @pytest.mark.slow
    def test_the_report_as_json(self, run):
        code, _, _ = run("echo", "1", "--json", "report.json")
        report = bench.LatencyReport.from_json(Path("report.json").read_text(encoding="utf-8"))
        assert code == 0
        assert report.count == 20
        assert report.subject.app == "shop:app"

    @pytest.mark.slow
    def test_a_picture(self, run):
        pytest.importorskip("matplotlib")
        code, _, _ = run("echo", "--plot", "latency.svg")
        assert code == 0
        assert ET.parse("latency.svg").getroot().tag.endswith("svg")
        code, _, _ = run("echo", "--plot", "latency.png")
        assert code == 0
        assert Path("latency.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"

    @pytest.mark.slow
    def test_no_picture_of_nothing(self, run, tmp_path):
        pytest.importorskip("matplotlib")
        code, _, _ = run("fail", "--plot", "latency.svg", "--json", "report.json")
        assert code == 1
        assert not (tmp_path / "latency.svg").exists()
        report = bench.LatencyReport.from_json((tmp_path / "report.json").read_text())
        with pytest.raises(ValueError, match="nothing to draw"):
            plot.draw(report, tmp_path / "latency.svg")

    @pytest.mark.slow
    async def test_a_picture_without_a_handler(self, tmp_path):
        pytest.importorskip("matplotlib")
        sample = bench.Sample(0.0, 0.001)
        here = bench.Subject.here(
            app="a", event="e", namespace="/", mode="call", await_event=None, arguments="",
            transport="websocket", concurrency=1, rate=None,
        )  # fmt: skip
        report = bench.LatencyReport.from_samples([sample], here, elapsed=1.0)
        plot.draw(report, tmp_path / "latency.svg")
        text = (tmp_path / "latency.svg").read_text()
        assert "handler alone" not in text

    def test_a_picture_needs_matplotlib(self, module, capsys, monkeypatch):
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        err = wrong(capsys, module, "echo", "--plot", "latency.svg")
        assert "needs matplotlib: pip install 'asgi-sio-testclient[cli]'" in err

    def test_a_picture_of_a_kind_that_it_does_not_draw(self, module, capsys):
        err = wrong(capsys, module, "echo", "--plot", "latency.txt")
        assert "ends in .png or .svg" in err

    @pytest.mark.parametrize("option", ["--json", "--plot"])
    def test_a_directory_that_is_not_there(self, run, option):
        code, out, err = run("echo", option, "no/such/report.svg")
        assert (code, out) == (2, "")
        assert "there is no directory" in err

    @pytest.mark.slow
    @pytest.mark.parametrize("option", ["--json", "--plot"])
    def test_a_file_that_cannot_be_written(self, run, tmp_path, option):
        (tmp_path / "report.svg").mkdir()
        code, out, err = run("echo", option, "report.svg")
        assert code == 2
        assert "20 answered" in out
        assert "cannot write" in err


class TestBaseline:
    @staticmethod
    def change(**changes):
        """Change values of the baseline file."""
        file = Path("baseline.json")
        values = json.loads(file.read_text(encoding="utf-8"))
        subject = values["subject"] | changes.pop("subject", {})
        values |= {"subject": subject} | changes
        for part in values["timeline"]:
            part["p50"] *= changes.get("times", 1)
        values["p50"] *= changes.get("times", 1)
        file.write_text(json.dumps(values), encoding="utf-8")

    @pytest.fixture
    def against(self, run):
        """A function that compares a run with a baseline of the same machine that was `times` as
        slow.
        """
        assert run("echo", "--json", "baseline.json")[0] == 0

        def against(*arguments, **changes):
            self.change(yardstick=None, **changes)
            return run(*arguments or ("echo",), "--baseline", "baseline.json")

        return against

    @pytest.mark.slow
    def test_much_slower(self, against):
        code, out, err = against(times=0.001)
        assert code == 1
        assert "slower: p50 " in out
        assert "failed by --fail-above 1: slower: p50 " in err

    @pytest.mark.slow
    def test_much_slower_and_allowed(self, against):
        code, out, err = against("echo", "--fail-above", "1e9", times=0.001)
        assert (code, err) == (0, "")
        assert "slower: p50 " in out

    @pytest.mark.slow
    def test_much_faster(self, against, without_rich):
        code, out, _ = against(times=1000)
        assert code == 0
        assert "faster: p50 " in out

    @pytest.mark.slow
    def test_too_few_to_tell(self, against):
        code, _, err = against("echo", timeline=[])
        assert code == 1
        assert "unclear: fewer than 8" in err

    @pytest.mark.slow
    @pytest.mark.parametrize("rich", [True, False], ids=["rich", "plain"])
    def test_another_machine_is_told(self, against, request, rich):
        if not rich:
            request.getfixturevalue("without_rich")
        _, out, _ = against(times=1000, subject={"machine": {"cores": "4096"}})
        assert "not as in the baseline: cores: " in out

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("subject", "said"),
        [
            ({"app": "other:app"}, "app: shop:app, not other:app"),
            ({"versions": {"Python": "CPython 2.7"}}, ", not CPython 2.7"),
            ({"event": "search"}, "event: echo, not search"),
        ],
    )
    def test_of_something_else(self, against, subject, said):
        code, out, err = against(subject=subject)
        assert (code, out) == (2, "")
        assert "baseline.json is no baseline for this" in err
        assert said in err

    @pytest.mark.parametrize("text", ["{}", "no json", '{"format": 1}', '{"format": 0}', "\xff"])
    def test_that_is_none(self, run, tmp_path, text):
        (tmp_path / "baseline.json").write_bytes(text.encode("latin-1"))
        code, out, err = run("echo", "--baseline", "baseline.json")
        assert (code, out) == (2, "")
        assert "baseline.json is no baseline" in err

    def test_that_is_not_there(self, run):
        code, _, err = run("echo", "--baseline", "baseline.json")
        assert code == 2
        assert "cannot read the baseline" in err


class TestBadInput:
    def test_an_app_that_cannot_be_imported(self, run):
        code, _, err = run("echo", app="no_such_module:app")
        assert code == 2
        assert "there is no module 'no_such_module'" in err

    def test_an_event_that_nobody_handles(self, run):
        code, out, err = run("ehco")
        assert (code, out) == (1, "")
        assert "nothing in the app handles 'ehco'" in err
        assert "did you mean 'echo'?" in err

    @pytest.mark.slow
    def test_a_handler_that_raises(self, run):
        code, out, err = run("fail")
        assert code == 1
        assert "20 x ZeroDivisionError: the handler's own words" in out
        assert "20 of 20 calls failed" in err

    @pytest.mark.slow
    def test_a_handler_that_raises_sometimes(self, run):
        code, out, err = run("sometimes")
        assert code == 1
        assert "16 answered" in out
        assert "4 of 20 calls failed, and are in none of the figures" in err

    @pytest.mark.slow
    def test_a_connection_that_is_lost(self, run):
        code, _, err = run("leave", "--warmup", "0")
        assert code == 1
        assert "ended early: " in err
        assert "server disconnect" in err

    @pytest.mark.slow
    def test_a_shutdown_that_fails_comes_after_the_figures(self, run):
        code, out, err = run("echo", app="shop:failing_shutdown")
        assert code == 1
        assert "20 answered" in out
        assert "no way out" in err

    def test_what_does_not_go_together(self, run):
        code, out, err = run("ping", "--mode", "emit", "--concurrency", "2")
        assert (code, out) == (2, "")
        assert "give await_event" in err

    @pytest.mark.parametrize(
        ("option", "value", "said"),
        [
            ("--calls", "0", "1 or more, not '0'"),
            ("--calls", "many", "1 or more, not 'many'"),
            ("--warmup", "-1", "0 or more, not '-1'"),
            ("--concurrency", "0", "1 or more, not '0'"),
            ("--rate", "0", "above 0, not '0'"),
            ("--rate", "fast", "above 0, not 'fast'"),
            ("--fail-above", "inf", "above 0, not 'inf'"),
        ],
    )
    def test_numbers_that_cannot_be(self, module, capsys, option, value, said):
        assert said in wrong(capsys, module, "echo", f"{option}={value}")

    def test_the_overview_has_it(self, capsys):
        with pytest.raises(SystemExit):
            main(["--help"])
        assert "measure what an event costs" in capsys.readouterr().out

    def test_help_has_examples(self, capsys):
        with pytest.raises(SystemExit):
            main(["bench", "--help"])
        out = capsys.readouterr().out
        assert "python -m asgi_sio_testclient bench main:app search" in out
        assert "exit codes: 0 " in out


def interrupted(*arguments):
    """Run `bench` in a process, and send it Ctrl-C when the app prints "hangs"."""
    command = [sys.executable, "-X", "faulthandler", "-m", "asgi_sio_testclient", "bench"]
    command += ["shop:app", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    # If the process hangs, the stack that faulthandler prints shows the reason.
    guard = threading.Timer(WAIT, process.send_signal, [signal.SIGABRT])
    guard.start()
    try:
        for line in process.stderr:
            if "hangs" in line:
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate()
    finally:
        guard.cancel()
    return process.returncode, out, err


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
class TestCtrlC:
    # Seconds that a call may take on a busy machine.
    OPTIONS = ("--warmup", "2", "--timeout", "60")

    @pytest.mark.slow
    def test_reports_what_was_measured_so_far(self, module, tmp_path):
        code, out, err = interrupted("hang_after", "7", *self.OPTIONS, "--json", "report.json")
        assert code == 130, err
        assert "5 answered" in out
        assert "ended early: Ctrl-C" in out + err
        report = bench.LatencyReport.from_json((tmp_path / "report.json").read_text())
        assert (report.count, report.interrupted) == (5, "Ctrl-C")

    @pytest.mark.slow
    def test_in_this_process(self, module, capsys, monkeypatch):
        """As asyncio.run() does: cancel the task, and then raise KeyboardInterrupt."""

        def run_and_interrupt(coroutine):
            async def cut_short():
                task = asyncio.ensure_future(coroutine)
                shop = sys.modules["shop"]
                while not task.done() and shop.calls <= 7:  # noqa: ASYNC110 (the app's counter)
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])

            with asyncio.Runner() as runner:
                runner.run(cut_short())
            raise KeyboardInterrupt

        monkeypatch.setattr(asyncio, "run", run_and_interrupt)
        code = main(["bench", module, "hang_later", "--warmup=2", "--timeout=60"])
        captured = capsys.readouterr()
        assert code == 130
        assert "5 answered" in captured.out

    def test_before_anything_was_measured(self, module, monkeypatch, capsys):
        def interrupt(coroutine):
            coroutine.close()
            raise KeyboardInterrupt

        monkeypatch.setattr(asyncio, "run", interrupt)
        assert main(["bench", module, "echo"]) == 130
        assert capsys.readouterr().out == ""


class TestHistogram:
    @pytest.mark.parametrize("decades", [0, 1, 5])
    def test_it_fits_a_dozen_lines_and_loses_nothing(self, decades):
        times = [10 ** (-5 + decades * n / 400) for n in range(401)]
        histogram = bench.Timings.of(times).histogram
        lines = screens.histogram_lines(histogram, "#")
        assert 1 <= len(lines) <= 12
        assert sum(int(line.split()[3].replace(",", "")) for line in lines) == 401
        assert max(line.count("#") for line in lines) == 40

    def test_of_nothing(self):
        assert screens.histogram_lines((), "#") == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="pty is Unix only")
def test_a_real_terminal_shows_the_bar(module):
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "asgi_sio_testclient", "bench", module, "echo"]
    command += ["--calls=100", f"--timeout={WAIT:g}"]
    # rich draws no bar in a terminal of the type "dumb".
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=terminal, env=environment
    ) as process:
        os.close(terminal)
        shown = b"".join(iter(lambda: read(controller), b""))
        assert process.wait(WAIT) == 0, shown.decode()
    os.close(controller)
    assert "measuring" in shown.decode()


def read(terminal):
    """Return the output so far; a terminal buffers a few thousand bytes only."""
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux raises EIO after the other end is closed.
        return b""


@pytest.mark.slow
async def test_the_command_measures_what_measure_does(module, tmp_path):
    """The command and `measure` use the same names, so either one's report is a baseline for the
    other.
    """
    sys.path.insert(0, str(tmp_path))
    from shop import app  # noqa: PLC0415 (it is written by the fixture)

    async with TestClient(app) as client:
        await client.connect()
        report = await bench.measure(client, "echo", calls=5)
    assert report.subject.app == "shop:app"
