"""The call by which an Engine.IO server is searched at another path."""

import pytest

from asgi_sio_testclient._server.server_path import _try


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("websocket", {"type": "websocket.connect"}),
        ("http", {"type": "http.request", "body": b"", "more_body": False}),
    ],
)
async def test_the_app_receives_the_first_message_of_its_protocol(kind, first):
    received = []

    async def app(scope, receive, send):
        received.append(await receive())

    reached = await _try(app, {"type": kind, "path": "/"})
    assert received == [first]
    assert not reached.server
