"""The runs of handlers and the emits in a recording."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import ConnectionRefused, TestClient
from asgi_sio_testclient.trace import recording


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi", namespaces="*")


async def test_a_refusal_is_no_error_of_the_handler(sio):
    @sio.on("connect", namespace="/closed")
    async def refuse(sid, environ):
        raise socketio.exceptions.ConnectionRefusedError("members only")

    @sio.on("connect", namespace="/broken")
    async def fail(sid, environ):
        raise LookupError("no such user")

    with recording() as recorded:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            with pytest.raises(ConnectionRefused):
                await client.connect("/closed")
            with pytest.raises(LookupError):
                await client.connect("/broken")
    errors = {run.namespace: run.error for run in recorded.runs if run.event == "connect"}
    assert errors["/closed"] is None
    assert isinstance(errors["/broken"], LookupError)


async def test_a_connect_handler_without_auth_is_one_run_without_an_error(sio):
    """python-socketio calls the handler with auth first, and again after the TypeError."""

    @sio.event
    async def connect(sid, environ):
        """Accepts any client."""

    with recording() as recorded:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
    (run,) = [run for run in recorded.runs if run.event == "connect"]
    assert run.error is None


async def test_an_emit_that_no_line_of_the_apps_makes(sio):
    @sio.event
    async def order(sid):
        sio.start_background_task(sio.emit, "ordered", to=sid)
        await sio.emit("seen", to=sid)

    with recording() as recorded:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.emit("order")
            await client.await_events(2)
    lines = {emit.event: emit.place for emit in recorded.emits}
    assert lines["ordered"] == ""
    assert "in test_an_emit" in lines["seen"]


async def test_a_handler_that_is_closed_while_it_waits_ends(sio):
    """The garbage collector closes the coroutine of a task without references."""
    ended = []

    @sio.event
    async def disconnect(sid, reason):
        if reason == "of the test":
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.append(sid)

    with recording():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            dispatch = sio._trigger_event("disconnect", "/", client.sid, "of the test")
            assert asyncio.isfuture(dispatch.send(None))
            dispatch.close()
            assert ended == [client.sid]
