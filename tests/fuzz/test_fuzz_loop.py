"""The loop with a virtual clock, and the guard against code that does not end."""

import asyncio
import contextlib
import signal
import socket
import threading

import pytest

from asgi_sio_testclient.fuzz import _loop
from asgi_sio_testclient.fuzz._loop import Guard, HandlerHang, VirtualLoop

HOUR = 3600


class AnsweredLoop(VirtualLoop):
    """Calls `answer` each time the loop waits for a socket in real time."""

    answer = staticmethod(lambda: None)

    def real_wait(self, sockets):
        wait = super().real_wait(sockets)
        if wait:
            self.answer()
        return wait


@pytest.fixture
def loop():
    loop = AnsweredLoop()
    yield loop
    loop.close()


@pytest.fixture
def sockets():
    pair = socket.socketpair()
    for end in pair:
        end.setblocking(False)
    yield pair
    for end in pair:
        end.close()


def test_a_sleep_takes_no_time(loop):
    began = loop.time()
    loop.run_until_complete(asyncio.sleep(HOUR))
    assert HOUR <= loop.time() - began < HOUR + 1


def test_a_socket_may_answer_before_the_clock_jumps(loop, sockets):
    here, there = sockets
    loop.answer = lambda: there.send(b"x")
    answer = asyncio.wait_for(loop.sock_recv(here, 1), HOUR)
    assert loop.run_until_complete(answer) == b"x"
    assert loop.time() < HOUR


def test_the_clock_jumps_where_no_socket_answers(loop, sockets, monkeypatch):
    monkeypatch.setattr(_loop, "_SOCKET_WAIT", 0.01)
    here, _ = sockets
    with pytest.raises(TimeoutError):
        loop.run_until_complete(asyncio.wait_for(loop.sock_recv(here, 1), HOUR))


def test_the_clock_stands_while_a_thread_works(loop):
    done = threading.Event()

    async def wait_for_it():
        work = asyncio.to_thread(done.wait, 60)
        asyncio.get_running_loop().call_soon(done.set)
        return await asyncio.wait_for(work, HOUR)

    assert loop.run_until_complete(wait_for_it())
    assert loop.time() < HOUR


@pytest.mark.slow
def test_a_loop_that_never_rests_is_reported(loop):
    stuck = []

    async def spin():
        while not stuck:  # noqa: ASYNC110 (that never rests)
            await asyncio.sleep(0)

    with Guard(0.01).guard(loop, lambda: stuck.append("stuck")):
        loop.run_until_complete(spin())
    assert stuck


def _trigger_event():
    """python-socketio calls handlers from a function of this name."""
    signal.raise_signal(signal.SIGUSR2)


def test_only_a_handler_is_interrupted(loop):
    before = signal.getsignal(signal.SIGUSR2)
    with Guard(60).guard(loop, lambda: None):
        signal.raise_signal(signal.SIGUSR2)
        with pytest.raises(HandlerHang, match="blocks the event loop"):
            _trigger_event()
    assert signal.getsignal(signal.SIGUSR2) == before


def test_a_handler_that_blocks_is_interrupted(loop):
    with contextlib.suppress(HandlerHang), Guard(0.01).guard(loop, lambda: None):
        block_in_a_handler()
        pytest.fail("the handler was not interrupted")


def block_in_a_handler():
    def _trigger_event():
        while True:
            pass

    _trigger_event()
