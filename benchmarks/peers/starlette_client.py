"""Starlette's TestClient with packets written by hand; its event loop runs in another thread."""

import contextlib
import functools

from starlette.testclient import TestClient

from benchmarks import wire
from benchmarks.app import make_app
from benchmarks.method import Cannot, Contender, in_this_thread
from benchmarks.peers import CALL, CONNECT, EMIT_EVENT, NEGATIVE, POLLING_CALL, TEST

WS_URL = f"{wire.PATH}?{wire.WEBSOCKET_QUERY}"
HTTP_URL = f"{wire.PATH}?{wire.POLLING_QUERY}"


@contextlib.contextmanager
def _socket(http):
    with http.websocket_connect(WS_URL, headers={"upgrade": "websocket"}) as ws:
        ws.receive_text()  # OPEN
        ws.send_text(wire.CONNECT)
        ws.receive_text()
        yield ws


def _call(ws):
    ws.send_text(wire.CALL)
    assert ws.receive_text() == wire.CALL_ACK


def _emit_event(ws):
    ws.send_text(wire.ASK)
    assert ws.receive_text() == wire.ANSWER


def _within(operation):
    @contextlib.contextmanager
    def opened():
        with TestClient(make_app()) as http, _socket(http) as ws:
            yield functools.partial(operation, ws)

    return in_this_thread(opened)


@contextlib.contextmanager
def _connect():
    with TestClient(make_app()) as http:

        def cycle():
            with _socket(http):
                pass

        yield cycle


def _one_test():
    with TestClient(make_app()) as http, _socket(http) as ws:
        _call(ws)


@contextlib.contextmanager
def _polling_call():
    with TestClient(make_app()) as http:
        sid = wire.sid_of(http.get(HTTP_URL).text)
        url = f"{HTTP_URL}&sid={sid}"

        def exchange(packet):
            http.post(url, content=packet)
            return http.get(url).text

        def call():
            assert exchange(wire.CALL) == wire.CALL_ACK

        exchange(wire.CONNECT)
        yield call
        http.post(url, content=wire.CLOSE)


def contenders():
    return [
        Contender(
            "starlette",
            "Starlette TestClient, packets by hand",
            {
                CALL: _within(_call),
                EMIT_EVENT: _within(_emit_event),
                POLLING_CALL: in_this_thread(_polling_call),
                CONNECT: in_this_thread(_connect),
                TEST: in_this_thread(lambda: contextlib.nullcontext(_one_test)),
                NEGATIVE: Cannot("the client's receive methods have no timeout"),
            },
        )
    ]
