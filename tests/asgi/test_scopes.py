"""The scopes of HTTP requests and websockets, with every key of uvicorn's."""

import functools

import pytest

from asgi_sio_testclient.asgi import http_scope, websocket_scope


def test_an_http_scope_has_every_key_of_uvicorns():
    state = {"db": object()}
    scope = http_scope(
        "POST",
        "/caf%C3%A9/x",
        query_string=b"a=1",
        headers=[(b"x-a", b"1"), (b"x-a", b"2")],
        scheme="https",
        root_path="/root",
        client=("10.0.0.1", 1234),
        server=("example.org", 443),
        state=state,
    )
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/café/x",
        "raw_path": b"/caf%C3%A9/x",
        "query_string": b"a=1",
        "root_path": "/root",
        "headers": [(b"x-a", b"1"), (b"x-a", b"2")],
        "client": ("10.0.0.1", 1234),
        "server": ("example.org", 443),
        "state": state,
    }


def test_a_websocket_scope_has_every_key_of_uvicorns():
    scope = websocket_scope(
        "/a%20b",
        query_string=b"a=1",
        headers=iter([(b"x-a", b"1")]),
        scheme="wss",
        root_path="/root",
        client=None,
        server=None,
        subprotocols=("chat", "v2"),
        state={"a": 1},
    )
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "wss",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"a=1",
        "root_path": "/root",
        "headers": [(b"x-a", b"1")],
        "client": None,
        "server": None,
        "subprotocols": ["chat", "v2"],
        "state": {"a": 1},
        "extensions": {"websocket.http.response": {}},
    }


def test_scopes_default_to_a_test_server_over_plain_http():
    http, ws = http_scope("GET", "/"), websocket_scope("/")
    assert (http["scheme"], ws["scheme"]) == ("http", "ws")
    for scope in (http, ws):
        assert scope["client"] == ("testclient", 50000)
        assert scope["server"] == ("testserver", 80)
        assert scope["root_path"] == ""
        assert scope["query_string"] == b""
        assert scope["headers"] == []
        assert scope["state"] == {}
    assert ws["subprotocols"] == []


@pytest.mark.parametrize("make", [functools.partial(http_scope, "GET"), websocket_scope])
def test_the_state_of_a_scope_is_a_shallow_copy(make):
    state = {"shared": []}
    scope = make("/", state=state)
    scope["state"]["own"] = 1
    scope["state"]["shared"].append("seen")
    assert state == {"shared": ["seen"]}
