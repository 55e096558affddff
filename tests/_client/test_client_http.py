"""The HTTP side: the cookies, headers, auth and base URL of a handshake, and the cookies that it
sets.
"""

import asyncio
import ssl
from http.cookiejar import CookieJar
from urllib.parse import parse_qs

import httpx
import httpx2
import pytest
from apps import Recorder, lab
from fastapi.testclient import TestClient as FastAPITestClient
from starlette.testclient import TestClient as StarletteTestClient

from asgi_sio_testclient import HandshakeFailed, TestClient

pytestmark = pytest.mark.usefixtures("nothing_left")


async def shop(scope, receive, send):
    """The app's other pages: /set?cookie=... sets that cookie; every page returns the cookies that
    it got.
    """
    if scope["type"] == "lifespan":
        return
    await receive()
    query = parse_qs(scope["query_string"].decode())
    headers = [(b"set-cookie", value.encode()) for value in query.get("cookie", [])]
    body = b"".join(value for name, value in scope["headers"] if name == b"cookie")
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app():
    return lab(other_asgi_app=shop)


def asgi_client(module, app, **options):
    options.setdefault("base_url", "http://testserver")
    return module.AsyncClient(transport=module.ASGITransport(app=app), **options)


def mock_client(module, **options):
    """Return a sync client of another app, where each response sets the session cookie."""
    transport = module.MockTransport(
        lambda request: module.Response(200, headers={"set-cookie": "session=ann; Path=/"})
    )
    options.setdefault("base_url", "http://testserver")
    return module.Client(transport=transport, **options)


def cookies_seen(exchange):
    header = exchange.header("cookie")
    return set(header.split("; ")) if header else set()


class TestKinds:
    """All kinds of clients that a test may have logged in with."""

    @pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
    async def test_async(self, app, transports, module):
        async with asgi_client(module, app.app, headers={"x-tag": "mine"}) as http:
            await http.get("/set", params={"cookie": "session=ann; Path=/"})
            app.app.exchanges.clear()
            async with TestClient(app.app, http=http, transports=transports) as client:
                assert client.http is http
                await client.connect()
                assert await client.call("echo", 1) == 1
            assert not http.is_closed
            assert (await http.get("/after")).text == "session=ann"
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("cookie") == "session=ann"
            assert exchange.header("x-tag") == "mine"

    @pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
    async def test_sync(self, app, transports, module):
        with mock_client(module, headers={"x-tag": "mine"}) as http:
            http.post("/login")
            async with TestClient(app.app, http=http, transports=transports) as client:
                await client.connect()
                assert isinstance(client.http, httpx.AsyncClient)
                assert client.http.cookies.jar is http.cookies.jar
                assert (await client.http.get("/page")).text == "session=ann"
                await client.http.get("/set", params={"cookie": "seen=1; Path=/"})
                assert http.cookies["seen"] == "1"
            assert not http.is_closed
        assert app.app.handshake.header("cookie") == "session=ann"
        assert app.app.handshake.header("x-tag") == "mine"

    @pytest.mark.parametrize("kind", [StarletteTestClient, FastAPITestClient])
    async def test_starlette_and_fastapi(self, app, transports, kind):
        http = kind(app.app)
        http.get("/set", params={"cookie": "session=ann; Path=/"})
        app.app.exchanges.clear()
        async with TestClient(app.app, http=http, transports=transports) as client:
            await client.connect()
            assert isinstance(client.http, httpx.AsyncClient)
            assert (await client.http.get("/page")).text == "session=ann"
        assert not http.is_closed
        assert app.app.handshake.header("cookie") == "session=ann"
        assert app.app.handshake.header("user-agent") == "testclient"
        http.close()

    async def test_its_base_url_is_used(self, app, transports):
        async with (
            asgi_client(httpx, app.app, base_url="https://chat.example:8443") as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("host") == "chat.example:8443"
            assert exchange.scope["server"] == ("chat.example", 8443)
            assert exchange.scope["scheme"] in ("https", "wss")

    async def test_a_client_without_a_base_url_gets_the_default(self, app):
        async with (
            asgi_client(httpx, app.app, base_url="") as http,
            TestClient(app.app, http=http) as client,
        ):
            await client.connect()
        assert app.app.handshake.header("host") == "testserver"

    async def test_logging_in_between_two_connects(self, app, transports):
        async with (
            asgi_client(httpx, app.app) as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
            assert "HTTP_COOKIE" not in app.environ
            await client.disconnect()
            await http.get("/set", params={"cookie": "session=ann; Path=/"})
            await client.connect()
            assert app.environ["HTTP_COOKIE"] == "session=ann"
            await client.disconnect()
            http.cookies.delete("session")
            await client.connect()
            assert "HTTP_COOKIE" not in app.environ


class TestOwnHttp:
    async def test_without_one_there_is_one_on_the_same_app(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            assert isinstance(client.http, httpx.AsyncClient)
            assert client.http is client.http
            assert str(client.http.base_url).rstrip("/") == "http://testserver"
            await client.http.get("/set", params={"cookie": "session=ann; Path=/"})
            await client.connect()
            assert app.environ["HTTP_COOKIE"] == "session=ann"
            assert client.cookies["session"] == "ann"

    async def test_own_http_has_the_clients_headers_and_base_url(self, app):
        async with TestClient(
            app.app, base_url="https://chat.example", headers={"x-tag": "mine"}
        ) as client:
            await client.http.get("/page")
        [exchange] = app.app.of("http")
        assert exchange.header("host") == "chat.example"
        assert exchange.scope["scheme"] == "https"
        assert exchange.header("x-tag") == "mine"

    async def test_a_body_and_the_answer(self):
        async def shouting(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            body, more = b"", True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            await send(
                {"type": "http.response.start", "status": 201, "headers": [(b"x-method", b"m")]}
            )
            await send({"type": "http.response.body", "body": body.upper(), "more_body": True})
            await send({"type": "http.response.body", "body": scope["method"].encode()})

        async with TestClient(shouting) as client:
            response = await client.http.put("/x", content=b"abc")
        assert response.status_code == 201
        assert response.headers["x-method"] == "m"
        assert response.text == "ABCPUT"

    async def test_many_requests_at_once(self, app):
        async with TestClient(app.app) as client:
            responses = await asyncio.gather(
                *(client.http.get("/", headers={"cookie": f"n={n}"}) for n in range(50))
            )
        assert [response.text for response in responses] == [f"n={n}" for n in range(50)]

    async def test_building_it_builds_no_ssl_context(self, app, monkeypatch):
        def no_context(*args, **kwargs):
            raise AssertionError("an SSL context was built")

        monkeypatch.setattr(ssl, "create_default_context", no_context)
        monkeypatch.setattr(httpx._config, "create_ssl_context", no_context)
        monkeypatch.setattr(httpx._transports.default, "create_ssl_context", no_context)
        async with TestClient(app.app, base_url="https://testserver") as client:
            await client.connect()
            assert (await client.http.get("/page")).status_code == 200


async def test_an_app_gets_a_disconnect_when_its_request_is_cancelled():
    """A server sends http.disconnect, too, if the client closes the connection."""
    received, reached = [], asyncio.Event()

    async def app(scope, receive, send):
        received.append((await receive())["type"])
        reached.set()
        received.append((await receive())["type"])

    async with TestClient(app, lifespan=False) as client:
        asking = asyncio.ensure_future(client.http.get("/"))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert received == ["http.request", "http.disconnect"]


class TestCookieRules:
    """httpx's own rules: a request of httpx to the same URL has the same cookies."""

    CASES = (
        ("http://testserver", "a=1", "a=1"),
        ("http://testserver", "a=1; Path=/socket.io", "a=1"),
        ("http://testserver", "a=1; Path=/socket.io/", "a=1"),
        ("http://testserver", "a=1; Path=/admin", None),
        ("http://testserver", "a=1; Secure", None),
        ("https://testserver", "a=1; Secure", "a=1"),
        ("https://testserver", "a=1", "a=1"),
        ("http://testserver", "a=1; Max-Age=0", None),
        ("http://testserver", "a=1; Max-Age=1000", "a=1"),
        ("http://testserver", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("http://www.chat.example", "a=1; Domain=chat.example", "a=1"),
        ("http://www.chat.example", "a=1; Domain=.chat.example", "a=1"),
        ("http://www.chat.example", "a=1; Domain=other.example", None),
        ("http://www.chat.example", "a=1; Domain=deep.www.chat.example", None),
        ("http://testserver", "a=1; HttpOnly; SameSite=Strict", "a=1"),
        ("http://testserver", 'a="quoted value"', 'a="quoted value"'),
        ("http://testserver", "a=", "a="),
    )

    @pytest.mark.parametrize(("base_url", "set_cookie", "expected"), CASES)
    async def test_as_httpx_sends_it(self, app, transports, base_url, set_cookie, expected):
        async with asgi_client(httpx, app.app, base_url=base_url) as http:
            await http.get("/set", params={"cookie": set_cookie})
            await http.get("/socket.io/")
            assert app.app.exchanges[-1].header("cookie") == expected
            app.app.exchanges.clear()
            async with TestClient(app.app, http=http, transports=transports) as client:
                await client.connect()
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("cookie") == expected

    async def test_of_another_host_in_the_jar(self, app, transports):
        cookies = httpx.Cookies()
        cookies.set("mine", "1", domain="www.chat.example")
        cookies.set("theirs", "2", domain="www.other.example")
        cookies.set("anybodys", "3")
        async with (
            asgi_client(
                httpx, app.app, base_url="http://www.chat.example", cookies=cookies
            ) as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        assert cookies_seen(app.app.handshake) == {"mine=1", "anybodys=3"}

    async def test_the_more_specific_path_goes_first(self, app, transports):
        async with asgi_client(httpx, app.app) as http:
            await http.get("/set", params={"cookie": ["a=root; Path=/", "a=deep; Path=/socket.io"]})
            async with TestClient(app.app, http=http, transports=transports) as client:
                await client.connect()
        assert app.environ["HTTP_COOKIE"] == "a=deep; a=root"

    async def test_the_mounted_path_counts(self, transports):
        app = lab(socketio_path="/ws/socket.io", other_asgi_app=shop)
        async with TestClient(
            app.app, transports=transports, socketio_path="/ws/socket.io"
        ) as client:
            await client.http.get("/set", params={"cookie": ["a=1; Path=/ws", "b=2; Path=/other"]})
            await client.connect()
        assert app.environ["HTTP_COOKIE"] == "a=1"


class TestCookiesComeBack:
    """Cookies that the app sets during the handshake are stored in the jar."""

    @staticmethod
    def baker(app, cookie="flavour=oat; Path=/"):
        async def baking(scope, receive, send):
            async def send_with_cookie(message):
                if message["type"] in ("http.response.start", "websocket.accept"):
                    headers = [*message.get("headers", []), (b"Set-Cookie", cookie.encode())]
                    message = {**message, "headers": headers}
                await send(message)

            await app(scope, receive, send_with_cookie)

        return baking

    async def test_into_the_clients_own(self, app, transports):
        async with TestClient(self.baker(app.app), transports=transports) as client:
            await client.connect()
            assert client.cookies["flavour"] == "oat"
            await client.disconnect()
            await client.connect()
            assert app.environ["HTTP_COOKIE"] == "flavour=oat"
            assert (await client.http.get("/page")).text == "flavour=oat"

    @pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
    async def test_into_the_jar_of_the_one_handed_in(self, app, transports, module):
        baked = self.baker(app.app)
        async with asgi_client(module, baked) as http:
            async with TestClient(baked, http=http, transports=transports) as client:
                await client.connect()
            assert http.cookies["flavour"] == "oat"
        with mock_client(module) as http:
            async with TestClient(baked, http=http, transports=transports) as client:
                await client.connect()
            assert http.cookies["flavour"] == "oat"

    async def test_a_response_can_remove_a_cookie(self, app, transports):
        baked = self.baker(app.app, "session=; Path=/; Max-Age=0")
        async with TestClient(baked, transports=transports) as client:
            client.cookies.set("session", "old", domain="testserver.local", path="/")
            await client.connect()
            assert "session" not in client.cookies

    async def test_from_a_refusal_too(self):
        async def refusing(scope, receive, send):
            if scope["type"] == "lifespan":
                return
            await receive()
            prefix = "websocket.http" if scope["type"] == "websocket" else "http"
            headers = [(b"set-cookie", b"tried=1; Path=/"), (b"content-type", b"text/plain")]
            await send({"type": f"{prefix}.response.start", "status": 401, "headers": headers})
            await send({"type": f"{prefix}.response.body", "body": b"log in", "more_body": True})
            await send({"type": f"{prefix}.response.body", "body": b" first"})

        for transports in (("websocket",), ("polling",)):
            async with TestClient(refusing, transports=transports) as client:
                with pytest.raises(HandshakeFailed) as caught:
                    await client.connect()
                assert caught.value.status == 401
                assert caught.value.body == "log in first"
                assert "log in first" in str(caught.value)
                assert client.cookies["tried"] == "1"

    async def test_every_client_keeps_its_own(self, app):
        async with TestClient(self.baker(app.app)) as ann, ann.clone() as bob:
            await ann.connect()
            assert "flavour" in ann.cookies
            assert "flavour" not in bob.cookies


class TestPrecedence:
    @pytest.mark.parametrize("closest", ["http", "client", "connect"])
    async def test_of_headers(self, app, transports, closest):
        levels = ["http", "client", "connect"]
        given = dict.fromkeys(levels)
        for level, name in zip(levels, ["X-Tag", "x-tag", "X-TAG"], strict=True):
            given[level] = {name: level, f"x-{level}": "kept"}
            if level == closest:
                break
        async with asgi_client(httpx, app.app, headers=given["http"]) as http:
            async with TestClient(
                app.app, http=http, headers=given["client"], transports=transports
            ) as client:
                await client.connect(headers=given["connect"])
            assert http.headers["x-tag"] == "http"
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("x-tag") == closest
            for level in levels:
                assert exchange.header(f"x-{level}") == ("kept" if given[level] else None)

    async def test_of_cookies(self, app, transports):
        async with (
            asgi_client(httpx, app.app, cookies={"a": "http", "b": "http"}) as http,
            TestClient(
                app.app, http=http, cookies={"a": "client"}, transports=transports
            ) as client,
        ):
            await client.connect()
            assert cookies_seen(app.app.handshake) == {"a=client", "b=http"}

    async def test_a_cookie_header_at_connect_wins(self, app, transports):
        async with TestClient(app.app, cookies={"a": "client"}, transports=transports) as client:
            await client.connect(headers={"Cookie": "a=connect"})
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("cookie") == "a=connect"

    async def test_connects_headers_are_for_that_connection_only(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect(headers={"x-once": "1"})
            assert app.environ["HTTP_X_ONCE"] == "1"
            await client.disconnect()
            await client.connect()
            assert "HTTP_X_ONCE" not in app.environ

    async def test_of_the_user_agent(self, app):
        async with TestClient(app.app) as client:
            await client.connect(headers={"User-Agent": "me"})
        assert app.app.handshake.header("user-agent") == "me"


class TestTypes:
    @pytest.mark.parametrize(
        "headers",
        [
            {"X-A": "1", "x-b": "2"},
            [("X-A", "1"), ("x-b", "2")],
            [(b"X-A", b"1"), (b"x-b", b"2")],
            httpx.Headers({"X-A": "1", "x-b": "2"}),
            httpx2.Headers({"X-A": "1", "x-b": "2"}),
        ],
        ids=["dict", "pairs", "bytes", "httpx", "httpx2"],
    )
    async def test_headers(self, app, headers):
        async with TestClient(app.app, headers=headers) as client:
            await client.connect()
            assert app.environ["HTTP_X_A"] == "1"
            await client.disconnect()
            await client.connect(headers=headers)
            assert app.environ["HTTP_X_B"] == "2"

    async def test_a_header_that_comes_twice(self, app):
        async with TestClient(app.app, headers=[("x-a", "1"), ("x-a", "2")]) as client:
            await client.connect()
        assert [v for k, v in app.app.handshake.headers if k == "x-a"] == ["1", "2"]

    @staticmethod
    def jar():
        cookies = httpx.Cookies({"a": "1"})
        jar = CookieJar()
        for cookie in cookies.jar:
            jar.set_cookie(cookie)
        return jar

    @pytest.mark.parametrize("kind", ["dict", "pairs", "httpx", "httpx2", "jar"])
    async def test_cookies(self, app, kind):
        cookies = {
            "dict": {"a": "1"},
            "pairs": [("a", "1")],
            "httpx": httpx.Cookies({"a": "1"}),
            "httpx2": httpx2.Cookies({"a": "1"}),
            "jar": self.jar(),
        }[kind]
        async with TestClient(app.app, cookies=cookies) as client:
            await client.connect()
            assert client.cookies["a"] == "1"
        assert app.app.handshake.header("cookie") == "a=1"

    async def test_headers_and_cookies_set_on_the_client_go_with_the_next_connect(
        self, app, transports
    ):
        async with TestClient(app.app, transports=transports) as client:
            client.headers["X-Later"] = "1"
            client.cookies.set("later", "2")
            await client.connect()
            assert app.environ["HTTP_X_LATER"] == "1"
            assert app.environ["HTTP_COOKIE"] == "later=2"


class TestHttpxAuth:
    async def test_basic(self, app, transports):
        async with (
            asgi_client(httpx, app.app, auth=("ann", "pw")) as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        for exchange in [*app.app.of("http"), *app.app.of("websocket")]:
            assert exchange.header("authorization") == "Basic YW5uOnB3"

    @pytest.mark.parametrize("module", [httpx, httpx2], ids=["httpx", "httpx2"])
    async def test_a_flow_of_ones_own(self, app, transports, module):
        class Bearer(module.Auth):
            def auth_flow(self, request):
                request.headers["Authorization"] = "Bearer t"
                yield request

        async with (
            asgi_client(module, app.app, auth=Bearer()) as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        assert app.app.handshake.header("authorization") == "Bearer t"

    async def test_a_function(self, app, transports):
        def sign(request):
            request.headers["x-signed"] = request.url.path
            return request

        async with (
            asgi_client(httpx, app.app, auth=sign) as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        assert app.app.handshake.header("x-signed") == "/socket.io/"

    async def test_in_the_base_url(self, app, transports):
        async with (
            asgi_client(httpx, app.app, base_url="http://ann:pw@testserver") as http,
            TestClient(app.app, http=http, transports=transports) as client,
        ):
            await client.connect()
        assert app.app.handshake.header("authorization") == "Basic YW5uOnB3"
        assert app.app.handshake.header("host") == "testserver"


class TestOrigin:
    async def test_the_base_urls_own_is_accepted(self, app, transports):
        async with TestClient(app.app, transports=transports) as client:
            await client.connect(headers={"Origin": "http://testserver"})
            assert client.is_connected()


async def test_the_recorder_is_an_app_like_any_other():
    """Most tests have a Recorder around their app; a client works without it, too."""
    bare = lab()
    async with TestClient(bare.app.app) as client:
        await client.connect()
        assert await client.call("echo", 1) == 1
    assert isinstance(bare.app, Recorder)
    assert bare.app.exchanges == []
