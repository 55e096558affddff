"""The command line: `python -m asgi_sio_testclient ...`.

Most tests call `main()` in this process. Tests of exit codes, pipes, terminals and imports run a
new process.
"""

import importlib
import io
import json
import os
import pty
import subprocess
import sys
import textwrap
from importlib.metadata import version

import pytest
from terminals import Terminal

from asgi_sio_testclient import ConnectionRefused, TestClient, __version__
from asgi_sio_testclient._cli import COMMANDS, main
from asgi_sio_testclient._cli.demo_app import COOKIE, PASSWORDS, create_app

CHAT = """
    import socketio

    sio = socketio.AsyncServer(async_mode="asgi")
    app = socketio.ASGIApp(sio)

    @sio.event
    async def connect(sid, environ, auth):
        await sio.save_session(sid, {"auth": auth, "environ": environ})

    @sio.event
    async def add(sid, a, b):
        return a + b

    @sio.event
    async def two(sid):
        return 1, 2

    @sio.event
    async def nothing(sid):
        pass

    @sio.event
    async def echo(sid, *args):
        await sio.emit("echoed", args, to=sid)

    @sio.event
    async def many(sid, count):
        for number in range(count):
            await sio.emit("number", number, to=sid)

    @sio.event
    async def long(sid, count):
        for _ in range(count):
            await sio.emit("long", "x" * 10_000, to=sid)

    @sio.event
    async def binary(sid):
        return b"\\x00\\xff"

    @sio.event
    async def talkative(sid):
        print("printed by the app")

    @sio.event
    async def faulty(sid):
        raise ZeroDivisionError("the handler's own words")

    @sio.event
    async def connection(sid):
        session = await sio.get_session(sid)
        environ = session["environ"]
        return {
            "auth": session["auth"],
            "cookie": environ.get("HTTP_COOKIE"),
            "x-tenant": environ.get("HTTP_X_TENANT"),
            "transport": sio.transport(sid),
        }

    @sio.on("echo", namespace="/chat")
    async def echo_in_chat(sid, *args):
        await sio.emit("echoed", args, to=sid, namespace="/chat")

    @sio.event(namespace="/closed")
    async def connect(sid, environ, auth):
        raise socketio.exceptions.ConnectionRefusedError("members only")

    def create_app():
        return app

    def broken_factory():
        raise LookupError("no settings")

    class nested:
        deeper = app

    not_an_app = 42
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A function that writes a module into a new current directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)

    def write(source, name="chat"):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        return name

    yield write
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


@pytest.fixture
def emit(module, capsys):
    """A function that runs `emit` on the chat app and returns the exit code, stdout as JSON values,
    and stderr.
    """
    module(CHAT)

    def run(*arguments, app="chat:app"):
        code = main(["emit", app, *arguments])
        captured = capsys.readouterr()
        return code, [json.loads(line) for line in captured.out.splitlines()], captured.err

    return run


@pytest.fixture
def rejected(emit, capsys):
    """A function that runs `emit` with a command line which argparse rejects, and returns the last
    line of stderr.
    """

    def run(*arguments):
        with pytest.raises(SystemExit) as exit_:
            emit(*arguments)
        assert exit_.value.code == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()[-1]

    return run


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


class TestEmitPrints:
    def test_every_event_that_comes_back(self, emit):
        code, out, err = emit("many", "3")

        assert code == 0
        assert out == [{"name": "number", "args": [n], "namespace": "/"} for n in range(3)]
        assert err == ""

    def test_nothing_where_nothing_comes_back(self, emit):
        assert emit("nothing") == (0, [], "")

    def test_the_ack(self, emit):
        assert emit("add", "40", "2", "--ack") == (0, [42], "")

    def test_null_for_an_empty_ack(self, emit):
        assert emit("nothing", "--ack") == (0, [None], "")

    def test_an_ack_of_several_values_as_a_list(self, emit):
        assert emit("two", "--ack") == (0, [[1, 2]], "")

    def test_the_events_that_are_waited_for(self, emit):
        code, out, _ = emit("many", "3", "--wait", "number", "--wait", "number")

        assert code == 0
        assert [event["args"] for event in out] == [[0], [1]]

    def test_a_hint_where_nobody_listens(self, emit):
        code, out, err = emit("ehco", "-n", "/chat")

        assert (code, out) == (1, [])
        assert err == (
            "python -m asgi_sio_testclient emit: "
            "the app has no handler for 'ehco' in namespace '/chat'\n"
        )

    def test_bytes_as_base64(self, emit):
        assert emit("binary", "--ack") == (0, [{"base64": "AP8="}], "")

    def test_no_ascii_escapes_where_the_terminal_can_show_the_letters(self, emit, capsys):
        assert main(["emit", "chat:app", "echo", '"žluťoučký kůň"']) == 0
        assert "žluťoučký kůň" in capsys.readouterr().out

    def test_ascii_escapes_where_it_can_not(self, emit, monkeypatch):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

        assert main(["emit", "chat:app", "echo", '"kůň"']) == 0
        assert json.loads(written.getvalue())["args"] == ["kůň"]

    def test_half_a_surrogate_pair_as_json_has_it(self, emit):
        _, out, _ = emit("echo", r'"\ud800"')

        assert out[0]["args"] == ["\ud800"]

    def test_what_the_app_prints_on_stderr(self, emit):
        assert emit("talkative") == (0, [], "printed by the app\n")


class TestEmitSends:
    @pytest.mark.parametrize(
        ("typed", "value"),
        [
            ("42", 42),
            ("-1", -1),
            ("null", None),
            ("true", True),
            ('"text"', "text"),
            ("[1, 2]", [1, 2]),
            ('{"a": {"b": []}}', {"a": {"b": []}}),
        ],
    )
    def test_json_values(self, emit, typed, value):
        _, out, _ = emit("echo", typed)

        assert out[0]["args"] == [value]

    def test_as_many_arguments_as_are_given(self, emit):
        assert emit("echo")[1][0]["args"] == []
        assert emit("echo", "1", "2", "3")[1][0]["args"] == [1, 2, 3]

    def test_options_may_stand_anywhere(self, emit):
        assert emit("--ack", "add", "40", "--timeout", "3", "2") == (0, [42], "")

    def test_to_a_namespace(self, emit):
        _, out, _ = emit("echo", "1", "--namespace", "/chat")

        assert out == [{"name": "echoed", "args": [1], "namespace": "/chat"}]

    def test_auth_header_and_cookies(self, emit):
        _, out, _ = emit(
            *("connection", "--ack", "--auth", '{"token": 1}', "--header", "X-Tenant: acme"),
            *("--cookie", "session=abc=", "--cookie", "theme=dark"),
        )

        assert out[0]["auth"] == {"token": 1}
        assert out[0]["x-tenant"] == "acme"
        assert sorted(out[0]["cookie"].split("; ")) == ["session=abc=", "theme=dark"]

    @pytest.mark.parametrize(
        ("option", "transport"),
        [("websocket", "websocket"), ("polling", "polling"), ("upgrade", "websocket")],
    )
    def test_over_the_transport_asked_for(self, emit, option, transport):
        _, out, _ = emit("connection", "--ack", "--transport", option)

        assert out[0]["transport"] == transport

    WSGI = """
        import socketio

        sio = socketio.Server(async_mode="threading")
        app = socketio.WSGIApp(sio)
        sio.on("add", lambda sid, a, b: a + b)
    """

    def test_a_wsgi_app_is_polled(self, emit, module):
        module(self.WSGI, "flaskish")
        assert emit("add", "1", "2", "--ack", app="flaskish:app") == (0, [3], "")
        code, _, err = emit("add", "--transport", "websocket", app="flaskish:app")
        assert code != 0
        assert "a WSGI app takes no websockets" in err

    def test_a_wsgi_app_without_its_bridge(self, emit, module, monkeypatch):
        module(self.WSGI, "bridgeless")
        monkeypatch.setitem(sys.modules, "a2wsgi", None)
        code, out, err = emit("add", app="bridgeless:app")
        assert (code, out) == (2, [])
        assert "pip install 'asgi-sio-testclient[flask]'" in err

    def test_to_the_path_asked_for(self, emit, module):
        module(
            """
            import socketio

            sio = socketio.AsyncServer(async_mode="asgi")
            app = socketio.ASGIApp(sio, socketio_path="/ws/socket.io")

            @sio.event
            async def ping(sid):
                return "pong"
            """,
            name="elsewhere",
        )

        ping = ("ping", "--ack", "--path", "/ws/socket.io")
        assert emit(*ping, app="elsewhere:app") == (0, ["pong"], "")

    def test_to_what_a_factory_makes(self, emit):
        add = ("add", "1", "2", "--ack", "--factory")
        assert emit(*add, app="chat:create_app") == (0, [3], "")

    def test_to_an_attribute_of_an_attribute(self, emit):
        assert emit("add", "1", "2", "--ack", app="chat:nested.deeper") == (0, [3], "")

    def test_to_the_bundled_app(self, emit):
        code, out, _ = emit(
            *("echo", '"hello"', "-n", "/lobby", "-w", "echoed"),
            app="asgi_sio_testclient._cli.demo_app:app",
        )

        assert code == 0
        assert out == [{"name": "echoed", "args": ["hello"], "namespace": "/lobby"}]


class TestEmitRefuses:
    """A wrong command line: exit code 2, and a text with the accepted values."""

    def test_text_that_is_no_json(self, rejected):
        message = rejected("echo", "hello world")

        assert "'hello world' is not JSON" in message
        assert """is '"hello world"'""" in message

    @pytest.mark.parametrize("typed", ["{a: 1}", "{'a': 1}", "[1,", "", "NaN", "tru", "1 2"])
    def test_near_json(self, rejected, typed):
        assert "is not JSON" in rejected("echo", typed)

    def test_auth_that_is_no_json(self, rejected):
        assert "argument --auth: 'secret' is not JSON" in rejected("echo", "--auth", "secret")

    def test_a_header_without_a_colon(self, rejected):
        assert "expected 'Name: value', not 'X-Tenant'" in rejected("echo", "-H", "X-Tenant")

    def test_a_cookie_without_an_equals_sign(self, rejected):
        assert "expected name=value, not 'session'" in rejected("echo", "-b", "session")

    @pytest.mark.parametrize("typed", ["0", "-1", "soon", "inf", "nan"])
    def test_a_timeout_that_is_no_time(self, rejected, typed):
        assert f"above 0, not {typed!r}" in rejected("echo", f"--timeout={typed}")

    def test_a_namespace_without_its_slash(self, rejected):
        assert "a namespace starts with a slash: /chat" in rejected("echo", "-n", "chat")

    def test_an_unknown_transport(self, rejected):
        assert "invalid choice: 'webtransport'" in rejected("echo", "--transport", "webtransport")

    def test_a_missing_event(self, rejected):
        assert rejected().endswith("required: EVENT")

    @pytest.mark.parametrize(
        ("app", "said"),
        [
            ("chat", "expected MODULE:APP, for example myproject.main:app, not 'chat'"),
            ("chat:", "expected MODULE:APP"),
            (":app", "expected MODULE:APP"),
            ("./src/chat.py", "do you mean src.chat?"),
            ("src/chat.py:app", "do you mean src.chat:app?"),
            ("no_such_module:app", "cannot import no_such_module:app: there is no module"),
            ("chat.sub:app", "cannot import chat.sub:app: there is no module 'chat.sub'"),
            ("chat:ap", "'chat' has no attribute 'ap'; did you mean 'app'?"),
            ("chat:zzz", "'chat' has no attribute 'zzz'"),
            ("chat:nested.zzz", "cannot import chat:nested.zzz: 'chat' has no attribute 'zzz'"),
            ("chat:create_app", "chat:create_app takes no arguments: add --factory"),
        ],
    )
    def test_an_app_that_is_not_there(self, emit, app, said):
        code, out, err = emit("echo", app=app)

        assert (code, out) == (2, [])
        assert said in err
        assert "Traceback" not in err

    @pytest.mark.parametrize("app", ["chat:sio", "chat:not_an_app"])
    def test_what_is_no_asgi_app(self, emit, app):
        code, out, err = emit("echo", app=app)

        assert (code, out) == (2, [])
        assert err.startswith(f"python -m asgi_sio_testclient emit: {app}: ")
        assert "Traceback" not in err

    @pytest.mark.parametrize(
        ("source", "error"),
        [
            (
                "import a_package_that_is_missing",
                "ModuleNotFoundError: No module named 'a_package_",
            ),
            ("1 / 0", "ZeroDivisionError: division by zero"),
            ("def (", "SyntaxError: invalid syntax"),
            ("import sys; sys.exit('usage: x')", "SystemExit: usage: x"),
        ],
    )
    def test_an_app_whose_import_fails_with_its_own_traceback(self, emit, module, source, error):
        module(source, name="faulty")

        code, out, err = emit("echo", app="faulty:app")

        assert (code, out) == (2, [])
        first, rest = err.split("\n", 1)
        assert "cannot import faulty:app: importing 'faulty' raised " in first
        assert 'faulty.py", line 1' in rest
        assert "importlib" not in rest
        assert error in rest

    def test_a_factory_that_raises_with_its_own_traceback(self, emit):
        code, out, err = emit("echo", "--factory", app="chat:broken_factory")

        assert (code, out) == (2, [])
        assert "chat:broken_factory: the factory raised LookupError: no settings" in err
        assert "Traceback" in err


class TestEmitFails:
    """The app or the connection refused: exit code 1, and the text of the refusal."""

    def test_a_refused_connection(self, emit):
        code, out, err = emit("echo", "--namespace", "/closed")

        assert (code, out) == (1, [])
        assert "members only" in err
        assert "Traceback" not in err

    def test_a_namespace_that_does_not_exist(self, emit):
        code, out, err = emit("echo", "--namespace", "/nowhere")

        assert (code, out) == (1, [])
        assert "Unable to connect" in err

    def test_a_path_that_is_not_socketio(self, emit):
        code, out, err = emit("echo", "--path", "/elsewhere")

        assert (code, out) == (1, [])
        assert "socketio_path" in err
        assert "--path says where Socket.IO is" in err

    def test_a_handshake_that_the_app_refuses_for_its_own_reasons(self, emit):
        code, out, err = emit("echo", "-H", "Origin: https://elsewhere.example")

        assert (code, out) == (1, [])
        assert "elsewhere.example is not an accepted origin" in err
        assert "--path" not in err

    def test_an_event_that_does_not_come(self, emit):
        code, out, err = emit("echo", "--wait", "echoed", "--wait", "ecohed", "--timeout", "0.3")

        assert code == 1
        assert [event["name"] for event in out] == ["echoed"]
        assert "ecohed" in err
        assert "Traceback" not in err

    def test_a_callable_that_shows_no_signature_and_is_no_app(self, emit):
        code, out, err = emit("echo", app="builtins:min")

        assert (code, out) == (1, [])
        assert "TypeError" in err

    def test_an_ack_that_cannot_come(self, emit):
        code, out, err = emit("no_such_event", "--ack", "--timeout", "60")

        assert (code, out) == (1, [])
        assert "no_such_event" in err

    @pytest.mark.parametrize("options", [(), ("--ack",), ("--wait", "echoed")])
    def test_a_handler_that_raises(self, emit, options):
        code, out, err = emit("faulty", *options)

        assert (code, out) == (1, [])
        assert "Traceback" in err
        assert "ZeroDivisionError: the handler's own words" in err
        assert "in faulty" in err
        assert "asyncio" not in err

    def test_a_mistake_of_the_command_itself_with_all_its_frames(self, monkeypatch, capsys):
        # pythonw has no standard output.
        monkeypatch.setattr(sys, "stdout", None)

        assert main(["demo"]) == 1

        err = capsys.readouterr().err
        assert "_cli" in err
        assert "demo.py" in err

    def test_a_startup_that_fails(self, emit, module):
        module(
            """
            async def app(scope, receive, send):
                await receive()
                raise LookupError("no database")
            """,
            name="faulty",
        )

        code, out, err = emit("echo", app="faulty:app")

        assert (code, out) == (1, [])
        assert "no database" in err


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


class TestBundledApp:
    """Cases of the demo's app that the demo does not show."""

    async def test_a_wrong_password_gives_no_cookie(self):
        async with TestClient(create_app()) as client:
            answer = await client.http.post("/login", json={"name": "ada", "password": "guess"})

            assert (answer.status_code, dict(answer.cookies)) == (401, {})

    @pytest.mark.parametrize(("method", "path"), [("GET", "/login"), ("POST", "/elsewhere")])
    async def test_there_is_nothing_but_the_login(self, method, path):
        async with TestClient(create_app()) as client:
            assert (await client.http.request(method, path)).status_code == 404

    async def test_a_login_may_come_in_pieces(self):
        async def pieces():
            yield b'{"name": "ada", '
            yield b'"password": "analytical"}'

        async with TestClient(create_app()) as client:
            assert (await client.http.post("/login", content=pieces())).status_code == 204

    async def test_a_forged_cookie_is_refused(self):
        async with TestClient(create_app(), cookies={COOKIE: "ada.forged"}) as client:
            with pytest.raises(ConnectionRefused, match="log in first"):
                await client.connect()

    async def test_a_user_in_no_room_disconnects_unnoticed(self):
        async with TestClient(create_app()) as ada, ada.clone() as grace:
            for client, name in ((ada, "ada"), (grace, "grace")):
                login = {"name": name, "password": PASSWORDS[name]}
                await client.http.post("/login", json=login)
                await client.connect()
            await ada.call("join", "tea")

            await grace.disconnect()

            await ada.assert_not_received()


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
