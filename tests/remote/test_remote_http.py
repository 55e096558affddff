"""Requests that RemoteServer forwards, and their responses."""

import asyncio

import httpx
import pytest
from live import serve
from site_app import LARGE, Site, ended, until

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.asgi import HTTPExchange, http_scope
from asgi_sio_testclient.remote import RemoteServer


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
