"""From an http client, a URL, cookies and headers to the scopes of a connection, and from responses
to cookies.
"""

import base64

import pytest
from handshakes import BASE_URL, handshake, headers_of

from asgi_sio_testclient._http.identity import DEFAULT_HEADERS

# -- the scopes


def test_the_scope_of_a_poll():
    scope = handshake(root_path="/root", client=None, state={"db": 1}).http_scope("GET")
    query = scope["query_string"].decode()
    assert query.startswith("transport=polling&EIO=4&t=")
    assert (scope["type"], scope["method"], scope["scheme"]) == ("http", "GET", "http")
    assert (scope["path"], scope["raw_path"]) == ("/socket.io/", b"/socket.io/")
    assert (scope["root_path"], scope["client"]) == ("/root", None)
    assert scope["server"] == ("testserver", 80)
    assert scope["state"] == {"db": 1}
    assert scope["headers"] == [
        (b"host", b"testserver"),
        *((name.encode(), value.encode()) for name, value in DEFAULT_HEADERS.items()),
    ]


def test_a_poll_of_a_session_is_stamped_and_a_post_is_not():
    shake = handshake()
    get, post = shake.http_scope("GET", "abc"), shake.http_scope("POST", "abc")
    assert get["query_string"].startswith(b"transport=polling&EIO=4&sid=abc&t=")
    assert post["query_string"] == b"transport=polling&EIO=4&sid=abc"


def test_headers_of_one_request_come_last():
    scope = handshake().http_scope("POST", "abc", [(b"content-length", b"3")])
    assert scope["headers"][-1] == (b"content-length", b"3")


def test_the_scope_of_a_websocket():
    scope = handshake(base_url="https://testserver:8443").websocket_scope("abc")
    assert (scope["type"], scope["scheme"]) == ("websocket", "wss")
    assert scope["server"] == ("testserver", 8443)
    assert scope["query_string"].startswith(b"transport=websocket&EIO=4&sid=abc&t=")
    assert headers_of(scope, "host") == ["testserver:8443"]
    assert headers_of(scope, "connection") == ["Upgrade"]
    assert headers_of(scope, "upgrade") == ["websocket"]
    assert headers_of(scope, "sec-websocket-version") == ["13"]
    [key] = headers_of(scope, "sec-websocket-key")
    assert len(base64.b64decode(key)) == 16


def test_each_websocket_has_a_key_of_its_own():
    shake = handshake()
    keys = {headers_of(shake.websocket_scope(), "sec-websocket-key")[0] for _ in range(3)}
    assert len(keys) == 3


def test_what_a_websocket_sets_itself_is_not_taken_from_the_headers():
    given = {"Connection": "close", "Upgrade": "h2c", "Sec-WebSocket-Key": "x", "X-A": "1"}
    scope = handshake(headers=given).websocket_scope()
    assert headers_of(scope, "connection") == ["Upgrade"]
    assert headers_of(scope, "upgrade") == ["websocket"]
    assert headers_of(scope, "sec-websocket-key") != ["x"]
    assert headers_of(scope, "x-a") == ["1"]
    assert headers_of(handshake(headers=given).http_scope("GET"), "connection") == ["close"]


@pytest.mark.parametrize(
    ("base_url", "socketio_path", "raw_path"),
    [
        (BASE_URL, "socket.io", b"/socket.io/"),
        (BASE_URL, "/ws/socket.io/", b"/ws/socket.io/"),
        (BASE_URL, "", b"/"),
        (BASE_URL, "/", b"/"),
        (f"{BASE_URL}/api", "socket.io", b"/api/socket.io/"),
        (BASE_URL, "caf\u00e9 au lait", b"/caf%C3%A9%20au%20lait/"),
        (BASE_URL, "a%20b", b"/a%20b/"),
    ],
)
def test_where_the_server_is_mounted(base_url, socketio_path, raw_path):
    shake = handshake(base_url=base_url, socketio_path=socketio_path)
    assert shake.http_scope("GET")["raw_path"] == raw_path
    assert shake.websocket_scope()["raw_path"] == raw_path
    assert shake.url == f"{BASE_URL}{raw_path.decode()}"


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (None, ""),
        ("", ""),
        ({}, ""),
        ({"a": 1, "b": "x y"}, "a=1&b=x+y&"),
        ({"a": [1, 2]}, "a=1&a=2&"),
        ("?token=abc", "token=abc&"),
        ("a=1&b=caf\u00e9", "a=1&b=caf%C3%A9&"),
        ("a=%20", "a=%20&"),
    ],
)
def test_the_users_query_comes_first(query, first):
    scope = handshake(query=query).http_scope("POST")
    assert scope["query_string"].decode() == f"{first}transport=polling&EIO=4"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (None, ""),
        ("a=1", "a=***&"),
        ({"token": "s3cret", "room": ""}, "token=***&room=&"),
        ("t0k3n", "***&"),
        ("a=1&t=2&b=3=4", "a=***&t=***&b=***&"),
        ("EIO=3&transport=polling", "EIO=3&transport=polling&"),
    ],
)
def test_the_url_of_a_request_is_told_without_its_stamp_and_the_users_values(query, told):
    shake = handshake(query=query)
    scope = shake.websocket_scope("abc")
    assert shake.request_url(scope) == (
        f"ws://testserver/socket.io/?{told}transport=websocket&EIO=4&sid=abc"
    )
