"""One run of one handler."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._server.runs import HandlerRun


class Names:
    """The handler of one event."""

    def handler_name(self, event, namespace):
        return "on_order" if event == "order" else ""

    def handler_source(self, event, namespace):
        return "app.py:7" if event == "order" else ""


def run_of(event="order"):
    return HandlerRun(Names(), None, event, "/", "sid", None)


def test_before_it_begins_and_after_it_has_ended():
    run = run_of()
    assert run.started == float("inf")
    assert run.duration is None
    run.begin()
    run.ended = run.started + 0.5
    assert run.duration == pytest.approx(0.5)


def test_what_it_is_called():
    assert (run_of().name, run_of().source) == ("on_order", "app.py:7")
    assert str(run_of()) == "on_order (event 'order', namespace '/')"
    assert str(run_of("unknown")) == "handler (event 'unknown', namespace '/')"


async def test_where_it_is_suspended():
    async def handler():
        await asyncio.Event().wait()

    run = run_of()
    run.task = asyncio.ensure_future(handler())
    await asyncio.sleep(0)
    assert "test_runs.py" in run.place
    assert str(run).endswith(f" at {run.place}")
    assert not run.awaits_client
    run.task.cancel()


async def test_a_run_awaits_a_client_within_call():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.on("ask")
    async def ask(sid):
        return await sio.call("sure?", to=sid)

    async with TestClient(socketio.ASGIApp(sio)) as client:

        @client.on("sure?")
        async def sure():
            await asyncio.sleep(0.01)  # the server's call() waits at once after it has sent
            return [run.awaits_client for run in client.transcript.handlers]

        await client.connect()
        assert await client.call("ask") == [True]
