"""The stock client with a session, and the package's names."""

import asyncio
import json
import subprocess
import sys

import pytest
import socketio
from apps import lab
from sessions import URL, WAIT, answering, session, stock_client

from asgi_sio_testclient import stock
from asgi_sio_testclient.stock import ASGIClientSession

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- the stock client


async def test_the_stock_client_talks_to_the_app(transports):
    built = lab()
    async with ASGIClientSession(built.app) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=list(transports))
        assert sio.transport() == transports[-1]
        assert await sio.call("echo", ("text", b"bytes")) == ("text", b"bytes")
        await sio.disconnect()
    assert built.disconnects
    built.assert_released()


async def test_the_simple_client_does_too(transports):
    async with (
        ASGIClientSession(lab().app) as http,
        socketio.AsyncSimpleClient(http_session=http) as sio,
    ):
        await sio.connect(URL, transports=list(transports))
        await sio.emit("reply", "hello")
        assert await sio.receive(timeout=WAIT) == ["reply", "hello"]


async def test_a_factory_makes_the_session_when_it_is_needed():
    sessions = []

    def factory():
        sessions.append(ASGIClientSession(lab().app))
        return sessions[-1]

    sio = stock_client(factory)
    await sio.connect(URL, transports=["websocket"])
    assert await sio.call("echo", 1) == 1
    await sio.disconnect()
    await sessions[0].close()
    assert sessions[0].closed


async def test_a_lost_connection_is_made_anew():
    built = lab()
    async with ASGIClientSession(built.app) as http:
        sio = stock_client(http, reconnection_delay=0.01, randomization_factor=0)
        again = asyncio.Event()
        await sio.connect(URL, transports=["websocket"])
        sio.on("connect", again.set)
        sio.eio.ws._response.close()
        await asyncio.wait_for(again.wait(), WAIT)
        assert await sio.call("echo", "back") == "back"
        await sio.disconnect()
    assert built.disconnects[0] == ("/", "transport close")


async def test_a_refusal_is_the_stock_clients_own_error(transports):
    async with ASGIClientSession(lab().app) as http:
        sio = stock_client(http)
        errors = []
        sio.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError, match="failed to connect"):
            await sio.connect(URL, auth={"refuse": ["no entry"]}, transports=list(transports))
    assert errors == [{"message": "no entry"}]


async def test_a_wrong_path_is_the_stock_clients_own_error(transports):
    async with ASGIClientSession(lab().app, raise_app_exceptions=False) as http:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await stock_client(http).connect(
                URL, socketio_path="elsewhere", transports=list(transports)
            )


async def test_a_refused_upgrade_stays_on_polling():
    built = lab()

    async def no_websockets(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})
        else:
            await built.app(scope, receive, send)

    async with session(no_websockets) as http:
        sio = stock_client(http)
        await sio.connect(URL)
        assert sio.transport() == "polling"
        await sio.disconnect()


async def test_a_polling_client_need_not_wait_for_its_pending_request():
    async with ASGIClientSession(lab().app) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["polling"])
        async with asyncio.timeout(WAIT):
            await sio.disconnect()


async def test_a_pending_request_is_answered_as_at_the_timeout_of_the_server():
    """The answer is 400, without waiting 45 s; also if a DISCONNECT follows the request at once."""
    url = f"{URL}/socket.io/?EIO=4&transport=polling"
    async with ASGIClientSession(lab().app) as http:
        for turns in (0, 20):
            async with http.get(url) as response:
                sid = json.loads((await response.text())[1:])["sid"]
            pending = asyncio.ensure_future(_status(http.get(f"{url}&sid={sid}")))
            for _ in range(turns):
                await asyncio.sleep(0)
            assert await _status(http.post(f"{url}&sid={sid}", data="1")) == 200
            async with asyncio.timeout(WAIT):
                assert await pending == 400


async def test_a_pending_request_that_never_gets_there_is_let_go_all_the_same():
    """Middleware delays a request for longer than any server would."""
    built, reached, gate = lab(), asyncio.Event(), asyncio.Event()

    async def slow(scope, receive, send):
        if scope.get("method") == "GET" and b"sid=" in scope["query_string"]:
            reached.set()
            await gate.wait()
        await built.app(scope, receive, send)

    url = f"{URL}/socket.io/?EIO=4&transport=polling"
    async with ASGIClientSession(slow) as http:
        async with http.get(url) as response:
            sid = json.loads((await response.text())[1:])["sid"]
        pending = asyncio.ensure_future(_status(http.get(f"{url}&sid={sid}")))
        await reached.wait()
        assert await _status(http.post(f"{url}&sid={sid}", data="1")) == 200
        gate.set()
        async with asyncio.timeout(WAIT):
            assert await pending == 400


async def _status(request):
    async with request as response:
        return response.status


# -- arguments, and the extra


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="expected the ASGI app"):
        ASGIClientSession("module:app")
    with pytest.raises(TypeError, match="expected an httpx client"):
        ASGIClientSession(answering(), object())
    with pytest.raises(TypeError, match="expected seconds"):
        ASGIClientSession(answering(), timeout="soon")


def test_the_module_knows_its_names():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = stock.no_such_name


@pytest.mark.slow
def test_without_the_extra_it_says_what_to_install():
    program = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "import asgi_sio_testclient.stock\n"
        "from asgi_sio_testclient.stock import ASGIClientSession"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "pip install 'asgi-sio-testclient[stock]'" in done.stderr
