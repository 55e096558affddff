"""Base URLs, paths and queries, and which of their parts are masked."""

import pytest

from asgi_sio_testclient._http.urls import (
    engineio_path,
    masked_query,
    masked_url,
    parse_base_url,
    query_prefix,
    session_url,
)


@pytest.mark.parametrize(
    ("base_url", "scheme", "netloc", "path", "server"),
    [
        ("http://testserver", "http", "testserver", "", ("testserver", 80)),
        ("https://testserver", "https", "testserver", "", ("testserver", 443)),
        ("http://testserver:8000/api/", "http", "testserver:8000", "/api", ("testserver", 8000)),
        ("ws://testserver", "http", "testserver", "", ("testserver", 80)),
        ("wss://testserver", "https", "testserver", "", ("testserver", 443)),
        ("http://[::1]:9", "http", "[::1]:9", "", ("::1", 9)),
        ("http://t/a%20b?x=1", "http", "t", "/a%20b", ("t", 80)),
        ("http://me:secret@host", "http", "host", "", ("host", 80)),
    ],
)
def test_a_base_url_is_taken_apart(base_url, scheme, netloc, path, server):
    origin = parse_base_url(base_url)
    assert (origin.scheme, origin.netloc, origin.path) == (scheme, netloc, path)
    assert origin.server == server
    assert origin.url == f"{scheme}://{netloc}{path}"


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("testserver", "expected something like 'http://testserver'"),
        ("ftp://testserver", "expected something like"),
        ("http://", "expected something like"),
        ("/path", "expected something like"),
        ("http://testserver:port", "Invalid port"),
    ],
)
def test_what_is_no_base_url_is_a_value_error(base_url, words):
    with pytest.raises(ValueError, match=words) as caught:
        parse_base_url(base_url)
    assert str(caught.value).startswith(f"base_url is {base_url!r}")


def test_user_and_password_are_kept_out_of_the_repr():
    origin = parse_base_url("http://me:secret@host")
    assert origin.userinfo == b"me:secret"
    assert "secret" not in repr(origin)


def test_an_error_shows_no_password():
    for base_url in ("ftp://me:secret@host", "http://me:sec/ret@host:x"):
        with pytest.raises(ValueError, match=r"\*\*\*@host") as caught:
            parse_base_url(base_url)
        assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    ("base", "socketio_path", "path"),
    [
        ("", "socket.io", "/socket.io/"),
        ("/app", "/ws/socket.io/", "/app/ws/socket.io/"),
        ("", "", "/"),
        ("", "a b/ü", "/a%20b/%C3%BC/"),
        ("", "a%20b", "/a%20b/"),
    ],
)
def test_the_path_of_engineio(base, socketio_path, path):
    assert engineio_path(base, socketio_path) == path


def test_the_url_of_sessions():
    assert session_url("ws://me:secret@host:8000/app", "ws") == "http://host:8000/app/ws/"


@pytest.mark.parametrize(
    ("query", "prefix"),
    [
        (None, ""),
        ("", ""),
        ({}, ""),
        ("?a=1", "a=1&"),
        ({"a": 1, "b": "ü &"}, "a=1&b=%C3%BC+%26&"),
        ("a=ü", "a=%C3%BC&"),
    ],
)
def test_the_users_query(query, prefix):
    assert query_prefix(query) == prefix


def test_values_of_a_query_are_masked_but_engineios_own():
    query = "token=t0k3n&EIO=4&transport=polling&sid=abc&empty=&t0k3n"
    masked = "token=***&EIO=4&transport=polling&sid=abc&empty=&***"
    assert masked_query(query) == masked
    assert masked_url(f"http://me:secret@host/socket.io/?{query}&t=0.123") == (
        f"http://***@host/socket.io/?{masked}"
    )
    assert masked_url("http://host/path") == "http://host/path"
