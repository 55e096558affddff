"""RemoteServer: the requests' URL and headers, and clients of it."""

import re

import pytest
import socketio
from live import echo_app, serve
from site_app import PATIENCE, ended

from asgi_sio_testclient import HandshakeFailed, TestClient, UnexpectedEvent
from asgi_sio_testclient.asgi import HTTPExchange, http_scope
from asgi_sio_testclient.remote import RemoteServer


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
