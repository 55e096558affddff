"""Which of two exceptions of a connect or disconnect handler is the handler's own."""

import pytest
import socketio

from asgi_sio_testclient import TestClient


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


def type_error(sid, reason):
    raise TypeError("mine")


def value_error(sid, reason):
    raise ValueError("mine")


def value_error_after_type_error(sid, reason):
    try:
        raise TypeError("the cause")
    except TypeError:
        raise ValueError("mine")  # noqa: B904 (the context is what is tested)


def type_error_after_value_error(sid, reason):
    try:
        raise ValueError("the cause")
    except ValueError:
        raise TypeError("mine")  # noqa: B904


def type_error_after_type_error(sid, reason):
    try:
        raise TypeError("the cause")
    except TypeError:
        raise TypeError("mine")  # noqa: B904


@pytest.mark.parametrize(
    ("handler", "kind", "context"),
    [
        (type_error, TypeError, None),
        (value_error, ValueError, None),
        (value_error_after_type_error, ValueError, TypeError),
        (type_error_after_value_error, TypeError, ValueError),
        (type_error_after_type_error, TypeError, TypeError),
    ],
)
async def test_a_disconnect_handler_raises_its_own_error(sio, handler, kind, context):
    sio.on("disconnect", handler)
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        with pytest.raises(kind, match="mine") as caught:
            await client.disconnect()
    seen = caught.value.__context__
    assert (seen if context is None else type(seen)) is context
    assert len(client.app_exceptions) == 1
