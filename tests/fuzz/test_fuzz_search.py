"""The search: how many examples it runs, and when it ends."""

import sys

import pytest
import socketio

from asgi_sio_testclient import fuzz


def app_of(**handlers):
    """Return an app with these handlers. It does not monitor clients: on Python 3.11 the end of the
    cancelled task is reported without its beginning, and the coverage tool assigns the following
    lines to another frame.
    """
    sio = socketio.AsyncServer(async_mode="asgi", monitor_clients=False)
    for event, handler in handlers.items():
        sio.on(event, handler)
    return sio


@pytest.mark.slow
def test_shrinking_ends_after_some_hangs():
    started = []

    async def stops(sid, a, b):
        # A failing call has no "x" and more than 24 characters in both arguments, so there are many
        # shortest failing calls.
        if "x" not in (a, b) and len(f"{a}{b}") > 24:
            sys.exit(3)

    app = socketio.ASGIApp(app_of(stops=stops), on_startup=lambda: started.append(1))
    (failure,) = fuzz.run(app, max_examples=30).failures
    assert failure.headline == "FAILED / stops - SystemExit: 3"
    # The app starts again after each example that has ended it.
    assert len(started) == 13


@pytest.mark.slow
@pytest.mark.parametrize("examples", [1, 5])
def test_what_another_handler_raises_does_not_end_the_search(examples):
    sent = []

    async def fine(sid, data):
        sent.append(data)

    async def disconnect(sid, reason):
        if sent:
            raise OSError("cannot be written")

    app = socketio.ASGIApp(app_of(fine=fine, disconnect=disconnect))
    report = fuzz.run(app, "fine", max_examples=examples)
    (failure,) = report.failures
    assert failure.headline == "FAILED / disconnect - OSError: cannot be written"
    assert report.examples == {("/", "fine"): examples}


def test_another_handler_that_ends_the_app():
    sent = []

    async def fine(sid, data):
        sent.append(data)

    async def disconnect(sid, reason):
        if sent:
            sys.exit(3)

    app = socketio.ASGIApp(app_of(fine=fine, also_fine=fine, disconnect=disconnect))
    report = fuzz.run(app, "fine", "also_fine", max_examples=10)
    assert [failure.headline for failure in report.failures] == [
        "FAILED / disconnect - SystemExit: 3"
    ]
    assert report.examples == {("/", "fine"): 1, ("/", "also_fine"): 1}


@pytest.mark.slow
def test_a_namespace_where_each_client_ends_the_app():
    async def fine(sid, data):
        pass

    async def disconnect(sid, reason):
        sys.exit(3)

    sio = app_of(fine=fine, disconnect=disconnect)
    sio.on("fine", fine, namespace="/other")
    report = fuzz.run(socketio.ASGIApp(sio), "fine", max_examples=3)
    assert [failure.event for failure in report.failures] == ["disconnect"]
    assert report.examples == {("/", "fine"): 0, ("/other", "fine"): 3}


def test_sequences_end_at_the_last_example():
    async def fails(sid):
        raise OSError("always")

    report = fuzz.run(socketio.ASGIApp(app_of(fails=fails)), sequences=2, max_examples=1)
    assert [failure.event for failure in report.failures] == ["fails"]
    assert report.examples == {("*", "*"): 1}
