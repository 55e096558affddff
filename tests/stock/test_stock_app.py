"""The running app of a session: its lifespan, its exceptions, and given servers."""

import asyncio

import aiohttp
import pytest
import socketio
from apps import lab
from sessions import URL, answering, session, stock_client

from asgi_sio_testclient import LifespanFailed
from asgi_sio_testclient.stock import ASGIClientSession

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- the lifespan


def with_lifespan(journal, fail=False):
    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            journal.append(scope["state"])
            await answering()(scope, receive, send)
            return
        await receive()
        journal.append("startup")
        scope["state"]["shared"] = 1
        outcome = "failed" if fail else "complete"
        await send({"type": f"lifespan.startup.{outcome}"})
        if not fail:
            await receive()
            journal.append("shutdown")
            await send({"type": "lifespan.shutdown.complete"})

    return app


async def test_the_lifespan_is_that_of_the_session():
    journal = []
    async with ASGIClientSession(with_lifespan(journal)) as http:
        await http.get(URL)
    assert journal == ["startup", {"shared": 1}, "shutdown"]


async def test_without_a_block_the_first_request_starts_it():
    journal = []
    http = ASGIClientSession(with_lifespan(journal))
    assert journal == []
    await asyncio.gather(http.get(URL), http.get(URL))
    await http.close()
    assert journal == ["startup", {"shared": 1}, {"shared": 1}, "shutdown"]


async def test_a_startup_that_fails_is_said():
    with pytest.raises(LifespanFailed):
        await ASGIClientSession(with_lifespan([], fail=True)).get(URL)


async def test_the_lifespan_can_be_left_out():
    journal = []
    async with ASGIClientSession(with_lifespan(journal), None, False) as http:
        await http.get(URL)
    assert journal == [{}]


# -- exceptions of the app


async def test_an_app_that_raises_is_a_500_and_raised_at_the_end():
    async def app(scope, receive, send):
        raise LookupError("as asked")

    with pytest.raises(LookupError, match="as asked"):  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            response = await http.get(URL)
            assert (response.status, await response.text()) == (500, "Internal Server Error")
            assert isinstance(http.app_exceptions[0], LookupError)


async def test_several_are_raised_together():
    async def app(scope, receive, send):
        raise LookupError(scope["path"])

    with pytest.raises(ExceptionGroup) as raised:  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            await http.get("/a")
            await http.get("/b")
    assert len(raised.value.exceptions) == 2


async def test_the_blocks_own_error_goes_first():
    async def app(scope, receive, send):
        raise LookupError

    with pytest.raises(KeyError):  # noqa: PT012 (raised at the block's end)
        async with session(app) as http:
            await http.get(URL)
            raise KeyError


async def test_what_a_handler_raises_is_raised_at_the_end():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def fail(sid):
        raise LookupError("in a handler")

    with pytest.raises(LookupError, match="in a handler"):  # noqa: PT012 (raised at the block's end)
        async with ASGIClientSession(socketio.ASGIApp(sio)) as http:
            client = stock_client(http)
            await client.connect(URL, transports=["websocket"])
            await client.emit("fail")
            while not http.app_exceptions:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0)
            await client.disconnect()


async def test_an_app_that_answers_nothing_is_a_500():
    async def app(scope, receive, send):
        await receive()

    async with session(app) as http:
        assert (await http.get(URL)).status == 500


async def test_a_response_that_breaks_off_is_no_whole_payload():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async with session(app) as http:
        response = await http.get(URL)
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


# -- arguments, and the extra


async def test_the_server_can_be_given():
    built = lab()
    async with ASGIClientSession(built.app, server=built.sio) as http:
        sio = stock_client(http)
        await sio.connect(URL, transports=["websocket"])
        await sio.disconnect()
    built.assert_released()


async def test_an_app_may_hold_two_servers():
    one, two = lab(), lab(socketio_path="two")

    async def both(scope, receive, send):
        inner = two if scope["path"].startswith("/two") else one
        await inner.app(scope, receive, send)

    async with session(both) as http:
        for path in ("socket.io", "two"):
            sio = stock_client(http)
            await sio.connect(URL, socketio_path=path, transports=["polling"])
            await sio.disconnect()
    one.assert_released()
    two.assert_released()


async def test_a_wsgi_app_needs_a_bridge():
    def wsgi(environ, start_response):
        start_response("200 OK", [])
        return [b""]

    with pytest.raises(TypeError, match=r"a WSGI app; expected ASGI: a2wsgi\.WSGIMiddleware"):
        ASGIClientSession(wsgi)
