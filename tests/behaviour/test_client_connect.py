"""Connecting: handshake, CONNECT, refusals, timeouts, and the properties of a connected client."""

import asyncio
import urllib.parse

import pytest
import socketio
from apps import WAIT, Gate, lab

from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    HandshakeFailed,
    NotConnected,
    TestClient,
    TestClientError,
)

pytestmark = pytest.mark.usefixtures("nothing_left")


async def test_entering_starts_the_app_and_does_not_connect():
    app = lab()
    async with TestClient(app.app) as client:
        assert app.app.of("http") == app.app.of("websocket") == []
        assert not client.is_connected()
        assert client.sid is None
        assert client.get_sid() is None
        assert client.transport is None
        assert client.disconnect_reason is None
    assert app.journal == []


async def test_aenter_returns_the_client_and_connect_does_too(transports):
    client = TestClient(lab().app, transports=transports)
    async with client as entered:
        assert entered is client
        assert await client.connect() is client


async def test_a_connected_client_knows_itself_as_the_server_does(transports):
    app = lab()
    async with TestClient(app.app, transports=transports) as client:
        await client.connect()
        [(namespace, sid, auth)] = app.journal.kinds("connect")
        assert (namespace, auth) == ("/", None)
        assert client.sid == client.get_sid() == client.get_sid("/") == sid
        assert client.is_connected()
        assert client.is_connected("/")
        assert client.transport == transports[-1]
        assert client.disconnect_reason is None
        assert await client.call("where") == transports[-1]


async def test_the_server_agrees_about_the_transport_as_soon_as_connect_returns(transports):
    app = lab()
    async with TestClient(app.app, transports=transports) as client:
        await client.connect()
        assert app.sio.transport(client.sid) == transports[-1]


@pytest.mark.parametrize("given", ["polling", ["polling"], ("polling",)])
async def test_transports_may_be_a_name_or_any_sequence(given):
    async with TestClient(lab().app, transports=given) as client:
        await client.connect()
        assert client.transport == "polling"


async def test_connects_transports_replace_the_clients(transports):
    async with TestClient(lab().app) as client:
        await client.connect(transports=transports)
        assert client.transport == transports[-1]


async def test_websocket_is_the_default_and_polls_nothing():
    app = lab()
    async with TestClient(app.app) as client:
        await client.connect()
        assert client.transport == "websocket"
    assert app.app.of("http") == []
    assert len(app.app.of("websocket")) == 1


async def test_a_server_that_allows_no_upgrade_is_polled():
    app = lab(allow_upgrades=False)
    async with TestClient(app.app, transports=("polling", "websocket")) as client:
        await client.connect()
        assert client.transport == "polling"
        assert await client.call("where") == "polling"
    assert app.app.of("websocket") == []


async def test_an_upgrade_loses_nothing_that_the_connect_handler_emitted():
    async with TestClient(lab().app, transports=("polling", "websocket")) as client:
        await client.connect(auth={"greet": "hello"})
        assert (await client.await_event("greeting")).data == "hello"
        assert await client.call("echo", "on") == "on"


async def test_after_a_disconnect_the_same_client_connects_again(transports):
    app = lab()
    async with TestClient(app.app, transports=transports) as client:
        await client.connect()
        first = client.sid
        await client.disconnect()
        assert client.sid is None
        await client.connect()
        assert client.sid not in (None, first)
        assert client.disconnect_reason is None
        assert await client.call("echo", 1) == 1
    assert app.disconnects == [("/", "client disconnect")] * 2


class TestAuth:
    @pytest.mark.parametrize("auth", [{"token": "t"}, ["a", 1], "token", {"deep": {"er": [None]}}])
    async def test_a_value_reaches_the_handler(self, transports, auth):
        app = lab()
        async with TestClient(app.app, transports=transports, auth=auth) as client:
            await client.connect()
        assert app.auths == [auth]

    async def test_connects_auth_replaces_the_constructors(self, transports):
        app = lab()
        async with TestClient(app.app, transports=transports, auth={"who": "all"}) as client:
            await client.connect(auth={"who": "me"})
        assert app.auths == [{"who": "me"}]

    @pytest.mark.parametrize("falsy", [{}, [], "", 0, False])
    async def test_a_falsy_value_is_a_value(self, falsy):
        app = lab()
        async with TestClient(app.app, auth={"who": "all"}) as client:
            await client.connect(auth=falsy)
        # python-socketio passes None to the handler for a falsy payload; the constructor's is not
        # used.
        assert app.auths == [None]

    async def test_a_callable_is_called_for_each_connect(self, transports):
        tokens = iter(["first", "second"])
        app = lab()
        async with TestClient(
            app.app, transports=transports, auth=lambda: {"token": next(tokens)}
        ) as client:
            await client.connect()
            await client.disconnect()
            await client.connect()
        assert app.auths == [{"token": "first"}, {"token": "second"}]

    async def test_a_coroutine_function_is_awaited(self, transports):
        async def token():
            await asyncio.sleep(0)
            return {"token": "async"}

        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            await client.connect(auth=token)
        assert app.auths == [{"token": "async"}]

    async def test_an_auth_callables_error_is_raised_and_leaves_no_session(self, transports):
        def token():
            raise LookupError("no token today")

        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(LookupError, match="no token today"):
                await client.connect(auth=token)
            assert not client.is_connected()
            assert client.transport is None
            await client.connect()
        app.assert_released()

    async def test_an_auth_that_cannot_be_serialised_is_a_type_error(self, transports):
        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(TypeError):
                await client.connect(auth={"it": object()})
            assert not client.is_connected()
            await client.connect()
            assert await client.call("echo", 1) == 1
        app.assert_released()


class TestQuery:
    @pytest.mark.parametrize(
        "query", [{"room": "a b&c/ü", "n": "1"}, "room=a%20b%26c%2F%C3%BC&n=1"]
    )
    async def test_query_parameters_are_before_those_of_the_protocol(self, transports, query):
        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            await client.connect(query=query)
            await client.call("echo", 1)
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            pairs = urllib.parse.parse_qsl(exchange.scope["query_string"].decode("ascii"))
            assert pairs[:2] == [("room", "a b&c/ü"), ("n", "1")]
            assert [name for name, _ in pairs[2:4]] == ["transport", "EIO"]
            assert dict(pairs)["EIO"] == "4"

    async def test_without_one_there_is_only_the_protocols_own(self):
        app = lab()
        async with TestClient(app.app) as client:
            await client.connect()
        assert app.app.handshake.scope["query_string"].startswith(b"transport=websocket&EIO=4")

    async def test_every_request_after_the_handshake_names_the_session(self):
        app = lab()
        async with TestClient(app.app, transports=("polling", "websocket")) as client:
            await client.connect()
        later = [*app.app.of("http"), *app.app.of("websocket")]
        later.remove(app.app.handshake)
        assert later
        assert b"sid=" not in app.app.handshake.scope["query_string"]
        assert all(b"&sid=" in exchange.scope["query_string"] for exchange in later)


class TestRefused:
    async def test_the_handlers_words_and_data(self, transports):
        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect(auth={"refuse": ["not you", {"code": 7}]})
            error = caught.value
            assert error.namespace == "/"
            assert error.data == {"message": "not you", "data": {"code": 7}}
            assert error.refusals == {"/": error.data}
            assert "not you" in str(error)
            assert isinstance(error, TestClientError)
            assert isinstance(error, socketio.exceptions.ConnectionError)
            assert not client.is_connected()
            assert client.transport is None
            assert client.sid is None
        app.assert_released()

    async def test_a_handler_that_returns_false(self, transports):
        sio = socketio.AsyncServer(async_mode="asgi")
        sio.on("connect", lambda sid, environ: False)
        async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect()
            assert caught.value.data == {"message": "Connection rejected by server"}

    async def test_a_namespace_that_nobody_serves(self, transports):
        async with TestClient(lab().app, transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect("/nowhere")
            assert caught.value.namespace == "/nowhere"
            assert caught.value.data == "Unable to connect"
            assert "/nowhere" in str(caught.value)

    async def test_one_refused_namespace_ends_the_whole_first_connect(self, transports):
        app = lab(namespaces=("/", "/chat"))
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect("/", "/nowhere", "/chat", "/neither")
            assert caught.value.refusals == {
                "/nowhere": "Unable to connect",
                "/neither": "Unable to connect",
            }
            assert caught.value.namespace == "/nowhere"
            assert not client.is_connected("/")
            assert not client.is_connected("/chat")
            assert client.transport is None
            assert sorted(namespace for namespace, _ in app.disconnects) == ["/", "/chat"]
            await client.connect()
            assert client.is_connected()
        app.assert_released()

    async def test_a_later_one_leaves_the_others_alone(self, transports):
        app = lab(namespaces=("/", "/chat"))
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            sid = client.sid
            with pytest.raises(ConnectionRefused):
                await client.connect("/chat", auth={"refuse": ["no"]})
            assert client.is_connected()
            assert client.sid == sid
            assert not client.is_connected("/chat")
            assert client.get_sid("/chat") is None
            assert await client.call("echo", "still here") == "still here"
            await client.connect("/chat")
            assert client.is_connected("/chat")
        app.assert_released()

    async def test_after_the_fact(self, transports):
        """With always_connect the server sends CONNECT first, and the refusal is a DISCONNECT."""
        app = lab(always_connect=True)
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(ConnectionRefused) as caught:
                await client.connect(auth={"refuse": ["second thoughts"]})
            assert caught.value.namespace == "/"
            assert caught.value.data == {"message": "second thoughts"}
            assert not client.is_connected()
        app.assert_released()

    async def test_always_connect_accepts_too(self, transports):
        async with TestClient(lab(always_connect=True).app, transports=transports) as client:
            await client.connect(auth={"greet": "hello"})
            assert client.is_connected()
            assert (await client.await_event("greeting")).data == "hello"

    async def test_refused_then_welcome(self, transports):
        async with TestClient(lab().app, transports=transports) as client:
            for _ in range(2):
                with pytest.raises(ConnectionRefused):
                    await client.connect(auth={"refuse": ["no"]})
            await client.connect()
            assert await client.call("echo", "in") == "in"


class TestTimeout:
    async def test_a_connect_handler_that_hangs(self, transports):
        gate = Gate()
        app = lab()

        @app.sio.on("connect")
        async def connect(sid, environ):
            await gate.pass_through()

        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(ConnectTimeout) as caught:
                await client.connect(timeout=0.3)
            assert isinstance(caught.value, TestClientError)
            assert isinstance(caught.value, socketio.exceptions.ConnectionError)
            assert gate.reached.is_set()
            assert not client.is_connected()
            assert client.transport is None
            # The connect handler's result arrives too late for the session that has timed out.
            gate.opened.set()
            await client.connect()
            assert client.is_connected()
            assert await client.call("echo", 1) == 1
        app.assert_released()

    async def test_an_app_that_never_answers_the_handshake(self, transports):
        gate = Gate()

        async def app(scope, receive, send):
            if scope["type"] != "lifespan":
                await gate.pass_through()

        async with TestClient(app, transports=transports, lifespan=False, timeout=0.2) as client:
            with pytest.raises(ConnectTimeout):
                await client.connect()
            assert gate.reached.is_set()
            assert not client.is_connected()
            gate.opened.set()

    async def test_the_constructors_timeout_holds_and_connects_own_wins(self):
        gate = Gate()
        app = lab()

        @app.sio.on("connect")
        async def connect(sid, environ):
            await gate.pass_through()

        async with TestClient(app.app, timeout=30) as client:
            async with asyncio.timeout(WAIT):
                with pytest.raises(ConnectTimeout):
                    await client.connect(timeout=0.02)
            gate.opened.set()


class TestMisuse:
    async def test_a_connected_namespace_is_not_connected_again(self, transports):
        async with TestClient(lab().app, transports=transports) as client:
            await client.connect()
            sid = client.sid
            with pytest.raises(RuntimeError) as caught:
                await client.connect()
            assert isinstance(caught.value, TestClientError)
            assert client.sid == sid
            assert await client.call("echo", 1) == 1

    @pytest.mark.parametrize(
        "use",
        [
            lambda client: client.connect(),
            lambda client: client.emit("echo"),
            lambda client: client.call("echo"),
            lambda client: client.send("echo"),
            lambda client: client.await_event("echo"),
            lambda client: client.await_events(1, "echo"),
        ],
        ids=["connect", "emit", "call", "send", "await_event", "await_events"],
    )
    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_outside_the_block(self, use, when):
        client = TestClient(lab().app)
        if when == "after":
            async with client:
                await client.connect()
        with pytest.raises(TestClientError) as caught:
            await use(client)
        assert isinstance(caught.value, (RuntimeError, NotConnected))

    async def test_outside_the_block_connect_says_what_to_write(self):
        with pytest.raises(RuntimeError, match="async with") as caught:
            await TestClient(lab().app).connect()
        assert isinstance(caught.value, TestClientError)

    @pytest.mark.parametrize(
        "use",
        [
            lambda client: client.emit("echo"),
            lambda client: client.call("echo"),
            lambda client: client.send("echo"),
            lambda client: client.await_event("echo"),
        ],
        ids=["emit", "call", "send", "await_event"],
    )
    async def test_inside_the_block_but_not_connected(self, use):
        async with TestClient(lab().app, timeout=0.05) as client:
            with pytest.raises(NotConnected) as caught:
                await use(client)
            assert caught.value.reason is None
            assert isinstance(caught.value, socketio.exceptions.DisconnectedError)


class TestPaths:
    @pytest.mark.parametrize("path", ["/ws/socket.io", "ws/socket.io", "/ws/socket.io/"])
    async def test_socketio_path(self, transports, path):
        app = lab(socketio_path="/ws/socket.io")
        async with TestClient(app.app, transports=transports, socketio_path=path) as client:
            await client.connect()
            assert await client.call("echo", 1) == 1
        assert app.app.handshake.scope["path"] == "/ws/socket.io/"

    async def test_a_wrong_path_is_a_404_with_url_words_and_hint(self, transports):
        async with TestClient(lab().app, transports=transports, socketio_path="/sock") as client:
            with pytest.raises(HandshakeFailed) as caught:
                await client.connect()
            error = caught.value
            assert error.status == 404
            assert error.body == "Not Found"
            assert "testserver/sock/" in str(error.url)
            for word in ("testserver/sock/", "404", "Not Found", "socketio_path"):
                assert word in str(error)
            assert isinstance(error, socketio.exceptions.ConnectionError)
            assert isinstance(error, TestClientError)
            assert not client.is_connected()
            assert client.transport is None


async def test_a_client_shows_what_it_is_connected_to():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("connect", lambda sid, environ: None, namespace="/chat")
    async with TestClient(socketio.ASGIApp(sio)) as client:
        assert repr(client) == "<TestClient not connected>"
        await client.connect("/", "/chat")
        assert repr(client) == "<TestClient connected to /, /chat over websocket>"
