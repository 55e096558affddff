"""The error of a refused handshake names the cause of each status."""

import pytest

from asgi_sio_testclient._connection.refusals import handshake_failed
from asgi_sio_testclient.asgi import Response

URL = "http://testserver/socket.io/"
NO_SERVER = "no Socket.IO server answers there; is socketio_path='socket.io' right?"
NO_HANDSHAKE = "that is no Engine.IO handshake; is socketio_path='socket.io' right?"


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (200, b"<!doctype html>", NO_HANDSHAKE),
        (399, b"", NO_HANDSHAKE),
        (400, b"", ""),
        (401, b"", ""),
        (403, b"", NO_SERVER),
        (403, b"not you", ""),
        (404, b"not here", NO_SERVER),
        (405, b"", ""),
    ],
)
def test_the_hint_of_a_status(status, body, hint):
    error = handshake_failed(URL, Response(status, [], body), "socket.io")
    assert error.hint == hint
    assert (error.status, error.reason) == (status, body.decode())


@pytest.mark.parametrize(
    ("status", "hint"), [(500, "is socketio_path='socket.io' right?"), (405, ""), (502, "")]
)
def test_the_hint_of_a_status_behind_an_asgi_server(status, hint):
    """uvicorn answers 500 in the place of an app that refuses a websocket with a response."""
    error = handshake_failed(URL, Response(status, [], b""), "socket.io", behind_server=True)
    assert error.hint == hint


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b'"Invalid session"', "Invalid session"), (b'"half', '"half'), (b'half"', 'half"')],
)
def test_only_a_whole_json_string_loses_its_quotes(body, reason):
    assert handshake_failed(URL, Response(400, [], body), "socket.io").reason == reason
