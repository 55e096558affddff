"""The line at which a connect handler refused a client."""

import asyncio
import contextlib
import functools

import pytest
import socketio

from asgi_sio_testclient._server.handlers import Handlers
from asgi_sio_testclient._server.refused_connects import RefusalRecorder
from asgi_sio_testclient._server.runs import HandlerRun

FILE = "test_refused_connects.py"


def line_of(function, offset):
    return f"{FILE}:{function.__code__.co_firstlineno + offset}"


def returns_false(sid, environ):
    return False


def may_return_false(sid, environ):
    if sid is None:
        return False
    if sid == 0:
        return environ
    return False


def returns_a_value(sid, environ):
    return bool(environ)


def raises(sid, environ):
    raise socketio.exceptions.ConnectionRefusedError("full")


def accepts(sid, environ):
    return None


class Refusing:
    """A server that runs one connect handler, and what its recorder notes."""

    def __init__(self, handler, threaded=False):
        kind = socketio.Server if threaded else socketio.AsyncServer
        self.sio = kind(async_mode="threading" if threaded else "asgi")
        self.sio.on("connect", handler)
        find = Handlers(self.sio).find
        self.recorder = RefusalRecorder(self.sio, find, threaded=threaded)

    def begin(self):
        run = HandlerRun(None, None, "connect", "/", "sid", None)
        run.task = asyncio._get_running_loop() and asyncio.current_task()
        self.recorder.begin(run)
        return run


async def refused_at(handler):
    """What a run of that handler has as its place of refusal."""
    refusing = Refusing(handler)
    run = refusing.begin()
    with contextlib.suppress(socketio.exceptions.ConnectionRefusedError):
        await refusing.sio._trigger_event("connect", "/", "sid", {})
    refusing.recorder.end(run)
    assert "_trigger_event" not in vars(refusing.sio)
    return run.refused_at


async def test_the_line_that_returned_false():
    found = await refused_at(returns_false)
    assert found == f"{line_of(returns_false, 1)} in returns_false, which returned False"


async def test_each_line_that_may_have_returned_false():
    first = line_of(may_return_false, 2)
    last = may_return_false.__code__.co_firstlineno + 5
    found = await refused_at(may_return_false)
    assert found == f"{first} or {last} in may_return_false, which returned False"


async def test_the_return_of_a_value_where_no_line_returns_false():
    found = await refused_at(lambda sid, environ: bool(environ))
    assert found.startswith(f"{FILE}:")
    assert found.endswith("<lambda>, which returned False")
    found = await refused_at(returns_a_value)
    assert found == f"{line_of(returns_a_value, 1)} in returns_a_value, which returned False"


async def test_the_line_that_raised():
    assert (await refused_at(raises)).startswith(line_of(raises, 1))


async def test_the_functions_behind_a_decorator_and_a_partial():
    @functools.wraps(returns_false)
    def decorated(*args):
        return returns_false(*args)

    found = await refused_at(decorated)
    assert line_of(returns_false, 1) in found
    assert "which returned False" in found
    found = await refused_at(functools.partial(returns_false))
    assert found == f"{line_of(returns_false, 1)} in returns_false, which returned False"


async def test_what_has_no_code_has_no_line():
    class Handler:
        def __call__(self, sid, environ):
            return False

    assert await refused_at(Handler()) == ""


async def test_a_client_that_was_accepted_was_refused_nowhere():
    assert await refused_at(accepts) == ""


async def test_other_events_that_return_false_refuse_nobody():
    refusing = Refusing(accepts)
    refusing.sio.on("order", lambda sid, data: False)
    run = refusing.begin()
    await refusing.sio._trigger_event("order", "/", "sid", {})
    refusing.recorder.end(run)
    assert run.refused_at == ""


async def test_two_connects_at_once_have_a_line_each():
    refusing = Refusing(returns_false)

    async def one():
        run = refusing.begin()
        await asyncio.sleep(0)
        await refusing.sio._trigger_event("connect", "/", "sid", {})
        await asyncio.sleep(0)
        refusing.recorder.end(run)
        return run.refused_at

    first, second = await asyncio.gather(one(), one())
    assert first == second == f"{line_of(returns_false, 1)} in returns_false, which returned False"
    assert "_trigger_event" not in vars(refusing.sio)


async def test_a_hook_that_was_there_is_put_back_and_one_that_came_later_stays():
    refusing = Refusing(accepts)
    before = refusing.sio._trigger_event
    refusing.sio._trigger_event = before
    run = refusing.begin()
    refusing.recorder.end(run)
    assert vars(refusing.sio)["_trigger_event"] is before
    run = refusing.begin()
    refusing.sio._trigger_event = later = lambda *args: None
    refusing.recorder.end(run)
    assert vars(refusing.sio)["_trigger_event"] is later


@pytest.mark.parametrize("handler", [returns_false, raises, accepts])
def test_in_a_thread(handler):
    refusing = Refusing(handler, threaded=True)
    run = refusing.begin()
    with contextlib.suppress(socketio.exceptions.ConnectionRefusedError):
        refusing.sio._trigger_event("connect", "/", "sid", {})
    refusing.recorder.end(run)
    place = "" if handler is accepts else line_of(handler, 1)
    assert run.refused_at.startswith(place)
    assert bool(run.refused_at) is bool(place)
