"""Internal code: the code of tasks that are no work of the app."""

import asyncio

import engineio
import pytest
import socketio
from engineio.async_drivers.asgi import WebSocket, translate_request
from engineio.async_socket import AsyncSocket

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._waiting.internal_codes import INTERNAL_CODES


async def of_a_test():
    """Never called."""


@pytest.mark.parametrize(
    ("function", "internal"),
    [
        (engineio.AsyncServer._service_task, True),
        (AsyncSocket.poll, True),
        (WebSocket.wait, True),
        (translate_request, True),
        (engineio.ASGIApp.__call__, False),
        (socketio.AsyncServer._handle_event_internal, True),
        (socketio.AsyncServer.emit, False),
        (TestClient.connect, True),
        (asyncio.Event.wait, True),
        (asyncio.sleep, False),
        (of_a_test, False),
    ],
    ids=lambda value: getattr(value, "__qualname__", str(value)),
)
def test_whose_code_is_internal(function, internal):
    assert INTERNAL_CODES.includes(function.__code__) is internal
    assert INTERNAL_CODES.includes(function.__code__) is internal, "the answer is kept"
