"""The command `emit`."""

import io
import json
import sys

import pytest

from asgi_sio_testclient._cli import main


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
