"""Websockets that RemoteServer forwards."""

import asyncio

import pytest
from live import echo_app, serve
from site_app import LARGE, PATIENCE, ended, until

from asgi_sio_testclient import HandshakeFailed, TestClient
from asgi_sio_testclient.asgi import WebSocketClosed, WebSocketConnection, websocket_scope
from asgi_sio_testclient.remote import RemoteServer


async def opened(url, path, **options):
    """Open a websocket over a RemoteServer, without a client."""
    websocket = WebSocketConnection(RemoteServer(url), websocket_scope(path, **options))
    await websocket.connect(PATIENCE)
    return websocket


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
