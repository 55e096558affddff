"""The scopes that a server receives from RemoteServer, and the answers that the client receives."""

import asyncio
import re

import httpx
import pytest
import socketio
from live import echo_app, serve

from asgi_sio_testclient import HandshakeFailed, TestClient, UnexpectedEvent
from asgi_sio_testclient.asgi import (
    HTTPExchange,
    WebSocketClosed,
    WebSocketConnection,
    http_scope,
    websocket_scope,
)
from asgi_sio_testclient.remote import RemoteServer

PATIENCE = 60
LARGE = b"\x00\xff" * 1_000_000


class Site:
    """An app that records its scopes and bodies, and answers by the path."""

    def __init__(self):
        self.scopes = []
        self.bodies = []
        self.ends = []

    def headers(self, index=-1):
        return {name.decode(): value for name, value in self.scopes[index]["headers"]}

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        await getattr(self, scope["path"].strip("/").partition("/")[0])(scope, receive, send)

    async def echo(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body")
        headers = [(b"x-a", b"1"), (b"x-a", b"2"), (b"set-cookie", b"seen=1")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def login(self, scope, receive, send):
        headers = [(b"location", b"/echo"), (b"set-cookie", b"session=s1; Path=/")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def away(self, scope, receive, send):
        headers = [(b"location", scope["query_string"])]
        await send({"type": "http.response.start", "status": 302, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def hang(self, scope, receive, send):
        await receive()
        self.ends.append("began")
        self.ends.append((await receive())["type"])

    async def refuse(self, scope, receive, send):
        headers = [(b"x-why", b"quota"), (b"set-cookie", b"refused=1")]
        start = {"type": "websocket.http.response.start", "status": 429, "headers": headers}
        await send(start)
        await send({"type": "websocket.http.response.body", "body": b"no more"})

    async def chat(self, scope, receive, send):
        await receive()
        headers = [(b"set-cookie", b"seat=7"), (b"x-b", b"1")]
        subprotocol = next(iter(scope["subprotocols"]), None)
        await send({"type": "websocket.accept", "headers": headers, "subprotocol": subprotocol})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message.get("text") == "close":
                await send({"type": "websocket.close", "code": 4003, "reason": "enough"})
            else:
                await send({**message, "type": "websocket.send"})
        self.ends.append((message["code"], message.get("reason")))


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def url(site):
    with serve(site) as url:
        yield url


async def opened(url, path, **options):
    """Open a websocket over a RemoteServer, without a client."""
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope(path, **options))
    await websocket.connect(PATIENCE)
    return websocket


async def ended(call, timeout=PATIENCE):
    await asyncio.wait_for(call.task, timeout)


async def until(condition):
    """Wait for a condition that the server's thread makes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (it tells this loop nothing)
            await asyncio.sleep(0.01)


async def test_a_request_and_its_response(site, url):
    async with TestClient(url) as client:
        response = await client.http.post(
            "/echo?a=%20b", content=b"body", headers={"x-c": "é".encode()}
        )
        assert (response.status_code, response.content) == (201, b"body")
        assert response.headers.get_list("x-a") == ["1", "2"]
        assert client.cookies["seen"] == "1"
        large = await client.http.put("/echo", content=LARGE)
        assert large.content == LARGE
        assert (await client.http.head("/echo")).content == b""
    scope, headers = site.scopes[0], site.headers(0)
    assert (scope["method"], scope["query_string"]) == ("POST", b"a=%20b")
    assert headers["host"] == url.partition("://")[2].encode()
    assert headers["x-c"] == "é".encode()
    assert headers["user-agent"].startswith(b"asgi-sio-testclient")
    assert "accept" in headers
    assert "content-type" not in site.headers(1)


async def test_a_login_with_a_redirection(site, url):
    async with TestClient(url) as client:
        response = await client.http.post("/login", data={"name": "a"}, follow_redirects=True)
    assert response.status_code == 201
    assert site.headers(1)["cookie"] == b"session=s1"


@pytest.mark.slow
async def test_a_redirection_to_another_server(site, url):
    other = Site()
    with serve(other) as elsewhere:
        async with TestClient(url) as client:
            response = await client.http.get(f"/away?{elsewhere}/echo", follow_redirects=True)
    assert response.status_code == 201
    assert [scope["path"] for scope in other.scopes] == ["/echo"]


async def test_a_redirection_to_an_address_of_ipv6_goes_there(url, unused_tcp_port):
    async with TestClient(url) as client:
        with pytest.raises(httpx.ConnectError, match=rf"\[::1\]:{unused_tcp_port}"):
            await client.http.get(f"/away?http://[::1]:{unused_tcp_port}/", follow_redirects=True)


async def test_headers_of_the_server_go_before_those_of_the_client(site, url):
    server = RemoteServer(url, headers={"X-Key": "server's", "X-Gate": "g"})
    async with TestClient(server, headers={"x-key": "client's", "x-own": "1"}) as client:
        await client.http.get("/echo")
    seen = site.headers()
    assert (seen["x-key"], seen["x-gate"], seen["x-own"]) == (b"server's", b"g", b"1")


@pytest.mark.parametrize("headers", [{"host": "virtual.example"}, {"host": "virtual.example:81"}])
async def test_a_host_header_that_is_given_is_sent(site, url, headers):
    async with TestClient(url) as client:
        await client.http.get("/echo", headers=headers)
    assert site.headers()["host"] == headers["host"].encode()


async def test_base_url_names_the_client_and_the_url_the_server(site, url):
    async with TestClient(RemoteServer(url), base_url="http://named.example") as client:
        await client.http.get("/echo")
    assert site.headers()["host"] == url.partition("://")[2].encode()


async def test_a_scope_without_server_and_a_header_that_is_no_utf_8(site, url):
    scope = http_scope("GET", "/echo", server=None, headers=[(b"host", b"h"), (b"x-d", b"\xe9")])
    exchange = HTTPExchange(RemoteServer(url), scope)
    exchange.start()
    assert (await exchange.response(PATIENCE)).status == 201
    await ended(exchange)
    assert site.headers()["x-d"] == "é".encode()


async def test_user_and_password_of_the_url(site, url):
    scheme, _, at = url.partition("://")
    async with TestClient(f"{scheme}://user:pass@{at}", socketio_path="refuse") as client:
        with pytest.raises(HandshakeFailed):
            await client.connect()
        with pytest.raises(HandshakeFailed):
            await client.clone().connect()
    for index in (0, 1):
        assert site.headers(index)["authorization"] == b"Basic dXNlcjpwYXNz"


@pytest.mark.slow
async def test_a_body_in_parts_and_a_client_that_leaves_before_its_end(site, url):
    server = RemoteServer(url)
    sent = []

    async def send(message):
        sent.append(message)

    async def call(*messages):
        queue = asyncio.Queue()
        for message in messages:
            queue.put_nowait(message)
        await server(http_scope("POST", "/echo"), queue.get, send)

    part = {"type": "http.request", "body": b"a", "more_body": True}
    await call(part, {"type": "http.disconnect"})
    assert sent == []
    await call(part, {"type": "http.request", "body": b"b"}, {"type": "http.request"})
    assert sent[-1]["body"] == b"ab"


async def test_a_client_that_leaves_before_the_response(site, url):
    exchange = HTTPExchange(RemoteServer(url), http_scope("GET", "/hang"))
    exchange.start()
    await until(lambda: site.ends)
    exchange.disconnect()
    await ended(exchange)
    assert exchange.error is None
    await until(lambda: site.ends == ["began", "http.disconnect"])


async def test_a_request_that_is_cancelled(site, url):
    exchange = HTTPExchange(RemoteServer(url), http_scope("GET", "/hang"))
    task = exchange.start()
    await until(lambda: site.ends)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ended(exchange)
    await until(lambda: site.ends == ["began", "http.disconnect"])


async def test_a_websocket_and_its_headers(site, url):
    scope = websocket_scope("/chat", query_string=b"a=1", subprotocols=["v2", "v1"])
    server = RemoteServer(url)
    accepted = []

    class Listener:
        websocket_message = websocket_closed = websocket_refused = accepted.append

        def websocket_accepted(self, subprotocol, headers):
            accepted.append((subprotocol, dict(headers)))

        def websocket_ended(self, exc):
            accepted.append(exc)

    websocket = WebSocketConnection(server, scope, listener=Listener())
    websocket.start()
    await until(lambda: accepted)
    subprotocol, headers = accepted[0]
    assert subprotocol == "v2"
    assert (headers[b"set-cookie"], headers[b"x-b"]) == (b"seat=7", b"1")
    assert not {b"connection", b"upgrade", b"sec-websocket-accept"} & set(headers)
    websocket.close()
    await ended(websocket)
    assert accepted[1:] == [None]
    assert site.scopes[0]["query_string"] == b"a=1"


async def test_text_and_binary_large_and_small_with_permessage_deflate(site, url):
    websocket = await opened(url, "/chat")
    assert site.headers()["sec-websocket-extensions"].startswith(b"permessage-deflate")
    for data in ("", "ü", "x" * 100_000, b"", b"\x00", LARGE):
        websocket.send(data)
        assert await websocket.receive(PATIENCE) == data
    websocket.close()
    await ended(websocket)


async def test_without_permessage_deflate(site):
    with serve(site, ws_per_message_deflate=False) as url:
        websocket = await opened(url, "/chat")
        websocket.send("x" * 100_000)
        assert await websocket.receive(PATIENCE) == "x" * 100_000
        websocket.close()
        await ended(websocket)


async def test_the_servers_close_code_and_reason(url):
    websocket = await opened(url, "/chat")
    websocket.send("close")
    assert await websocket.receive(PATIENCE) == WebSocketClosed(4003, "enough")
    await ended(websocket)


async def test_the_clients_close_code_and_reason(site, url):
    websocket = await opened(url, "/chat")
    websocket.close(4001, "bye")
    await ended(websocket)
    await until(lambda: site.ends)
    assert site.ends == [(4001, "bye")]


@pytest.mark.parametrize(("code", "seen"), [(1005, (1005, 1006)), (4002, (4002,))])
async def test_a_client_that_aborts(site, url, code, seen):
    websocket = await opened(url, "/chat")
    websocket.lose(code)
    await ended(websocket)
    await until(lambda: site.ends)
    assert site.ends[0][0] in seen


async def test_a_websocket_that_is_cancelled(site, url):
    websocket = await opened(url, "/chat")
    websocket.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ended(websocket)
    await until(lambda: site.ends)


async def test_a_client_that_leaves_before_the_websocket_is_open(site, url):
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope("/hang"))
    websocket.start()
    await until(lambda: site.ends)
    websocket.close()
    await ended(websocket)
    assert websocket.error is None
    await until(lambda: site.ends == ["began", "websocket.disconnect"])


async def test_an_opening_that_is_cancelled(site, url):
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope("/hang"))
    task = websocket.start()
    await until(lambda: site.ends)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ended(websocket)


async def test_a_message_before_the_websocket_is_open_is_sent_then(url):
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope("/chat"))
    websocket.send("early")
    await websocket.connect(PATIENCE)
    assert await websocket.receive(PATIENCE) == "early"
    websocket.close()
    await ended(websocket)


async def test_a_refusal_has_status_headers_and_body(url):
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope("/refuse"))
    with pytest.raises(ConnectionRefusedError) as refused:
        await websocket.connect(PATIENCE)
    response = refused.value.args[0]
    assert (response.status, response.body) == (429, b"no more")
    assert dict(response.headers)[b"x-why"] == b"quota"
    await ended(websocket)


async def test_a_refusal_in_the_clients_error(url):
    async with TestClient(url, socketio_path="refuse") as client:
        with pytest.raises(HandshakeFailed, match="429") as failed:
            await client.connect()
        assert (failed.value.status, failed.value.body) == (429, "no more")
        assert client.cookies["refused"] == "1"


async def test_a_servers_send_that_fails_ends_the_websocket(url):
    class Gone(Exception):
        pass

    messages = asyncio.Queue()
    messages.put_nowait({"type": "websocket.connect"})

    async def send(message):
        if message["type"] == "websocket.send":
            raise Gone

    server = RemoteServer(url)
    call = asyncio.create_task(server(websocket_scope("/chat"), messages.get, send))
    messages.put_nowait({"type": "websocket.receive", "text": "a"})
    with pytest.raises(Gone):
        await asyncio.wait_for(call, PATIENCE)
    assert server._pools == {}


async def test_what_is_sent_to_a_server_that_has_gone_is_lost(site, url):
    websocket = await opened(url, "/chat")
    websocket.send("close")
    for _ in range(200):
        websocket.send("x" * 10_000)
    while not isinstance(await websocket.receive(PATIENCE), WebSocketClosed):
        pass
    await ended(websocket)


@pytest.mark.slow
async def test_pause_reading_holds_the_servers_messages():
    with serve(echo_app()) as url:
        async with TestClient(url) as client:
            await client.connect()
            client.raw.pause_reading()
            await client.emit("repeat", 3, "x")
            client.raw.resume_reading()
            assert len(await client.await_events(3, "repeated")) == 3


class TestWhatNeedsTheServer:
    @pytest.mark.parametrize("method", ["settle", "session", "rooms", "time_travel"])
    async def test_says_so(self, python_server, method):
        async with TestClient(python_server) as client:
            await client.connect()
            with pytest.raises(RuntimeError) as caught:
                await getattr(client, method)()
        said = rf"^{method}\(\) needs the server in this process; {re.escape(python_server)} is"
        assert re.match(said, str(caught.value))

    @pytest.mark.slow
    async def test_assert_not_received_looks_within(self, server_url):
        async with TestClient(server_url) as client:
            await client.connect()
            with pytest.raises(RuntimeError, match=r"^assert_not_received\(\) needs within="):
                await client.assert_not_received("never")
            await client.assert_not_received("never", within=0.01)
            await client.emit("repeat", 1, "x")
            with pytest.raises(UnexpectedEvent):
                await client.assert_not_received("repeated", within=PATIENCE)
            assert (await client.await_event("repeated")).args == (0, "x")


class TestRemoteSession:
    async def test_msgpack(self):
        with serve(echo_app(serializer="msgpack")) as url:
            async with TestClient(url, serializer="msgpack") as client:
                await client.connect()
                assert await client.call("echo", {"a": b"\x00"}) == {"a": b"\x00"}

    async def test_a_mounted_server(self):
        async def mounted(scope, receive, send):
            await app({**scope, "path": scope["path"].removeprefix("/ws")}, receive, send)

        sio = socketio.AsyncServer(async_mode="asgi")
        app = socketio.ASGIApp(sio)
        with serve(mounted) as url:
            async with TestClient(url, socketio_path="ws/socket.io") as client:
                await client.connect()
                assert client.sid

    @pytest.mark.slow
    async def test_an_upgrade_that_the_server_does_not_offer_stays_on_polling(self):
        with serve(echo_app(allow_upgrades=False)) as url:
            async with TestClient(url, transports=("polling", "websocket")) as client:
                await client.connect()
                assert client.transport == "polling"
                assert await client.call("echo", 1) == 1
