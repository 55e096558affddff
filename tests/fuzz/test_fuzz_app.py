"""The running app in the fuzzer: what counts as a failure, and of which handler."""

import asyncio
import json
import sys
import types

import pytest
import socketio
from socketio.packet import Packet

from asgi_sio_testclient.fuzz import Call, HandlerHang, nested
from asgi_sio_testclient.fuzz._app import FuzzedApp, Settings, _is_of_the_app

TWICE = (Call("/", "work", ("x",)),) * 2


def result_of(handler, calls=TWICE, **options):
    """Run one example; return its failure, the runs of handlers and what the server logged."""
    # On Python 3.11 the cancelled task that monitors clients ends without a trace event.
    sio = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)
    sio.on("work", handler)
    options.setdefault("block", 60)
    with FuzzedApp(socketio.ASGIApp(sio), Settings(**options)) as fuzzed_app:
        fuzzed_app.discover()
        return fuzzed_app.run(calls), fuzzed_app.outcome


async def sound(sid, data):
    return data


def test_a_handler_that_holds():
    fault, outcome = result_of(sound)
    assert fault is None
    assert outcome == ["('/', 'work') NoneType", "ack [[str]]"] * 2


def test_a_sync_handler_that_raises_a_cancellation_has_not_failed():
    def cancels_itself(sid, data):
        raise asyncio.CancelledError

    fault, outcome = result_of(cancels_itself)
    assert fault is None
    assert outcome == ["ack []"] * 2


def test_a_handler_that_is_there_once():
    handled = []

    sio = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)

    @sio.on("work")
    async def once(sid, data):
        handled.append(data)
        del sio.handlers["/"]["work"]

    with FuzzedApp(socketio.ASGIApp(sio), Settings()) as fuzzed_app:
        fuzzed_app.discover()
        assert fuzzed_app.run(TWICE) is None
        # The fuzzer did not wait a day for the second call.
        assert fuzzed_app._loop.time() < 60
    assert handled == ["x"]


def test_a_handler_that_ends_after_the_next_event_was_sent():
    began = []

    async def late(sid, data):
        began.append(data)

    def delayed(app):
        async def middleware(scope, receive, send):
            async def receive_late():
                message = await receive()
                if "work" in (message.get("text") or ""):
                    await asyncio.sleep(3)
                return message

            await app(scope, receive_late, send)

        return middleware

    sio = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)
    sio.on("work", late)
    with FuzzedApp(delayed(socketio.ASGIApp(sio)), Settings()) as fuzzed_app:
        fuzzed_app.discover()
        assert fuzzed_app.run(TWICE * 2) is None
    assert began


@pytest.mark.slow
def test_a_handler_that_keeps_the_loop_busy():
    async def spins(sid, data):
        while True:  # noqa: ASYNC110 (that never rests)
            await asyncio.sleep(0)

    fault, _ = result_of(spins, block=0.01)
    assert isinstance(fault.error, HandlerHang)
    assert str(fault.error) == "the app keeps the event loop busy and does not end"
    assert fault.fatal


@pytest.mark.slow
def test_a_handler_that_blocks_the_thread():
    async def blocks(sid, data):
        while True:
            pass

    fault, _ = result_of(blocks, block=0.2)
    assert isinstance(fault.error, HandlerHang)
    assert str(fault.error) == "the handler blocks the event loop and does not end"
    assert fault.fatal


def test_a_task_that_no_cancellation_ends():
    tasks = []

    async def never_ends():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                continue

    async def begins(sid, data):
        tasks.append(asyncio.ensure_future(never_ends()))

    fault, _ = result_of(begins, calls=TWICE[:1])
    assert fault is None
    assert not tasks[0].done()


def test_what_a_server_says_to_a_packet_is_no_fault_of_the_app():
    with pytest.raises(ValueError) as caught:
        Packet(encoded_packet="malformed")
    error = caught.value
    assert _is_of_the_app(error)
    assert not _is_of_the_app(error.with_traceback(error.__traceback__.tb_next))


# An encoder that is not the app's code, like a module of the standard library.
ENCODER = """
import json

def dumps(data, **options):
    if "too deep" in str(data):
        raise RecursionError("maximum recursion depth exceeded")
    return json.dumps(data, **options)
"""


def test_an_answer_that_is_too_deep_to_be_encoded_is_no_failure(monkeypatch):
    encoder = {"__name__": "json.encoder"}
    exec(ENCODER, encoder)

    async def answers(sid, data):
        monkeypatch.setattr(Packet, "json", types.SimpleNamespace(**encoder, loads=json.loads))
        return "too deep"

    monkeypatch.setattr(Packet, "json", Packet.json)
    fault, outcome = result_of(answers, calls=TWICE[:1])
    assert fault is None
    assert outcome == ["('/', 'work') RecursionError", "ack []"]


def test_a_recursion_of_the_apps_own_code_is_a_failure():
    async def recurses(sid, data):
        raise RecursionError("maximum recursion depth exceeded")

    fault, _ = result_of(recurses)
    assert isinstance(fault.error, RecursionError)


@pytest.mark.parametrize("levels", [3, 200])
def test_the_recursion_limit_is_left_as_it_was(levels):
    before = sys.getrecursionlimit()
    fault, _ = result_of(sound, calls=(Call("/", "work", (nested(levels),)),))
    assert fault is None
    assert sys.getrecursionlimit() == before
