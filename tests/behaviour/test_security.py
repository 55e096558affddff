"""Cookies and credentials are sent to their own hosts only, no text shows them, and received data
is never executed.
"""

import ast
import asyncio
import base64
import gc
import json
import textwrap
import time
import traceback
from pathlib import Path

import httpx
import pytest
from apps import Recorder, lab

import asgi_sio_testclient
from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    NotConnected,
    ProtocolError,
    TestClient,
    stock,
)
from asgi_sio_testclient._cli import main

pytestmark = pytest.mark.usefixtures("nothing_left")

PASSWORD = "pw-in-the-url"
AUTH = "token-in-auth"
QUERY = "token-in-the-query"
COOKIE = "session-in-a-cookie"
HEADER = "key-in-a-header"
BASIC = base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, AUTH, QUERY, COOKIE, HEADER, BASIC)


def shown(text):
    """Return the secrets that a text contains."""
    return [secret for secret in SECRETS if secret in text]


def texts_of(exc):
    """Return all texts of an exception that users or logs can show."""
    return "\n".join((str(exc), repr(exc), *traceback.format_exception(exc)))


def user(app, **options):
    """Return a client with a secret in each option that may have one; `QUERY` is passed to
    connect().
    """
    return TestClient(
        app,
        base_url=f"http://ann:{PASSWORD}@testserver",
        auth={"token": AUTH},
        cookies={"session": COOKIE},
        headers={"X-Api-Key": HEADER},
        **options,
    )


def requests_of(recorder):
    return [*recorder.of("http"), *recorder.of("websocket")]


# -- the requests that have credentials


def jar_with(value, **attributes):
    """Return a jar of httpx with one cookie that has the given attributes of
    `http.cookiejar.Cookie`.
    """
    cookies = httpx.Cookies()
    domain = attributes.pop("domain", "www.chat.example")
    path = attributes.pop("path", "/")
    cookies.set("session", value, domain=domain, path=path)
    (cookie,) = cookies.jar
    for name, attribute in attributes.items():
        setattr(cookie, name, attribute)
    return cookies


def an_hour(sign):
    return int(time.time()) + sign * 3600


WHERE = {
    "here": ("http", {}, True),
    "other domain": ("http", {"domain": "www.evil.example"}, False),
    "domain that ends alike": ("http", {"domain": "chat.example.evil.example"}, False),
    "domain below": ("http", {"domain": "deep.www.chat.example"}, False),
    "domain above": ("http", {"domain": ".chat.example", "domain_initial_dot": True}, True),
    "path above": ("http", {"path": "/socket.io"}, True),
    "other path": ("http", {"path": "/admin"}, False),
    "path that begins alike": ("http", {"path": "/socket.io/admin"}, False),
    "secure over http": ("http", {"secure": True}, False),
    "secure over https": ("https", {"secure": True}, True),
    "expired": ("http", {"expires": an_hour(-1)}, False),
    "expires later": ("http", {"expires": an_hour(+1)}, True),
    "other port": ("http", {"port": "8000", "port_specified": True}, False),
}


@pytest.mark.parametrize(("scheme", "attributes", "goes"), WHERE.values(), ids=WHERE)
@pytest.mark.parametrize("jar_of", ["http", "client"])
async def test_a_cookie_goes_where_httpx_sends_it(transports, jar_of, scheme, attributes, goes):
    app = lab()
    base_url = f"{scheme}://www.chat.example"
    cookies = jar_with(COOKIE, **attributes)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app.app), base_url=base_url, cookies=cookies
    ) as http:
        await http.get("/socket.io/")
        assert (app.app.exchanges.pop().header("cookie") is not None) == goes
        given = {"http": http} if jar_of == "http" else {"base_url": base_url, "cookies": cookies}
        async with TestClient(app.app, transports=transports, **given) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
    headers = {exchange.header("cookie") for exchange in requests_of(app.app)}
    assert headers == {f"session={COOKIE}" if goes else None}


@pytest.mark.slow
async def test_a_cookie_that_expires_is_not_sent_at_the_next_connect(transports):
    app = lab()
    cookies = jar_with(COOKIE, domain="testserver.local", expires=an_hour(+1))
    async with (
        httpx.AsyncClient(base_url="http://testserver", cookies=cookies) as http,
        TestClient(app.app, http=http, transports=transports) as client,
    ):
        await client.connect()
        assert app.environ["HTTP_COOKIE"] == f"session={COOKIE}"
        await client.disconnect()
        next(iter(http.cookies.jar)).expires = an_hour(-1)
        await client.connect()
        assert "HTTP_COOKIE" not in app.environ


@pytest.mark.slow
async def test_auth_goes_with_each_request_of_its_client_and_of_no_other(transports):
    app = lab()
    async with (
        httpx.AsyncClient(
            base_url="http://testserver",
            auth=("ann", PASSWORD),
            headers={"X-Api-Key": HEADER},
            cookies={"session": COOKIE},
        ) as http,
        TestClient(app.app, http=http, transports=transports) as client,
    ):
        await client.connect()
        await client.call("echo", 1)
        for exchange in requests_of(app.app):
            assert exchange.header("authorization") == f"Basic {BASIC}"
            assert exchange.header("x-api-key") == HEADER
        await client.disconnect()
        app.app.exchanges.clear()
        stranger = client.clone()
        await stranger.connect()
        await stranger.call("echo", 2)
        assert requests_of(app.app)
        for exchange in requests_of(app.app):
            assert shown(repr(exchange.scope)) == []


async def test_the_password_of_a_base_url_is_in_the_authorization_header_alone(transports):
    app = lab()
    async with user(app.app, transports=transports) as client:
        await client.connect()
        assert client.http.base_url.host == "testserver"
    assert requests_of(app.app)
    for exchange in requests_of(app.app):
        rest = [pair for pair in exchange.headers if pair[0] != "authorization"]
        assert exchange.header("authorization") == f"Basic {BASIC}"
        assert exchange.header("host") == "testserver"
        assert PASSWORD not in repr({**exchange.scope, "headers": rest})


async def test_a_redirect_takes_them_nowhere(transports):
    async def moved(scope, receive, send):
        await receive()
        prefix = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
        location = b"http://www.evil.example/socket.io/"
        headers = [(b"location", location)]
        await send({"type": f"{prefix}.start", "status": 307, "headers": headers})
        await send({"type": f"{prefix}.body", "body": b""})

    app = Recorder(moved)
    async with user(app, transports=transports, lifespan=False) as client:
        with pytest.raises(HandshakeFailed, match=r"redirected to http://www\.evil\.example"):
            await client.connect()
    assert len(app.exchanges) == 1


# -- texts


async def test_the_app_gets_what_no_text_shows(transports):
    app = lab(namespaces=("/", "/chat"))
    async with user(app.app, transports=transports) as client:
        await client.connect("/", "/chat", query={"token": QUERY})
        await client.call("echo", 1)
        got = repr((app.environ["asgi.scope"], app.auths))
        assert [secret for secret in SECRETS if secret not in got] == [PASSWORD]
        transcript = client.transcript
        auths = [e.args for e in transcript if e.socketio_type == "CONNECT" and e.args]
        assert ({"token": AUTH},) in auths
        assert any(AUTH in str(entry.frame) for entry in transcript)

        entries = list(transcript)
        for text in (
            str(transcript),
            repr(transcript),
            transcript.to_mermaid(),
            repr(entries),
            "\n".join(map(str, entries)),
            repr(client),
        ):
            assert shown(text) == []
        assert str(transcript).count("CONNECT ***") == 1
        assert str(transcript).count("CONNECT /chat ***") == 1
        assert repr(entries).count("args=('***',)") == 2


async def test_no_object_of_this_package_shows_them():
    """Their reprs are shown by `pytest --showlocals`, debuggers and error reporters."""
    app = lab()
    async with user(app.app, transports=("polling",)) as client:
        await client.connect(query={"token": QUERY})
        await client.call("echo", 1)
        ours = [each for each in gc.get_objects() if is_ours(type(each))]
        assert {"Options", "TestClient", "EngineSession"} <= {type(each).__name__ for each in ours}
        assert {type(each).__name__ for each in ours if shown(repr(each))} == set()
    async with stock.ASGIClientSession(
        app.app,
        base_url=f"http://ann:{PASSWORD}@testserver",
        headers={"X-Api-Key": HEADER},
        cookies={"session": COOKIE},
    ) as http:
        assert shown(repr(http)) == []


def is_ours(kind):
    # The __module__ of some Cython types is a descriptor, and not a str.
    return str(kind.__module__).partition(".")[0] == "asgi_sio_testclient"


async def test_a_malformed_auth_payload_is_masked_too():
    app = lab()
    async with user(app.app, raise_app_exceptions=False) as client:
        await client.connect()
        client.raw.send_text(f'40/chat,{{"token":"{AUTH}"')
        await client.settle()
        assert "MALFORMED ***" in str(client.transcript)
        assert shown(str(client.transcript) + repr(list(client.transcript))) == []


async def test_what_the_app_sends_and_events_say_is_shown():
    app = lab()
    async with TestClient(app.app) as client:
        await client.connect(auth={"greet": "good day"})
        await client.await_event("greeting")
        await client.call("echo", "my words")
        assert "good day" in str(client.transcript)
        assert '"my words"' in repr(list(client.transcript)) + str(client.transcript)


class TestErrors:
    async def test_handshake_failed(self, transports):
        app = lab()
        async with user(app.app, transports=transports, socketio_path="nowhere") as client:
            with pytest.raises(HandshakeFailed) as caught:
                await client.connect(query={"token": QUERY, "EIO": "3"})
        assert shown(texts_of(caught.value)) == []
        scheme = "ws" if transports[0] == "websocket" else "http"
        url = f"{scheme}://testserver/nowhere/?token=***&EIO=3&transport={transports[0]}&EIO=4"
        assert url in str(caught.value)

    async def test_connection_refused(self, transports):
        app = lab()
        async with user(app.app, transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect("/unknown", query={"token": QUERY})
        assert shown(texts_of(caught.value)) == []

    async def test_connect_timeout(self, transports):
        app = lab()
        held = asyncio.Event()

        @app.sio.on("connect")
        async def connect(sid, environ, auth):
            await held.wait()

        async with user(app.app, transports=transports) as client:
            with pytest.raises(ConnectTimeout) as caught:
                await client.connect(query={"token": QUERY}, timeout=0.3)
            held.set()
        assert "CONNECT ***" in "\n".join(caught.value.details)
        assert shown(texts_of(caught.value)) == []

    async def test_event_timeout(self, transports):
        app = lab()
        async with user(app.app, transports=transports) as client:
            await client.connect(query={"token": QUERY})
            with pytest.raises(EventTimeout) as caught:
                await client.await_event("never", timeout=0.05)
        assert "CONNECT ***" in "\n".join(caught.value.details)
        assert shown(texts_of(caught.value)) == []

    async def test_not_connected(self, transports):
        app = lab()
        async with user(app.app, transports=transports) as client:
            await client.connect(query={"token": QUERY})
            await app.sio.disconnect(client.sid)
            await client.settle()
            with pytest.raises(NotConnected) as caught:
                await client.emit("echo")
        assert "CONNECT ***" in "\n".join(caught.value.details)
        assert shown(texts_of(caught.value)) == []

    async def test_protocol_error(self, transports):
        hello = {"sid": "x", "upgrades": [], "pingInterval": 1000, "pingTimeout": 1000}
        packets = ["0" + json.dumps(hello), "hello"]

        async def babble(scope, receive, send):
            await receive()
            if scope["type"] == "websocket":
                await send({"type": "websocket.accept"})
                for packet in packets:
                    await send({"type": "websocket.send", "text": packet})
                await receive()
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            body = "\x1e".join(packets).encode()
            await send({"type": "http.response.body", "body": body})

        async with user(babble, transports=transports, lifespan=False) as client:
            with pytest.raises(ProtocolError) as caught:
                await client.connect(query={"token": QUERY})
        assert "'hello'" in str(caught.value)
        assert shown(texts_of(caught.value)) == []

    @pytest.mark.parametrize(
        "base_url",
        [
            f"ftp://ann:{PASSWORD}@testserver",
            f"http://ann:{PASSWORD}@",
            f"http://ann:{PASSWORD}@test server:port",
            f"http://ann:{PASSWORD}/@testserver",
        ],
    )
    def test_a_base_url_that_is_wrong(self, base_url):
        with pytest.raises(ValueError, match=r"base_url is '\w+://\*\*\*@") as caught:
            TestClient(lab().app, base_url=base_url)
        assert shown(texts_of(caught.value)) == []


# -- reports

APP = """
from pathlib import Path

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    seen = [environ["HTTP_X_API_KEY"], environ["HTTP_COOKIE"], auth["token"]]
    assert seen == Path("secrets.txt").read_text().split()


@sio.event
async def echo(sid, *args):
    return args


@sio.event
async def fail(sid):
    raise ZeroDivisionError("the handler's own words")
"""
IN_THE_FILE = (HEADER, f"session={COOKIE}", AUTH)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "guarded.py").write_text(APP)
    (tmp_path / "secrets.txt").write_text("\n".join(IN_THE_FILE))
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("event", "code"), [("echo", 0), ("fail", 1)])
def test_bench_reports(folder, capsys, event, code):
    key = ("--header", f"X-Api-Key: {HEADER}", "--cookie", f"session={COOKIE}")
    auth = ("--auth", json.dumps({"token": AUTH}))
    amount = ("--calls", "20", "--warmup", "2", "--json", "report.json")
    ended = main(["bench", "guarded:app", event, *key, *auth, *amount])
    captured = capsys.readouterr()
    assert ended == code, captured
    assert event in captured.out + captured.err
    assert shown(captured.out + captured.err) == []
    written = folder / "report.json"
    assert written.exists() or code
    assert not written.exists() or shown(written.read_text()) == []


def test_what_emit_prints(folder, capsys):
    key = ("--header", f"X-Api-Key: {HEADER}", "--cookie", f"session={COOKIE}")
    ended = main(
        ["emit", "guarded:app", "fail", *key, "--auth", json.dumps({"token": AUTH}), "--ack"]
    )
    captured = capsys.readouterr()
    assert ended != 0
    assert "the handler's own words" in captured.out + captured.err
    assert shown(captured.out + captured.err) == []


FAILS = """
import pytest

HEADER, COOKIE, AUTH = Path("secrets.txt").read_text().split()


@pytest.fixture
def sio_app():
    return app


@pytest.fixture
def sio_options():
    name, value = COOKIE.split("=")
    return {"headers": {"X-Api-Key": HEADER}, "cookies": {name: value}, "auth": {"token": AUTH}}


def test_waits(sio_sync_client):
    sio_sync_client.await_event("never", timeout=0.05)


def test_compares(sio_sync_client):
    assert list(sio_sync_client.transcript) == []


def test_fails(sio_sync_client):
    sio_sync_client.call("fail")
"""
pytest_plugins = ["pytester"]


@pytest.mark.slow
def test_the_report_of_pytest(pytester, monkeypatch):
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\n")
    (pytester.path / "secrets.txt").write_text("\n".join(IN_THE_FILE))
    pytester.makepyfile(test_it=APP + textwrap.dedent(FAILS))
    plugin = "asgi_sio_testclient.pytest_plugin"
    done = pytester.runpytest_inprocess("-p", plugin, "-p", "no:cacheprovider")
    done.assert_outcomes(failed=3)
    printed = f"{done.stdout}\n{done.stderr}"
    assert printed.count("Socket.IO transcript of client1") == 3
    assert printed.count("CONNECT ***") >= 3
    assert shown(printed) == []


# -- received data is not executed

ROOT = Path(asgi_sio_testclient.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "code"}
BUILTINS = {"eval", "exec", "compile", "__import__"}


def runs_data(source):
    """Yield the lines and names of calls and imports in a module that can execute data."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
            yield from ((node.lineno, name) for name in names if name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            name = (node.module or "").partition(".")[0]
            if name in MODULES and not node.level:
                yield node.lineno, name
        elif isinstance(node, ast.Name) and node.id in BUILTINS:
            yield node.lineno, node.id


@pytest.mark.slow
def test_nothing_is_unpickled_or_evaluated():
    paths = sorted(ROOT.rglob("*.py"))
    assert len(paths) > 30
    found = [(path.name, *use) for path in paths for use in runs_data(path.read_text())]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["import pickle", "import marshal as m", "from pickle import loads", "eval('1')", "f = exec"],
)
def test_what_runs_data_is_found(source):
    assert [line for line, _ in runs_data(f"x = 1\n{source}")] == [2]
