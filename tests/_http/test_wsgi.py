"""Which callables are WSGI apps, and the bridge to one."""

import asyncio
import functools

import pytest

from asgi_sio_testclient._http.wsgi import WSGIBridge, is_wsgi
from asgi_sio_testclient.asgi import HTTPExchange, WebSocketConnection, http_scope, websocket_scope

A_MINUTE = 60


def plain(environ, start_response):
    """A function."""


async def coroutine(environ, start_response):
    """It can't be called by a WSGI server."""


class App:
    """An object of a class, as Flask's."""

    def __call__(self, environ, start_response):
        start_response("200 OK", [("content-type", "text/plain")])
        return [environ["REQUEST_METHOD"].encode()]


class Async:
    async def __call__(self, scope, receive):
        """Two arguments, of no known interface."""


@pytest.mark.parametrize(
    ("app", "wsgi"),
    [
        (plain, True),
        (App(), True),
        (App, False),
        (functools.partial(lambda prefix, environ, start_response: None, "x"), True),
        (lambda environ, start_response, *, debug=False: None, True),
        (coroutine, False),
        (Async(), False),
        (lambda scope: None, False),
        (lambda scope, receive, send: None, False),
        (lambda *args: None, False),
        (lambda environ, start_response, more=None: None, False),
        (lambda environ, start_response=None: None, False),
        (dict, False),
        ("no callable", False),
    ],
)
def test_a_wsgi_app_takes_two_arguments_and_not_those_of_asgi(app, wsgi):
    assert is_wsgi(app) is wsgi


@pytest.fixture
def bridge():
    bridge = WSGIBridge(App())
    yield bridge
    bridge.close()


async def get(app):
    exchange = HTTPExchange(app, http_scope("GET", "/"))
    exchange.start()
    response = await exchange.response(A_MINUTE)
    await asyncio.wait([exchange.task], timeout=A_MINUTE)
    return response


async def test_a_request_is_passed_on(bridge):
    assert isinstance(bridge.app, App)
    response = await get(bridge)
    assert (response.status, response.body) == (200, b"GET")


async def test_a_websocket_is_refused(bridge):
    websocket = WebSocketConnection(bridge, websocket_scope("/"))
    with pytest.raises(ConnectionRefusedError):
        await websocket.connect(A_MINUTE)


async def test_closing_ends_its_threads_and_it_may_be_used_again(bridge):
    await get(bridge)
    pool = bridge._bridge.executor
    assert pool._max_workers > 1_000
    bridge.close()
    with pytest.raises(RuntimeError, match="shutdown"):
        pool.submit(print)
    assert (await get(bridge)).status == 200
