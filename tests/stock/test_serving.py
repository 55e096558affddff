"""The server's end of a connection: bytes of HTTP/1.1 and of websockets."""

import asyncio

import aiohttp
import pytest
from sessions import BASIC, URL, WAIT, Auth, answering, header, session

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- the wire


async def test_a_body_waits_for_the_server_where_the_client_asks_it_to():
    seen = []
    async with session(answering(seen=seen)) as http:
        await http.post(URL, data=b"body", expect100=True)
    assert seen[0][1] == b"body"


async def test_a_malformed_handshake_is_a_bad_request():
    async with session(answering()) as http:
        response = await http.get(URL, headers={"Upgrade": "websocket"})
        assert response.status == 400
        assert "Connection: Upgrade" in await response.text()


async def test_a_content_length_that_is_none_is_the_apps_error():
    app = answering(200, [(b"content-length", b"5")], b"too long for that")
    async with session(app, raise_app_exceptions=False) as http:
        with pytest.raises(aiohttp.ClientError):
            await (await http.get(URL)).read()
    assert "the response can't be sent" in str(http.app_exceptions[0])


async def test_a_request_that_breaks_off_never_reaches_the_app():
    seen = []

    async def body():
        yield b"begun"
        raise LookupError("as asked")

    async with session(answering(seen=seen)) as http:
        with pytest.raises((LookupError, aiohttp.ClientError)):
            await http.post(URL, data=body())
    assert seen == []


async def test_a_response_may_ask_for_the_connections_end():
    async with session(answering(200, [(b"connection", b"close")], b"once")) as http:
        for _ in range(2):
            assert await (await http.get(URL)).text() == "once"


# -- websockets


def websocket_app(journal=None, accept=None):
    """Return an app that closes, returns or raises as a message says, and echoes all other
    messages.
    """
    journal = [] if journal is None else journal

    async def app(scope, receive, send):
        journal.append(scope)
        await receive()
        await send({"type": "websocket.accept", **(accept or {})})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                journal.append(message)
                return
            text = message.get("text")
            if text == "close":
                await send({"type": "websocket.close", "code": 4000, "reason": "bye"})
            elif text == "return":
                return
            elif text == "raise":
                raise LookupError
            else:
                await send({**message, "type": "websocket.send"})

    return app


async def test_a_websocket_is_aiohttps_own():
    journal = []
    accept = {"subprotocol": "chat", "headers": [(b"set-cookie", b"ws=1; Path=/")]}
    async with session(websocket_app(journal, accept)) as http:
        async with http.ws_connect(
            "ws://testserver/path", protocols=["chat", "other"], origin="http://o.example",
            headers={"X-A": "1"}, auth=Auth(),
        ) as websocket:  # fmt: skip
            assert isinstance(websocket, aiohttp.ClientWebSocketResponse)
            assert websocket.protocol == "chat"
            await websocket.send_str("text")
            assert await websocket.receive_str(timeout=WAIT) == "text"
            await websocket.send_bytes(b"bytes")
            assert await websocket.receive_bytes(timeout=WAIT) == b"bytes"
            await websocket.ping()
            await websocket.pong()
            await websocket.close(code=4001, message=b"done")
            assert websocket.closed
            assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSED
            with pytest.raises(ConnectionResetError):
                await websocket.send_str("too late")
        assert [cookie.key for cookie in http.cookie_jar] == ["ws"]
    scope, message = journal
    assert (scope["type"], scope["scheme"], scope["path"]) == ("websocket", "ws", "/path")
    assert scope["subprotocols"] == ["chat", "other"]
    assert header(scope, "origin") == "http://o.example"
    assert header(scope, "sec-websocket-protocol") == "chat,other"
    assert header(scope, "authorization") == BASIC
    assert message == {"type": "websocket.disconnect", "code": 4001, "reason": "done"}


async def test_the_apps_close_is_seen():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(
            "wss://testserver/", timeout=aiohttp.ClientWSTimeout(ws_close=WAIT)
        )
        await websocket.send_str("first")
        await websocket.send_str("close")
        assert (await websocket.receive(WAIT)).data == "first"
        message = await websocket.receive(WAIT)
        assert (message.type, message.data, message.extra) == (
            aiohttp.WSMsgType.CLOSE, 4000, "bye",
        )  # fmt: skip
        assert websocket.close_code == 4000


@pytest.mark.parametrize("how", ["return", "raise"])
async def test_an_app_that_ends_without_closing_has_gone(how):
    async with session(websocket_app(), raise_app_exceptions=False) as http:
        websocket = await http.ws_connect(URL)
        await websocket.send_str(how)
        assert (await websocket.receive(WAIT)).type is aiohttp.WSMsgType.CLOSED
        assert websocket.close_code == 1006
        assert type(websocket.exception()) is aiohttp.ClientConnectionResetError
        assert [type(error) for error in http.app_exceptions] == (
            [LookupError] if how == "raise" else []
        )


async def test_the_network_can_be_lost():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL)
        waiting = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        websocket._response.close()
        websocket._response.close()
        assert (await waiting).type is aiohttp.WSMsgType.CLOSED
    assert journal[1] == {"type": "websocket.disconnect", "code": 1005}


async def test_a_refused_websocket_is_a_failed_handshake():
    async def app(scope, receive, send):
        await receive()
        if scope["path"] == "/respond":
            kind = "websocket.http.response"
            await send({"type": f"{kind}.start", "status": 401, "headers": [(b"x-a", b"1")]})
            await send({"type": f"{kind}.body", "body": b"no"})
        elif scope["path"] == "/close":
            await send({"type": "websocket.close"})
        elif scope["path"] == "/raise":
            raise LookupError

    async with session(app, raise_app_exceptions=False) as http:
        for path, status in (("respond", 401), ("close", 403), ("raise", 500), ("nothing", 500)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await http.ws_connect(f"{URL}/{path}")
            assert raised.value.status == status
            assert raised.value.headers.get("X-A") == ("1" if path == "respond" else None)


async def test_a_cancelled_handshake_leaves_nothing():
    seen = []

    async def app(scope, receive, send):
        await receive()
        seen.append((await receive())["type"])

    async with session(app) as http:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(http.ws_connect(URL), 0.02)
    assert seen == ["websocket.disconnect"]


async def test_a_message_that_is_too_long_ends_the_websocket():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL, max_msg_size=10)
        await websocket.send_str("x" * 9)
        await websocket.send_str("x" * 10)
        await websocket.send_str("y")
        assert (await websocket.receive(WAIT)).data == "x" * 9
        message = await websocket.receive(WAIT)
        assert message.type is aiohttp.WSMsgType.ERROR
        assert message.data.code == 1009
    assert journal[1]["code"] == 1009


async def test_frames_of_no_websocket_end_the_connection():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL)
        transport = websocket._conn.transport
        transport.write(b"\xff\xff\xff\xff")
        assert (await websocket.receive(WAIT)).type is not aiohttp.WSMsgType.TEXT
        transport.write(b"\x00")
    assert (journal[1]["type"], journal[1]["code"]) == ("websocket.disconnect", 1002)


async def test_a_message_in_fragments_is_one_message():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL)
        # A text frame without FIN and its continuation, each of one byte, masked with zeros.
        websocket._conn.transport.write(b"\x01\x81\0\0\0\0a" + b"\x80\x81\0\0\0\0b")
        assert await websocket.receive_str(timeout=WAIT) == "ab"


async def test_a_long_message_in_compressed_frames():
    text = "long " * 100_000
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL, compress=15)
        assert websocket.compress
        await websocket.send_str(text)
        assert await websocket.receive_str(timeout=WAIT) == text
        await websocket.send_bytes(text.encode())
        assert await websocket.receive_bytes(timeout=WAIT) == text.encode()


async def test_a_heartbeat_is_answered_by_the_server_and_not_the_app():
    journal = []
    async with session(websocket_app(journal)) as http:
        websocket = await http.ws_connect(URL, heartbeat=0.02)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(websocket.receive(), 0.08)
        assert not websocket.closed
    assert [entry["type"] for entry in journal] == ["websocket", "websocket.disconnect"]


async def test_what_merely_looks_like_engineio_is_left_alone():
    async with session(websocket_app()) as http:
        websocket = await http.ws_connect(URL)
        await websocket.send_str("0{no json")
        assert (await websocket.receive(WAIT)).data == "0{no json"
        await websocket.send_str('0{"sid":"a","upgrades":[],"pingInterval":1,"pingTimeout":1}')
        await websocket.receive(WAIT)
    async with session(answering(200, (), b"hello")) as http:
        assert (await http.get(URL + "/?transport=polling")).ok
        assert (await http.post(URL + "/?transport=polling&sid=x", data=b"1")).ok
