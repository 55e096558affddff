"""From a scope to the request to a remote server. No request is made."""

import asyncio

import pytest

from asgi_sio_testclient.asgi import http_scope
from asgi_sio_testclient.asgi._elsewhere import EXTENSION
from asgi_sio_testclient.remote._requests import (
    Disconnect,
    Requests,
    extension_of,
    response_headers,
)
from asgi_sio_testclient.remote._target import parse_target


def requests(url="http://remote.example:8000", connect_timeout=None, headers=()):
    return Requests(parse_target(url), connect_timeout, headers)


def scope_of(method="GET", path="/socket.io/", **options):
    return http_scope(method, path, **options)


def extended(scope, **values):
    return scope | {"extensions": {EXTENSION: values}}


def test_the_url_is_that_of_the_target():
    scope = scope_of(query_string=b"EIO=4")
    assert requests().url(scope) == "http://remote.example:8000/socket.io/?EIO=4"
    assert requests("https://remote.example").url(scope_of()).endswith(".example/socket.io/")


@pytest.mark.parametrize(
    ("server", "origin"),
    [(("other", 81), "http://other:81"), (("::1", 81), "http://[::1]:81")],
)
def test_after_a_redirection_it_is_that_of_the_scope(server, origin):
    scope = scope_of(server=server)
    assert requests().origin(scope) == "http://remote.example:8000"
    assert requests().origin(extended(scope, other_origin=True)) == origin


@pytest.mark.parametrize(
    ("method", "size", "length"),
    [("GET", 0, None), ("GET", 3, 3), ("HEAD", 0, None), ("POST", 0, 0), ("POST", 5, 5)],
)
def test_a_request_has_a_length_if_it_has_a_body_or_may_have_one(method, size, length):
    head = requests().head(scope_of(method), "remote.example", size)
    line, *headers = head.decode().split("\r\n")
    assert line == f"{method} /socket.io/ HTTP/1.1"
    assert headers[-2:] == ["", ""]
    lengths = [header for header in headers if header.startswith("content-length")]
    assert lengths == ([] if length is None else [f"content-length: {length}"])


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        (b"testserver", False),
        (b"testserver:80", False),
        (b"TestServer", False),
        (b"testserver:81", True),
        (b"other", True),
    ],
)
def test_the_host_of_the_scope_is_left_out(host, kept):
    scope = scope_of(headers=[(b"host", host), (b"x-a", b"1")], server=("testserver", 80))
    names = [name for name, _ in requests().headers(scope)]
    assert names == (["host", "x-a"] if kept else ["x-a"])
    head = requests().head(scope, "remote.example:8000", 0).decode()
    assert f"host: {host.decode() if kept else 'remote.example:8000'}\r\n" in head
    assert head.count("host: ") == 1


def test_an_address_of_ipv6_is_the_scopes_own_host():
    scope = scope_of(headers=[(b"host", b"[::1]:9")], server=("::1", 9))
    assert requests().headers(scope) == []


def test_headers_of_the_connection_are_left_out_and_the_servers_own_replace_others():
    headers = [
        (b"connection", b"Upgrade"),
        (b"content-length", b"7"),
        (b"upgrade", b"websocket"),
        (b"x-a", b"1"),
        (b"x-b", "ü".encode()),
        (b"x-c", b"\xfc"),
    ]
    own = [("X-A", "own")]
    found = requests(headers=own).headers(scope_of(headers=headers))
    assert found == [("x-b", "ü"), ("x-c", "ü"), ("X-A", "own")]


@pytest.mark.parametrize(
    "scope",
    [
        scope_of(headers=[(b"x-a", b"1\r\nx-b: 2")]),
        scope_of(headers=[(b"x-a\n", b"1")]),
        scope_of(query_string=b"a=1\r\nx: y"),
    ],
)
def test_a_line_break_is_refused(scope):
    with pytest.raises(ValueError, match="a line break in"):
        requests().head(scope, "host", 0)


@pytest.mark.parametrize(
    ("given", "handshake", "limit"), [(None, None, 4.0), (None, 10, 8.0), (3.0, 10, 3.0)]
)
def test_the_limit_leaves_the_client_time_to_raise_the_cause(given, handshake, limit):
    scope = scope_of()
    if handshake is not None:
        scope = extended(scope, handshake_timeout=handshake)
    assert requests(connect_timeout=given).limit(scope) == limit


def test_a_scope_without_the_extension():
    assert extension_of(scope_of()) == {}
    assert extension_of(extended(scope_of(), cancels=True)) == {"cancels": True}


def test_a_response_has_no_headers_of_its_connection():
    raw = [(b"Transfer-Encoding", b"chunked"), (b"Content-Length", b"2"), (b"X-A", b"1")]
    assert response_headers(raw) == [(b"content-length", b"2"), (b"x-a", b"1")]


async def test_a_disconnect_cancels_the_task_once():
    caught = []

    async def forward():
        disconnect = Disconnect()
        started.set_result(disconnect)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            caught.append(disconnect.is_cause())
        disconnect.arrived()
        await asyncio.sleep(0)
        return disconnect.has_come

    started = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(forward())
    (await started).arrived()
    assert await task is True
    assert caught == [True]


@pytest.mark.parametrize("cancelled_too", [True, False])
async def test_a_cancellation_has_another_cause(cancelled_too):
    async def forward():
        disconnect = Disconnect()
        disconnect.cancels = cancelled_too
        started.set_result(disconnect)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return disconnect.is_cause()

    started = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(forward())
    disconnect = await started
    task.cancel()
    disconnect.arrived()
    assert disconnect.has_come
    assert await task is False
