"""The app receives scopes and messages with the keys and types that uvicorn gives them."""

import asyncio
import base64

import pytest
from apps import Journal, Recorder, lab

from asgi_sio_testclient import TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")

HTTP_KEYS = {
    "type",
    "asgi",
    "http_version",
    "method",
    "scheme",
    "path",
    "raw_path",
    "query_string",
    "root_path",
    "headers",
    "client",
    "server",
    "state",
}
OPEN = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}'
WEBSOCKET_KEYS = (HTTP_KEYS - {"method"}) | {"subprotocols", "extensions"}


def assert_headers_are_asgi(scope):
    assert isinstance(scope["headers"], list)
    for name, value in scope["headers"]:
        assert type(name) is type(value) is bytes
        assert name == name.lower()


class TestHTTP:
    async def test_of_a_poll(self):
        app = lab()
        async with TestClient(app.app, transports=("polling",)) as client:
            await client.connect()
            await client.call("echo", 1)
        assert {e.scope["method"] for e in app.app.of("http")} == {"GET", "POST"}
        for exchange in app.app.of("http"):
            self.assert_is_uvicorns(exchange.scope)
            assert exchange.scope["path"] == "/socket.io/"
            assert exchange.scope["raw_path"] == b"/socket.io/"
            assert exchange.scope["query_string"].startswith(b"transport=polling&EIO=4")

    async def test_of_client_http(self):
        app = lab()
        async with TestClient(app.app) as client:
            await client.http.get("/caf%C3%A9%2Fbar?q=%20&r=1")
        [exchange] = app.app.of("http")
        self.assert_is_uvicorns(exchange.scope)
        assert exchange.scope["path"] == "/café/bar"
        assert exchange.scope["raw_path"] == b"/caf%C3%A9%2Fbar"
        assert exchange.scope["query_string"] == b"q=%20&r=1"

    @staticmethod
    def assert_is_uvicorns(scope):
        assert set(scope) == HTTP_KEYS
        assert scope["type"] == "http"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.3"}
        assert scope["http_version"] == "1.1"
        assert scope["scheme"] == "http"
        assert scope["root_path"] == ""
        assert scope["server"] == ("testserver", 80)
        assert scope["client"] == ("testclient", 50000)
        assert scope["state"] == {}
        assert_headers_are_asgi(scope)
        assert dict(scope["headers"])[b"host"] == b"testserver"


class TestWebSocket:
    async def test_of_a_connection(self):
        app = lab()
        async with TestClient(app.app) as client:
            await client.connect()
        [exchange] = app.app.of("websocket")
        scope = exchange.scope
        assert set(scope) == WEBSOCKET_KEYS
        assert scope["type"] == "websocket"
        assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
        assert scope["http_version"] == "1.1"
        assert scope["scheme"] == "ws"
        assert scope["path"] == "/socket.io/"
        assert scope["raw_path"] == b"/socket.io/"
        assert scope["query_string"].startswith(b"transport=websocket&EIO=4")
        assert scope["root_path"] == ""
        assert scope["server"] == ("testserver", 80)
        assert scope["client"] == ("testclient", 50000)
        assert scope["subprotocols"] == []
        assert scope["extensions"] == {"websocket.http.response": {}}
        assert scope["state"] == {}
        assert_headers_are_asgi(scope)

    async def test_its_headers_are_a_websocket_handshakes(self):
        app = lab()
        async with TestClient(app.app) as client:
            await client.connect()
            await client.disconnect()
            await client.connect()
        first, second = app.app.of("websocket")
        assert first.header("host") == "testserver"
        assert first.header("connection").lower() == "upgrade"
        assert first.header("upgrade") == "websocket"
        assert first.header("sec-websocket-version") == "13"
        key = first.header("sec-websocket-key")
        assert len(base64.b64decode(key, validate=True)) == 16
        assert second.header("sec-websocket-key") != key

    async def test_the_messages(self):
        app = lab()
        async with TestClient(app.app) as client:
            await client.connect()
            await client.call("echo", "text", b"bytes", "")
            await client.disconnect()
        [exchange] = app.app.of("websocket")
        assert exchange.received[0] == {"type": "websocket.connect"}
        middle = exchange.received[1:-1]
        assert {message["type"] for message in middle} == {"websocket.receive"}
        assert {frozenset(message) for message in middle} == {
            frozenset({"type", "text"}),
            frozenset({"type", "bytes"}),
        }
        assert exchange.received[-1] == {"type": "websocket.disconnect", "code": 1000, "reason": ""}

    async def test_sending_to_a_client_that_is_gone_is_an_os_error(self):
        result = Journal()

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": OPEN})
            message = await receive()
            while message["type"] != "websocket.disconnect":
                if message.get("text") == "40":
                    await send({"type": "websocket.send", "text": '40{"sid":"s"}'})
                message = await receive()
            try:
                await send({"type": "websocket.send", "text": "42[]"})
            except Exception as exc:  # noqa: BLE001 (which one is what the test asks)
                result.note("raised", exc)
            else:
                result.note("raised", None)

        async with TestClient(app) as client:
            await client.connect()
            assert client.sid == "s"
            await client.abort()
            [(raised,)] = await result.until("raised")
        assert isinstance(raised, OSError)


class TestFromTheBaseURL:
    @pytest.mark.parametrize(
        ("base_url", "server", "secure", "host"),
        [
            ("http://testserver", ("testserver", 80), False, "testserver"),
            ("http://testserver/", ("testserver", 80), False, "testserver"),
            ("http://testserver:8000", ("testserver", 8000), False, "testserver:8000"),
            ("https://testserver", ("testserver", 443), True, "testserver"),
            ("https://chat.example:444", ("chat.example", 444), True, "chat.example:444"),
            ("http://127.0.0.1:5000", ("127.0.0.1", 5000), False, "127.0.0.1:5000"),
        ],
    )
    async def test_scheme_server_and_host(self, transports, base_url, server, secure, host):
        app = lab()
        async with TestClient(app.app, transports=transports, base_url=base_url) as client:
            await client.connect()
            await client.http.get("/page")
        for exchange in app.app.of("http"):
            assert exchange.scope["scheme"] == ("https" if secure else "http")
        for exchange in app.app.of("websocket"):
            assert exchange.scope["scheme"] == ("wss" if secure else "ws")
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.scope["server"] == server
            assert exchange.header("host") == host


async def test_root_path_and_client_go_into_every_scope(transports):
    app = lab()
    async with TestClient(
        app.app, transports=transports, root_path="/sub", client=("10.0.0.1", 4711)
    ) as client:
        await client.connect()
        await client.http.get("/page")
    for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
        assert exchange.scope["root_path"] == "/sub"
        assert exchange.scope["client"] == ("10.0.0.1", 4711)
        assert exchange.scope["path"] in ("/socket.io/", "/page")


async def test_a_path_outside_ascii(transports):
    app = lab(socketio_path="/café/socket.io")
    async with TestClient(
        app.app, transports=transports, socketio_path="/café/socket.io"
    ) as client:
        await client.connect()
    assert app.app.handshake.scope["path"] == "/café/socket.io/"
    assert app.app.handshake.scope["raw_path"] == b"/caf%C3%A9/socket.io/"


class TestState:
    @staticmethod
    def stateful(state):
        app = lab()

        async def with_lifespan(scope, receive, send):
            if scope["type"] != "lifespan":
                await app.app(scope, receive, send)
                return
            await receive()
            scope["state"].update(state)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        return app, with_lifespan

    async def test_the_lifespans_is_in_every_scope(self, transports):
        database = object()
        app, stateful = self.stateful({"database": database})
        async with TestClient(stateful, transports=transports) as client:
            await client.connect()
            await client.http.get("/page")
        scopes = [e.scope for e in [*app.app.of("http"), *app.app.of("websocket")]]
        assert scopes
        for scope in scopes:
            assert scope["state"] == {"database": database}
            assert scope["state"]["database"] is database

    async def test_each_connection_has_a_shallow_copy(self):
        shared = []
        _app, stateful = self.stateful({"shared": shared})

        async def scribbling(scope, receive, send):
            if scope["type"] != "lifespan":
                scope["state"]["mine"] = 1
                scope["state"]["shared"].append(scope["type"])
            await stateful(scope, receive, send)

        recorder = Recorder(scribbling)
        seen = []

        async def looking(scope, receive, send):
            if scope["type"] != "lifespan":
                seen.append(dict(scope["state"]))
            await recorder(scope, receive, send)

        async with TestClient(looking) as client:
            await client.connect()
            await client.http.get("/page")
        assert [sorted(state) for state in seen] == [["shared"], ["shared"]]
        assert shared == ["websocket", "http"]

    async def test_the_lifespan_scope(self):
        recorder = Recorder(lab().app.app)
        async with TestClient(recorder):
            pass
        [exchange] = recorder.of("lifespan")
        assert exchange.scope == {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": {},
        }


class TestASGI2:
    async def test_a_class(self, transports):
        app = lab()

        class Two:
            def __init__(self, scope):
                self.scope = scope

            async def __call__(self, receive, send):
                await app.app(self.scope, receive, send)

        async with TestClient(Two, transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
        app.assert_released()

    async def test_a_function(self, transports):
        app = lab()

        def two(scope):
            async def instance(receive, send):
                await app.app(scope, receive, send)

            return instance

        async with TestClient(two, transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
            assert (await client.http.get("/nowhere")).status_code == 404


class TestAppsThatWrap:
    async def test_middleware_that_hides_the_server(self, transports):
        app = lab()

        def wrap(inner):
            async def wrapped(scope, receive, send):
                await inner(scope, receive, send)

            return wrapped

        async with TestClient(wrap(wrap(app.app)), transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
        app.assert_released()

    async def test_an_app_that_runs_each_connection_in_a_task_of_its_own(self, transports):
        app = lab()

        async def tasked(scope, receive, send):
            await asyncio.create_task(app.app(scope, receive, send))

        async with TestClient(tasked, transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
        app.assert_released()

    async def test_a_callable_object(self, transports):
        app = lab()

        class Callable:
            async def __call__(self, scope, receive, send):
                await app.app(scope, receive, send)

        async with TestClient(Callable(), transports=transports) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
