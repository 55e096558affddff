"""A TypeError of a connect or disconnect handler is reported as the handler's own error.

python-socketio calls a handler and takes a TypeError for a wrong number of arguments; the
TypeErrors of those attempts are not reported.
"""

import contextlib
import functools
import traceback

import pytest
import socketio

from asgi_sio_testclient import SyncTestClient, TestClient

OWN = "its own mistake"


def passing(function):
    """A decorator that passes all arguments on, such as a check of the login."""

    @functools.wraps(function)
    async def wrapper(*args):
        return await function(*args)

    return wrapper


def two(error):
    async def connect(sid, environ):
        raise error(OWN)

    return connect


def three(error):
    async def connect(sid, environ, auth):
        raise error(OWN)

    return connect


def optional(error):
    async def connect(sid, environ, auth=None):
        raise error(OWN)

    return connect


def plain(error):
    def connect(sid, environ):
        raise error(OWN)

    return connect


def decorated(error):
    return passing(two(error))


def one_of_a_class(error):
    class Chat(socketio.AsyncNamespace):
        async def on_connect(self, sid, environ):
            raise error(OWN)

    return Chat("/")


@pytest.mark.parametrize("make", [two, three, optional, plain, decorated, one_of_a_class])
@pytest.mark.parametrize("error", [TypeError, ValueError])
@pytest.mark.parametrize("auth", [None, {"token": 1}])
async def test_connect(transports, make, error, auth):
    if auth is not None and make not in {three, optional}:
        pytest.skip("such a handler takes no auth")
    sio = socketio.AsyncServer(async_mode="asgi")
    handler = make(error)
    if make is one_of_a_class:
        sio.register_namespace(handler)
    else:
        sio.on("connect", handler)
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        with pytest.raises(error, match=OWN) as caught:
            await client.connect(auth=auth)
    assert "positional argument" not in "".join(traceback.format_exception(caught.value))
    assert "event 'connect'" in caught.value.__notes__[0]


async def test_a_handler_with_too_few_arguments(transports):
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid):
        """Not reached."""

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        with pytest.raises(TypeError, match="takes 1 positional argument but 3 were given"):
            await client.connect()


def with_reason(error):
    async def disconnect(sid, reason):
        raise error(OWN)

    return disconnect


def without_reason(error):
    async def disconnect(sid):
        raise error(OWN)

    return disconnect


def decorated_without_reason(error):
    return passing(without_reason(error))


@pytest.mark.parametrize("make", [with_reason, without_reason, decorated_without_reason])
@pytest.mark.parametrize("error", [TypeError, ValueError])
async def test_disconnect(transports, make, error):
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("disconnect", make(error))
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        with pytest.raises(error, match=OWN) as caught:
            await client.disconnect()
    assert "positional argument" not in "".join(traceback.format_exception(caught.value))


def test_in_the_sync_client():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("connect", two(TypeError))
    with SyncTestClient(socketio.ASGIApp(sio)) as client, contextlib.ExitStack() as stack:
        stack.enter_context(pytest.raises(TypeError, match=OWN))
        client.connect()
