"""Reads of real clocks during a run."""

import asyncio
import datetime as dt
import secrets
import time
import types
import uuid

import pytest
import socketio
from one_run import mine

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.schedules import NotRepeatable, explore
from asgi_sio_testclient.schedules._frames import Frames, chain
from asgi_sio_testclient.schedules._trace import ClockReads


def test_clocks_that_are_read():
    frames = Frames()
    with ClockReads(frames).noted():
        mine()
    reads = ClockReads(frames)
    suspended = waiting()
    here = next(chain(suspended))
    reads._note(here, "c_call", time.time)
    reads._note(here, "c_call", len)
    reads._note(here, "return", None)
    assert "reads time() (`" in str(reads)
    library = types.SimpleNamespace(f_code=uuid.uuid4.__code__, f_back=None)
    reads._note_line(library, "urandom")
    deep = library
    for _ in range(5):
        deep = types.SimpleNamespace(f_code=uuid.uuid4.__code__, f_back=deep)
    reads._note_line(deep, "urandom")
    assert "urandom" not in str(reads)
    suspended.close()


async def waiting():
    """A coroutine that has not started also has a frame."""


@pytest.mark.slow
def test_a_clock_that_is_read_is_named():
    async def scenario():
        for _ in range(1 + time.time_ns() % 1009):
            await asyncio.sleep(0.01)

    with pytest.raises(NotRepeatable, match=r"clock may be why: \S+\.py:\d+ reads time_ns"):
        explore(scenario)


def answering(value):
    """Return a scenario whose only handler answers a call with `value()`."""

    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        sio.on("ask", lambda sid: value())
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.call("ask")

    return scenario


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda: secrets.token_hex(3), r"Random bytes of the system may be why: test_sch"),
        (lambda: time.time_ns() * secrets.randbits(8), r"The real clock, or random bytes, may be"),
    ],
)
def test_random_bytes_that_are_read_are_named(read, words):
    with pytest.raises(NotRepeatable, match=words):
        explore(answering(lambda: str(read())[-6:]))


def test_ids_and_times_in_packets_are_no_difference():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def when(sid):
            now = dt.datetime.now(dt.UTC)
            tokens = secrets.token_hex(8), secrets.token_urlsafe(16), f"at {id(object()):#x}"
            await sio.emit("tokens", tokens)
            return str(uuid.uuid4()), uuid.uuid4().hex, now.isoformat(), time.time(), time.time_ns()

        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.call("when")

    assert explore(scenario, runs=3).failure is None


def test_a_random_token_without_a_digit_is_no_difference():
    tokens = iter(["TehwXSRndfrYsIRpVJhr-g", "qLmZAbWkdPTxUyHnRcVjEw"] * 2)
    assert explore(answering(lambda: next(tokens)), runs=1).failure is None


def test_long_words_in_packets_are_compared():
    words = iter(["the-same-long-sentence-in-words", "the-other-long-sentence-in-words"])
    with pytest.raises(NotRepeatable, match="the-same-long-sentence-in-words"):
        explore(answering(lambda: next(words)))
