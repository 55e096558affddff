"""The connector: how many connections it makes, to whom, and their end."""

import asyncio
import functools

import aiohttp
import pytest
from apps import lab
from sessions import URL, WAIT, stock_client

from asgi_sio_testclient.stock import ASGIClientSession

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.mark.slow
async def test_one_session_has_as_many_connections_as_there_are_clients(transports):
    more_than_aiohttps_limit = 120
    async with ASGIClientSession(lab().app) as http:
        clients = [stock_client(http) for _ in range(more_than_aiohttps_limit)]
        async with asyncio.timeout(WAIT):
            for sio in clients:
                await sio.connect(URL, transports=list(transports))
            assert await clients[-1].call("echo", "last") == "last"
            for sio in clients:
                await sio.disconnect()


async def scopes_app(scopes, scope, receive, send):
    assert scope["type"] == "http"
    scopes.append(scope)
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize(
    ("url", "scheme", "server"),
    [
        ("http://one/", "http", ("one", 80)),
        ("https://two/", "https", ("two", 443)),
        ("http://three:8000/", "http", ("three", 8000)),
    ],
)
async def test_any_host_is_the_app_and_the_scope_has_its_port(url, scheme, server):
    scopes = []
    app = functools.partial(scopes_app, scopes)
    async with ASGIClientSession(app, lifespan=False) as http, http.get(url) as response:
        assert await response.text() == "ok"
    assert [(scope["scheme"], scope["server"]) for scope in scopes] == [(scheme, server)]


async def test_one_connection_serves_requests_to_one_host_in_turn():
    scopes = []
    app = functools.partial(scopes_app, scopes)
    async with ASGIClientSession(app, lifespan=False) as http:
        for url in ("http://one/", "http://one/", "http://two/"):
            async with http.get(url) as response:
                await response.read()
        connector = http._made[1]
        assert len(connector._transports) == 2
    assert len(scopes) == 3
    assert not connector._transports


async def test_after_abort_no_connection_is_made():
    scopes = []
    app = functools.partial(scopes_app, scopes)
    async with ASGIClientSession(app, lifespan=False) as http:
        async with http.get("http://one/") as response:
            await response.read()
        connector = http._made[1]
        connector.abort_connections()
        assert connector.refuses
        assert not connector._transports
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.post("http://one/")
    assert len(scopes) == 1
