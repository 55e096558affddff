"""The handler for which a direct call counts. Servers report direct calls from Python 3.12 on."""

import pytest

from asgi_sio_testclient._server.observers import HandlerResult
from asgi_sio_testclient._server.registered_handlers import RegisteredHandler
from asgi_sio_testclient.coverage._recorder import Recorder


def alone(sid):
    """A handler of one event."""


def shared(sid):
    """A handler of several events."""


HANDLERS = {
    event: RegisteredHandler("/", event, function)
    for event, function in {"alone": alone, "first": shared, "second": shared}.items()
}


@pytest.fixture
def recorder():
    recorder = Recorder()
    recorder.handlers_found({"/"}, HANDLERS.values())
    return recorder


def ran(recorder):
    counts = {entry.event: entry.ran for entry in recorder.coverage.handlers}
    return {event: count for event, count in counts.items() if count}


def test_a_function_of_one_event(recorder):
    recorder.called_directly(alone.__code__)
    assert ran(recorder) == {"alone": 1}


def test_a_function_of_several_events_counts_for_the_one_that_ran_most(recorder):
    recorder.handler_ended(HandlerResult(HANDLERS["second"], ran=True))
    recorder.called_directly(shared.__code__)
    assert ran(recorder) == {"second": 2}


def test_a_function_that_is_no_handler(recorder):
    recorder.called_directly(ran.__code__)
    assert ran(recorder) == {}
