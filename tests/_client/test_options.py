"""The arguments of a client are checked at once; the error names the wrong value and the accepted
ones.
"""

import functools
import inspect

import engineio
import httpx
import pytest
import socketio
from starlette.applications import Starlette
from starlette.testclient import TestClient as StarletteTestClient

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._client.options import Options
from asgi_sio_testclient._connection.arguments import DEFAULT_BASE_URL, check_timeout
from asgi_sio_testclient.asgi._elsewhere import Elsewhere


async def app(scope, receive, send):
    """Never called."""


def options(**changes):
    """Return the constructor's arguments: the defaults, with `changes`."""
    parameters = inspect.signature(TestClient).parameters
    given = {name: parameter.default for name, parameter in parameters.items()}
    return Options(**{**given, "app": app, **changes})


# -- the app


class AsyncCallable:
    async def __call__(self, scope, receive, send):
        """Never called."""


class PlainCallable:
    def __call__(self, scope, receive, send):
        """Never called."""


class TwoSteps:
    def __init__(self, scope):
        self.scope = scope


def variadic(*args):
    """Never called."""


@pytest.mark.parametrize(
    "given",
    [
        app,
        lambda scope, receive, send: None,
        lambda scope: None,
        AsyncCallable(),
        PlainCallable(),
        TwoSteps,
        variadic,
        functools.partial(app),
        Starlette(),
        socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi")),
        str,  # a callable without a known signature
    ],
)
def test_what_may_be_an_asgi_app_is_taken(given):
    assert options(app=given).app is given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("main:app", "expected the ASGI app itself: import it"),
        (socketio.AsyncServer(async_mode="asgi"), r"socketio.ASGIApp\(sio\)"),
        (socketio.Server(async_mode="threading"), "app is the server; expected"),
        (engineio.AsyncServer(async_mode="asgi"), r"socketio.ASGIApp\(sio\)"),
        (None, "app is None; expected an ASGI callable"),
        (5, "app is 5; expected an ASGI callable"),
    ],
)
def test_what_is_no_asgi_app_is_a_type_error_that_says_what_was_expected(given, words):
    with pytest.raises(TypeError, match=words):
        options(app=given)


def test_the_app_is_made_an_asgi_3_callable_once():
    given = options(app=TwoSteps)
    assert given.single_app is not TwoSteps
    assert given.single_app is given.single_app
    assert options().single_app is app


# -- the http client


@pytest.mark.slow
def test_http_clients_are_taken_by_their_shape():
    starlette = StarletteTestClient(app)
    for http in (httpx.AsyncClient(), httpx.Client(), starlette):
        assert options(http=http).http is http


@pytest.mark.parametrize("http", [5, "http://testserver", httpx, httpx.AsyncClient])
def test_what_is_no_http_client_is_a_type_error(http):
    with pytest.raises(TypeError, match="expected an httpx client"):
        options(http=http)


@pytest.mark.parametrize(
    ("base_url", "of_http", "used"),
    [
        (DEFAULT_BASE_URL, None, DEFAULT_BASE_URL),
        (DEFAULT_BASE_URL, "", DEFAULT_BASE_URL),
        (DEFAULT_BASE_URL, "https://shop/api", "https://shop/api/"),
        ("https://mine", "https://shop", "https://mine"),
        (httpx.URL("https://mine"), None, "https://mine"),
    ],
)
def test_the_base_url_of_the_http_client_goes_before_the_default_only(base_url, of_http, used):
    http = None if of_http is None else httpx.AsyncClient(base_url=of_http)
    assert options(base_url=base_url, http=http).base_url == used


class Away(Elsewhere):
    base_url = "https://chat.example.org"

    async def __call__(self, scope, receive, send):
        """Never called."""


@pytest.mark.parametrize(
    ("of_http", "used"),
    [("", Away.base_url), ("https://shop", "https://shop"), ("http://a.shop", "http://a.shop")],
)
def test_the_base_url_of_the_http_client_goes_before_that_of_a_server_elsewhere(of_http, used):
    http = httpx.AsyncClient(base_url=of_http)
    assert options(app=Away(), http=http).base_url == used


# -- the rest


@pytest.mark.parametrize(
    ("transports", "used"),
    [
        ("polling", ("polling",)),
        (["polling", "websocket"], ("polling", "websocket")),
        (iter(["websocket"]), ("websocket",)),
    ],
)
def test_transports_are_a_name_or_several(transports, used):
    given = options(transports=transports)
    assert given.transports == used
    assert given.transports_of(None) == used
    assert given.transports_of("polling") == ("polling",)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"transports": ()}, ValueError, r"transports is \(\); expected some of"),
        ({"transports": "http"}, ValueError, "transports is 'http'"),
        ({"transports": ("websocket", "http")}, ValueError, "expected some of"),
        ({"transports": 5}, TypeError, "transports is 5; expected names out of"),
        ({"transports": ["websocket", 5]}, TypeError, "expected names out of"),
        ({"timeout": -1}, ValueError, "timeout is -1; expected seconds, 0 or more"),
        ({"timeout": float("nan")}, ValueError, "timeout is nan"),
        ({"timeout": "5"}, TypeError, "timeout is '5'; expected seconds"),
        ({"timeout": None}, TypeError, "timeout is None"),
        ({"timeout": True}, TypeError, "timeout is True"),
        ({"socketio_path": None}, TypeError, "socketio_path is None; expected a str"),
        ({"root_path": 5}, TypeError, "root_path is 5; expected a str"),
        ({"base_url": "testserver"}, ValueError, "base_url is 'testserver'"),
        ({"base_url": None}, ValueError, "base_url is 'None'"),
        ({"headers": 5}, TypeError, "headers is of type int; expected one of httpx's"),
        ({"cookies": [5]}, TypeError, "cookies is of type list; expected one of httpx's"),
        ({"client": "testclient"}, TypeError, "client is 'testclient'; expected a tuple"),
        ({"server": 5}, TypeError, "server is 5; expected a socketio.AsyncServer"),
        ({"serializer": "pickle"}, ValueError, "serializer is 'pickle'"),
        ({"json": 5}, TypeError, "json is 5"),
    ],
)
def test_what_can_not_be_is_said_with_what_was_expected(changes, error, words):
    with pytest.raises(error, match=words):
        options(**changes)


@pytest.mark.parametrize("seconds", [0, 0.0, 1, 2.5, float("inf")])
def test_a_timeout_is_any_number_of_seconds(seconds):
    check_timeout(seconds)
    assert options(timeout=seconds).timeout == seconds


@pytest.mark.parametrize("kind", [socketio.AsyncServer, engineio.AsyncServer])
def test_a_server_of_either_protocol_can_be_given(kind):
    server = kind(async_mode="asgi")
    assert options(server=server).server is server


@pytest.mark.parametrize(
    "changes",
    [
        {"client": None},
        {"headers": {"X-A": "1"}},
        {"headers": [("X-A", "1")]},
        {"headers": httpx.Headers()},
        {"cookies": {"a": "1"}},
        {"cookies": httpx.Cookies()},
        {"cookies": httpx.Cookies().jar},
    ],
)
def test_what_else_can_be_given(changes):
    [(name, value)] = changes.items()
    assert getattr(options(**changes), name) is value


# -- clones


@pytest.mark.slow
def test_a_clone_has_the_same_options_and_no_cookies():
    given = options(http=httpx.AsyncClient(), cookies={"a": "1"}, auth="me", timeout=2.0)
    other = given.for_clone({}, "https://shop")
    assert (other.http, other.cookies, other.base_url) == (None, None, "https://shop")
    assert (other.auth, other.timeout, other.app) == ("me", 2.0, app)


def test_overrides_of_a_clone_are_checked_and_go_before():
    other = options().for_clone({"auth": "you", "transports": "polling"}, DEFAULT_BASE_URL)
    assert (other.auth, other.transports) == ("you", ("polling",))
    with pytest.raises(ValueError, match="timeout is -1"):
        options().for_clone({"timeout": -1}, DEFAULT_BASE_URL)


@pytest.mark.parametrize("name", ["app", "server", "lifespan", "colour"])
def test_a_clone_takes_nothing_of_the_app_and_nothing_unknown(name):
    with pytest.raises(TypeError, match=rf"clone\(\) does not take {name}; it takes"):
        options().for_clone({name: None}, DEFAULT_BASE_URL)
