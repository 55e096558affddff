"""Headers that HTTP does not allow are refused, and control characters in messages are escaped."""

import httpx
import pytest
import socketio
from apps import lab
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgi_sio_testclient import (
    ConnectionRefused,
    EventTimeout,
    HandshakeFailed,
    Leak,
    NotConnected,
    SyncTestClient,
    TestClient,
    UnexpectedEvent,
)

SECRET = "t0k3n"
VALUES = pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a\r\nX-B: evil", "newline in the value of header"),
        ("a\nb", "newline in the value of header"),
        ("a\rb", "newline in the value of header"),
        ("a\0b", "NUL in the value of header"),
        (f"Bearer {SECRET}\n", r"newline in the value of header .*; strip\(\) it"),
    ],
)
NAMES = pytest.mark.parametrize("name", ["X\r\nY", "", "X Y", "X:Y", "X\0"])


class TestHeaders:
    @VALUES
    async def test_a_value(self, transports, value, words):
        app = lab().app
        with pytest.raises(ValueError, match=words) as caught:
            TestClient(app, headers={"X-A": value})
        assert SECRET not in str(caught.value)
        with pytest.raises(ValueError, match=words):
            TestClient(app, headers=[(b"x-a", value.encode())])
        async with TestClient(app, transports=transports) as client:
            with pytest.raises(ValueError, match=words) as caught:
                await client.connect(headers={"X-A": value})
            assert SECRET not in str(caught.value)
            assert not client.is_connected()
            client.headers["X-A"] = value
            with pytest.raises(ValueError, match=words):
                await client.connect()
            with pytest.raises(ValueError, match=words):
                await client.http.get("/")
            del client.headers["X-A"]
            await client.connect()

    @NAMES
    async def test_a_name(self, transports, name):
        app = lab().app
        with pytest.raises(ValueError, match="is no token"):
            TestClient(app, headers={name: "value"})
        async with TestClient(app, transports=transports) as client:
            with pytest.raises(ValueError, match="is no token"):
                await client.connect(headers={name: "value"})
            with pytest.raises(ValueError, match="is no token"):
                await client.http.get("/", headers={name: "value"})

    @VALUES
    async def test_a_cookie(self, transports, value, words):
        app = lab().app
        words = words.replace("header", "cookie")
        with pytest.raises(ValueError, match=words):
            TestClient(app, cookies={"a": value})
        async with TestClient(app, transports=transports) as client:
            client.cookies.set("a", value)
            with pytest.raises(ValueError, match="in the value of header 'cookie'"):
                await client.connect()

    async def test_headers_of_a_given_http_client(self, transports):
        app = lab().app
        headers = {"Authorization": f"Bearer {SECRET}\n"}
        async with (
            httpx.AsyncClient(headers=headers, transport=httpx.ASGITransport(app)) as http,
            TestClient(app, http=http, transports=transports) as client,
        ):
            with pytest.raises(ValueError, match=r"'authorization'.*strip\(\) it"):
                await client.connect()

    async def test_headers_that_the_auth_of_the_http_client_adds(self, transports):
        class Auth(httpx.Auth):
            def auth_flow(self, request):
                request.headers["X-Token"] = f"{SECRET}\n"
                yield request

        app = lab().app
        async with (
            httpx.AsyncClient(auth=Auth(), transport=httpx.ASGITransport(app)) as http,
            TestClient(app, http=http, transports=transports) as client,
        ):
            with pytest.raises(ValueError, match=r"'x-token'.*strip\(\) it"):
                await client.connect()

    def test_in_the_sync_client(self):
        with SyncTestClient(lab().app) as client:
            with pytest.raises(ValueError, match="newline"):
                client.connect(headers={"X-A": "a\n"})
            with pytest.raises(ValueError, match="newline"):
                client.http.get("/", headers={"X-A": "a\n"})
            client.connect()

    async def test_what_a_network_carries(self, transports):
        built = lab()
        headers = {"X-Empty": "", "X-Tab": "a\tb", "X!#$%&'*+-.^_`|~": "1"}
        async with TestClient(built.app, transports=transports, headers=headers) as client:
            await client.connect()
        names = {name for name, _ in built.app.handshake.headers}
        assert names >= {name.lower() for name in headers}


ESCAPE = "\x1b[31m"
NAME = f"e{ESCAPE}\n"
SPACE = f"/x{ESCAPE}"


class TestTerminalEscapes:
    """Control characters in names and data of the app are escaped in every text."""

    @pytest.fixture
    def app(self):
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.on("esc", namespace=SPACE)
        async def esc(sid):
            await sio.emit(NAME, "data", to=sid, namespace=SPACE)

        @sio.on("connect", namespace="/no")
        def refuse(sid, environ):
            raise socketio.exceptions.ConnectionRefusedError(ESCAPE)

        return socketio.ASGIApp(sio)

    async def test_in_the_transcript_and_in_errors(self, transports, app):
        async with TestClient(app, transports=transports) as client:
            await client.connect(SPACE)
            await client.emit("esc", namespace=SPACE)
            await client.settle()
            texts = [str(client.transcript), client.transcript.to_mermaid(), repr(client)]
            with pytest.raises(EventTimeout) as timeout:
                await client.await_event("never", namespace=SPACE, timeout=0)
            with pytest.raises(UnexpectedEvent) as unexpected:
                await client.assert_not_received(namespace=SPACE)
            with pytest.raises(NotConnected) as elsewhere:
                await client.emit("esc")
            with pytest.raises(ConnectionRefused) as refused:
                await client.connect("/no")
            with pytest.raises(ValueError, match="did you mean") as mistaken:
                client.is_connected(ESCAPE)
            errors = timeout, unexpected, elsewhere, refused, mistaken
            for text in [*texts, *(str(error.value) for error in errors)]:
                assert "\x1b" not in text
                assert "\\x1b[31m" in text
            assert len(str(client.transcript).splitlines()) == len(client.transcript)

    async def test_in_a_leak(self, app):
        async def use():
            async with TestClient(app, strict=True) as client:
                await client.connect(SPACE)
                await client.emit("esc", namespace=SPACE)
                await client.settle()

        with pytest.raises(Leak) as leak:
            await use()
        assert "\\x1b[31m" in str(leak.value)
        assert "\x1b" not in str(leak.value)

    async def test_in_the_words_of_a_refusal(self, transports):
        async def no(request):
            return PlainTextResponse(ESCAPE, 401)

        app = Starlette(routes=[Route("/socket.io/", no)])
        async with TestClient(app, transports=("polling",)) as client:
            with pytest.raises(HandshakeFailed) as failed:
                await client.connect()
        assert "\\x1b[31m" in str(failed.value)
        assert "\x1b" not in str(failed.value)

    async def test_in_a_note(self):
        sio = socketio.AsyncServer(async_mode="asgi")

        async def odd(sid):
            raise ValueError("odd")

        odd.__qualname__ = ESCAPE
        sio.on("odd", odd)
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            with pytest.raises(ValueError, match="odd") as raised:
                await client.call("odd")
        assert "\x1b" not in raised.value.__notes__[0]
