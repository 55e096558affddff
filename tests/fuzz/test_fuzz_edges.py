"""Runs in which the app fails outside of its handlers."""

import asyncio
import logging
import threading

import pytest
import socketio

from asgi_sio_testclient import LifespanFailed, fuzz

DAYS = 200_000.0  # seconds, more than the fuzzer waits for a handler


def made(handler, *, startup=None, shutdown=None):
    """Return an app that does not ping or monitor its clients while the fuzzer waits
    for a handler.
    """
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=DAYS, monitor_clients=False)
    sio.on("work", handler)
    return socketio.ASGIApp(sio, on_startup=startup, on_shutdown=shutdown)


async def sound(sid, data):
    return repr(data)


def test_a_startup_that_fails_leaves_the_logging_as_it_was():
    def startup():
        raise OSError("no database")

    before = logging.root.manager.disable
    with pytest.raises(LifespanFailed, match="no database"):
        fuzz.run(made(sound, startup=startup))
    assert logging.root.manager.disable == before


@pytest.mark.slow
def test_a_startup_that_fails_the_second_time():
    started = []

    def startup():
        started.append(1)
        if len(started) > 1:
            raise OSError("the port is taken")

    async def hangs(sid, data):
        await asyncio.Event().wait()

    with pytest.raises(LifespanFailed, match="the port is taken"):
        fuzz.run(made(hangs, startup=startup), max_examples=3)


@pytest.mark.slow
def test_a_shutdown_that_fails_is_no_fault_of_a_handler():
    def shutdown():
        raise OSError("disk full")

    assert not fuzz.run(made(sound, shutdown=shutdown), max_examples=3).failures


@pytest.mark.slow
def test_a_handler_that_is_cancelled_has_not_failed():
    async def cancels_itself(sid, data):
        raise asyncio.CancelledError

    assert not fuzz.run(made(cancels_itself), max_examples=2).failures


@pytest.mark.slow
def test_an_app_that_takes_no_more_clients():
    sio = socketio.AsyncServer(async_mode="asgi")
    connected = []

    @sio.on("connect")
    async def connect(sid, environ):
        connected.append(sid)
        return len(connected) < 9

    sio.on("work", sound)
    assert not fuzz.run(socketio.ASGIApp(sio), "work", max_examples=8).failures


@pytest.mark.slow
def test_in_a_thread_of_its_own():
    reports = []
    app = made(sound)
    thread = threading.Thread(target=lambda: reports.append(fuzz.run(app, max_examples=3)))
    thread.start()
    thread.join(60)
    assert not reports[0].failures


def test_a_setup_that_fails_later_is_raised_as_it_is():
    calls = []

    def setup(client):
        calls.append(client)
        if len(calls) > 12:
            raise RuntimeError("no more accounts")

    with pytest.raises(RuntimeError, match="no more accounts"):
        fuzz.run(made(sound), max_examples=10, setup=setup)
    assert len(calls) > 12


def test_a_setup_that_fails_in_a_sequence_is_raised_as_it_is():
    calls = []

    def setup(client):
        calls.append(client)
        if len(calls) > 3:
            raise RuntimeError("no more accounts")

    with pytest.raises(RuntimeError, match="no more accounts"):
        fuzz.run(made(sound), max_examples=10, setup=setup, sequences=2)
