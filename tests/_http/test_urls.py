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
    ("base_url", "url", "server"),
    [
        ("http://testserver", "http://testserver", ("testserver", 80)),
        ("https://example.org/", "https://example.org", ("example.org", 443)),
        ("ws://localhost:8000/app/", "http://localhost:8000/app", ("localhost", 8000)),
        ("wss://example.org/a?x=1", "https://example.org/a", ("example.org", 443)),
        ("http://me:secret@host", "http://host", ("host", 80)),
        ("http://[::1]:9", "http://[::1]:9", ("::1", 9)),
    ],
)
def test_a_base_url(base_url, url, server):
    origin = parse_base_url(base_url)
    assert origin.url == url
    assert origin.server == server


def test_user_and_password_are_kept_out_of_the_repr():
    origin = parse_base_url("http://me:secret@host")
    assert origin.userinfo == b"me:secret"
    assert "secret" not in repr(origin)


@pytest.mark.parametrize("base_url", ["testserver", "ftp://host", "http://", "http://h:port"])
def test_what_is_no_base_url(base_url):
    with pytest.raises(ValueError, match=r"^base_url is "):
        parse_base_url(base_url)


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
