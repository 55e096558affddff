"""httpx-ws over its ASGI transport, packets written by hand."""

import contextlib
import functools

import httpx
import httpx_ws
from httpx_ws.transport import ASGIWebSocketTransport

from benchmarks import wire
from benchmarks.app import make_app
from benchmarks.method import Contender, on_a_loop, whole_tests
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST

WS_URL = f"ws://testserver{wire.PATH}?{wire.WEBSOCKET_QUERY}"
HTTP_URL = f"http://testserver{wire.PATH}?{wire.POLLING_QUERY}"
SILENCE_S = 0.1


@contextlib.asynccontextmanager
async def _http(app):
    async with httpx.AsyncClient(transport=ASGIWebSocketTransport(app)) as http:
        yield http


@contextlib.asynccontextmanager
async def _socket(http):
    async with httpx_ws.aconnect_ws(WS_URL, http, keepalive_ping_interval_seconds=None) as ws:
        await ws.receive_text()  # OPEN
        await ws.send_text(wire.CONNECT)
        await ws.receive_text()
        yield ws


async def _call(ws):
    await ws.send_text(wire.CALL)
    assert await ws.receive_text() == wire.CALL_ACK


async def _emit_event(ws):
    await ws.send_text(wire.ASK)
    assert await ws.receive_text() == wire.ANSWER


async def _nothing(ws):
    await ws.send_text(wire.QUIET)
    with contextlib.suppress(TimeoutError):
        raise AssertionError(await ws.receive_text(timeout=SILENCE_S))


def _within(operation):
    @contextlib.asynccontextmanager
    async def opened():
        async with _http(make_app()) as http, _socket(http) as ws:
            yield functools.partial(operation, ws)

    return on_a_loop(opened)


@contextlib.asynccontextmanager
async def _connect():
    async with _http(make_app()) as http:

        async def cycle():
            async with _socket(http):
                pass

        yield cycle


async def _one_test():
    async with _http(make_app()) as http, _socket(http) as ws:
        await _call(ws)


@contextlib.asynccontextmanager
async def _polling_call():
    async with _http(make_app()) as http:
        sid = wire.sid_of((await http.get(HTTP_URL)).text)
        url = f"{HTTP_URL}&sid={sid}"

        async def exchange(packet):
            await http.post(url, content=packet)
            return (await http.get(url)).text

        async def call():
            assert await exchange(wire.CALL) == wire.CALL_ACK

        await exchange(wire.CONNECT)
        yield call
        await http.post(url, content=wire.CLOSE)


def contenders():
    return [
        Contender(
            "httpx_ws",
            "httpx-ws, packets by hand",
            {
                CALL: _within(_call),
                EMIT_EVENT: _within(_emit_event),
                POLLING_CALL: on_a_loop(_polling_call),
                CONNECT: on_a_loop(_connect),
                TEST: whole_tests(_one_test),
                NEGATIVE: _within(_nothing),
            },
        )
    ]
