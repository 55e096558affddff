"""Invalid input, from the test or from the server, and the error that names it."""

import httpx
import pytest
import socketio
from apps import lab
from fastapi import FastAPI

from asgi_sio_testclient import (
    HandshakeFailed,
    ProtocolError,
    TestClient,
    TestClientError,
)

pytestmark = pytest.mark.usefixtures("nothing_left")


class TestConstructor:
    async def app(self, scope, receive, send):
        raise AssertionError("no test here gets as far as the app")

    @pytest.mark.parametrize(
        ("app", "words"),
        [
            ("main:app", ["main:app"]),
            (None, ["app"]),
            (42, ["app"]),
            (socketio.AsyncServer(async_mode="asgi"), ["server", "ASGIApp"]),
        ],
        ids=["import string", "None", "number", "AsyncServer"],
    )
    def test_what_is_no_app(self, app, words):
        with pytest.raises(TypeError) as caught:
            TestClient(app)
        for word in words:
            assert word in str(caught.value)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"transports": ("pigeon",)}, ["pigeon", "websocket", "polling"]),
            ({"transports": "pigeon"}, ["pigeon", "websocket", "polling"]),
            ({"transports": ("polling", "pigeon")}, ["pigeon"]),
            ({"transports": ()}, ["transport"]),
            ({"transports": 1}, ["transport"]),
            ({"serializer": "yaml"}, ["yaml", "msgpack", "default"]),
            ({"serializer": 42}, ["serializer"]),
            ({"timeout": -1}, ["timeout", "-1"]),
            ({"timeout": "5"}, ["timeout"]),
            ({"http": "http://testserver"}, ["http"]),
            ({"http": 42}, ["http"]),
            ({"server": "sio"}, ["server"]),
            ({"server": 42}, ["server"]),
            ({"base_url": "testserver"}, ["base_url", "testserver"]),
            ({"base_url": 42}, ["base_url"]),
            ({"headers": 42}, ["headers"]),
            ({"socketio_path": 42}, ["socketio_path"]),
            ({"client": "127.0.0.1"}, ["client"]),
            ({"json": "json"}, ["json"]),
        ],
        ids=repr,
    )
    def test_what_an_option_may_not_be(self, options, words):
        with pytest.raises((TypeError, ValueError)) as caught:
            TestClient(self.app, **options)
        for word in words:
            assert word in str(caught.value)

    def test_an_option_that_does_not_exist(self):
        with pytest.raises(TypeError, match="transport"):
            TestClient(self.app, transport="websocket")

    def test_options_are_keywords(self):
        with pytest.raises(TypeError):
            TestClient(self.app, httpx.AsyncClient)

    def test_clone_is_as_strict(self):
        client = TestClient(self.app)
        with pytest.raises(TypeError, match="transport"):
            client.clone(transport="websocket")
        with pytest.raises(ValueError, match="pigeon"):
            client.clone(transports=("pigeon",))


class TestArguments:
    async def test_transports_of_connect(self):
        async with TestClient(lab().app) as client:
            with pytest.raises(ValueError, match="pigeon"):
                await client.connect(transports=("pigeon",))
            await client.connect()
            assert client.is_connected()

    async def test_timeouts(self):
        async with TestClient(lab().app) as client:
            with pytest.raises(ValueError, match="timeout"):
                await client.connect(timeout=-1)
            await client.connect()
            with pytest.raises(ValueError, match="timeout"):
                await client.await_event("x", timeout=-1)
            with pytest.raises(ValueError, match="timeout"):
                await client.call("echo", timeout=-1)
            assert await client.call("echo", 1) == 1


class TestEmit:
    @pytest.mark.parametrize(
        "args",
        [(object(),), ({"deep": [{1, 2}]},), (b"binary", object()), ([b"a"], {"x": object()})],
        ids=["object", "set", "binary first", "nested"],
    )
    async def test_what_cannot_be_serialised_is_a_type_error_and_nothing_is_sent(
        self, transports, args
    ):
        app = lab()
        async with TestClient(app.app, transports=transports) as client:
            await client.connect()
            with pytest.raises(TypeError):
                await client.emit("keep", *args)
            with pytest.raises(TypeError):
                await client.send(*args)
            with pytest.raises(TypeError):
                await client.call("echo", *args)
            with pytest.raises(TypeError):
                await client.emit("echo", *args, callback=lambda *args: None)
            # After half of a binary event the server would take these packets for its attachments.
            assert await client.call("echo", b"works", 1) == (b"works", 1)
        assert app.journal.kinds("keep") == []

    async def test_an_event_is_a_name(self):
        async with TestClient(lab().app) as client:
            await client.connect()
            with pytest.raises(TypeError):
                await client.emit(42)
            assert await client.call("echo", 1) == 1

    async def test_a_match_is_callable(self):
        async with TestClient(lab().app) as client:
            await client.connect()
            for wait in (
                client.await_event("e", match={"id": 1}),
                client.await_events(2, match={"id": 1}),
                client.assert_not_received(match={"id": 1}),
            ):
                with pytest.raises(TypeError, match="expected a predicate"):
                    await wait

    def test_what_is_async_says_so_in_a_plain_with(self):
        client = TestClient(lab().app)
        with pytest.raises(TypeError, match="`async with`, or SyncTestClient"), client:
            pytest.fail("it was entered")

    async def test_a_callback_is_callable(self):
        async with TestClient(lab().app) as client:
            await client.connect()
            with pytest.raises(TypeError):
                await client.emit("echo", callback="me")
            assert await client.call("echo", 1) == 1

    async def test_a_handler_has_an_event(self):
        with pytest.raises(TypeError, match=r"expected its name: @client\.on\('name'\)"):
            TestClient(lab().app).on(print)

    async def test_a_handler_is_callable(self):
        client = TestClient(lab().app)
        with pytest.raises(TypeError):
            client.on("echo", "me")


class TestNotSocketIO:
    @pytest.mark.slow
    async def test_a_path_of_another_framework(self, transports):
        async with TestClient(FastAPI(), transports=transports) as client:
            with pytest.raises(HandshakeFailed) as caught:
                await client.connect()
            # Starlette closes a websocket without a route before it accepts, which is a 403 in
            # ASGI.
            assert caught.value.status == (403 if transports == ("websocket",) else 404)
            assert "testserver/socket.io/" in str(caught.value)
            assert str(caught.value.status) in str(caught.value)
            assert "socketio_path" in str(caught.value)
            if transports != ("websocket",):
                assert caught.value.body == '{"detail":"Not Found"}'
                assert "Not Found" in str(caught.value)

    @pytest.mark.slow
    async def test_a_page_that_says_200(self):
        async def page(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"<h1>Welcome</h1>\n<p>second"})

        async with TestClient(page, transports=("polling",)) as client:
            with pytest.raises(HandshakeFailed) as caught:
                await client.connect()
            assert caught.value.status == 200
            assert caught.value.body == "<h1>Welcome</h1>\n<p>second"
            assert "<h1>Welcome</h1>" in str(caught.value)
            assert "second" not in str(caught.value)
            assert "socketio_path" in str(caught.value)

    async def test_a_websocket_that_speaks_something_else(self):
        async def chatter(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await receive()

        async with TestClient(chatter, timeout=1) as client:
            with pytest.raises(TestClientError) as caught:
                await client.connect()
            assert "hello" in str(caught.value)
            assert not client.is_connected()

    async def test_an_app_that_returns_without_a_word(self, transports):
        async def silent(scope, receive, send):
            pass

        async with TestClient(silent, transports=transports, timeout=1) as client:
            with pytest.raises(HandshakeFailed):
                await client.connect()


class TestRefusedHandshake:
    @pytest.mark.parametrize(
        ("server", "connect", "transports", "words"),
        [
            ({"transports": ["polling"]}, {}, ("websocket",), "Invalid transport"),
            ({"transports": ["websocket"]}, {}, ("polling",), "Invalid transport"),
            ({"transports": ["websocket"]}, {}, ("polling", "websocket"), "Invalid transport"),
            (
                {},
                {"headers": {"Origin": "http://evil.example"}},
                ("websocket",),
                "http://evil.example is not an accepted origin.",
            ),
            (
                {},
                {"headers": {"Origin": "http://evil.example"}},
                ("polling",),
                "http://evil.example is not an accepted origin.",
            ),
            ({}, {"query": {"EIO": "3"}}, ("websocket",), "unsupported version"),
            ({}, {"query": "EIO=3"}, ("polling",), "unsupported version"),
            ({}, {"query": {"sid": "stale"}}, ("polling",), "Invalid session stale"),
        ],
        ids=[
            "websocket off",
            "polling off",
            "polling off, upgrade",
            "origin, websocket",
            "origin, polling",
            "version, websocket",
            "version, polling",
            "session",
        ],
    )
    async def test_the_servers_own_words(self, server, connect, transports, words):
        app = lab(**server)
        async with TestClient(app.app, transports=transports) as client:
            with pytest.raises(HandshakeFailed) as caught:
                await client.connect(**connect)
            error = caught.value
            assert words in error.reason
            assert words in str(error)
            assert error.status == (403 if transports == ("websocket",) else 400)
            assert isinstance(error.body, str)
            assert not client.is_connected()
        app.assert_released()


class TestMalformedPackets:
    """A server that sends packets which Socket.IO does not allow."""

    @pytest.mark.parametrize(
        "text",
        [
            '9["unknown type"]',
            '2["cut off"',
            "2{}",
            "2[]",
            "2",
            '51-["no placeholder for",{"_placeholder":true,"num":7}]',
        ],
    )
    async def test_is_a_protocol_error_with_the_packet(self, transports, text):
        app = lab()
        async with TestClient(app.app, transports=transports, timeout=2) as client:
            await client.connect()

            @app.sio.on("send_it")
            async def send_it(sid):
                eio_sid = app.sio.manager.eio_sid_from_sid(sid, "/")
                await app.sio.eio.send(eio_sid, text)
                if text.startswith("5"):
                    await app.sio.eio.send(eio_sid, b"attachment")

            await client.emit("send_it")
            with pytest.raises(ProtocolError) as caught:
                await client.await_event("never")
            assert isinstance(caught.value, TestClientError)
            assert caught.value.packet
            # The error may show the text or the attachment of a malformed binary event.
            if not text.startswith("5"):
                assert text in caught.value.packet
                assert text in str(caught.value)
        app.assert_released()

    async def test_an_attachment_that_nobody_announced(self, transports):
        app = lab()
        async with TestClient(app.app, transports=transports, timeout=2) as client:
            await client.connect()

            @app.sio.on("send_it")
            async def send_it(sid):
                await app.sio.eio.send(app.sio.manager.eio_sid_from_sid(sid, "/"), b"\x01\x02")

            await client.emit("send_it")
            with pytest.raises(ProtocolError) as caught:
                await client.await_event("never")
            assert b"\x01\x02" in caught.value.packet
