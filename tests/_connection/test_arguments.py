"""The checks of `app`, `http`, namespaces and timeouts."""

import engineio
import httpx
import pytest
import socketio

from asgi_sio_testclient._connection.arguments import (
    _check_app,
    check_namespace,
    check_timeout,
    checked_http,
    is_url,
)


@pytest.mark.parametrize(
    ("app", "url"),
    [
        ("http://localhost:8000", True),
        (" HTTPS://example.org", True),
        ("ws://localhost", True),
        ("main:app", False),
        ("localhost:8000", False),
        (lambda: None, False),
    ],
)
def test_what_is_a_url(app, url):
    assert is_url(app) is url


async def asgi_app(scope, receive, send):
    """Never called."""


class Extension:
    """An extension like Flask-SocketIO's, which has the server as an attribute."""

    server = socketio.Server(async_mode="threading")


def test_an_app_passes():
    _check_app(asgi_app)
    _check_app(socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi")))


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("main:app", "app is the str 'main:app'; expected the ASGI app itself"),
        (socketio.AsyncServer(async_mode="asgi"), "app is the server; expected the ASGI app"),
        (engineio.AsyncServer(async_mode="asgi"), "app is the server; expected the ASGI app"),
        (socketio.Server(async_mode="threading"), "app is the server; expected the WSGI app"),
        (Extension(), "app is the server; expected the WSGI app"),
        (None, "app is None; expected an ASGI callable"),
    ],
)
def test_what_is_no_app(app, words):
    with pytest.raises(TypeError) as caught:
        _check_app(app)
    assert str(caught.value).startswith(words)


async def test_an_httpx_client_is_taken_as_it_is():
    assert checked_http(None) is None
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: None)) as http:
        assert checked_http(http) is http


@pytest.mark.parametrize("http", [{}, "http://testserver", httpx.AsyncClient])
def test_what_is_no_client(http):
    with pytest.raises(TypeError, match="expected an httpx client"):
        checked_http(http)


@pytest.mark.parametrize("namespace", ["/", "/chat", "*"])
def test_a_namespace(namespace):
    check_namespace(namespace)


@pytest.mark.parametrize(
    ("namespace", "kind", "words"),
    [
        ("chat", ValueError, "namespace is 'chat'; did you mean '/chat'?"),
        ("", ValueError, "namespace is ''; did you mean '/'?"),
        (None, TypeError, "namespace is None; expected a str such as '/chat'"),
        (b"/chat", TypeError, "namespace is b'/chat'; expected a str"),
    ],
)
def test_what_is_no_namespace(namespace, kind, words):
    with pytest.raises(kind) as caught:
        check_namespace(namespace)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("seconds", [0, 0.0, 1, 2.5, float("inf")])
def test_a_timeout(seconds):
    check_timeout(seconds)


@pytest.mark.parametrize(
    ("seconds", "kind"),
    [(-1, ValueError), (float("nan"), ValueError), (True, TypeError), ("5", TypeError)],
)
def test_what_is_no_timeout(seconds, kind):
    with pytest.raises(kind, match=r"^grace is .*; expected seconds"):
        check_timeout(seconds, "grace")
