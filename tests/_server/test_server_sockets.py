"""The connections of a server: both kinds, and the output of a threaded server."""

import asyncio
from types import SimpleNamespace

import engineio
import pytest
from engineio.packet import MESSAGE, NOOP, Packet

from asgi_sio_testclient._server.sockets import AsyncSockets, ThreadedSockets


def no_thread(function):
    raise AssertionError(f"no thread is needed for {function}")


@pytest.fixture(params=["asyncio", "threads"])
def sockets_of(request):
    def make(**connections):
        eio = SimpleNamespace(sockets=connections, send_packet=None)
        if request.param == "threads":
            return ThreadedSockets(eio, no_thread)
        return AsyncSockets(eio, asyncio.get_running_loop())

    return make


async def test_an_unknown_connection_is_a_closed_one(sockets_of):
    sockets = sockets_of()
    assert not sockets.has_connection("gone")
    assert not sockets.is_open("gone")
    assert not sockets.has_output("gone")
    assert not sockets.sends("gone")
    sockets.noop_arrived("gone", "")
    sockets.release_poll("gone")
    sockets.expire_poll("gone")
    await sockets.time_out("gone")


async def test_time_passes_for_the_connections_that_were_pinged(sockets_of):
    pinged, new = SimpleNamespace(last_ping=100.0), SimpleNamespace(last_ping=None)
    sockets = sockets_of(one=pinged, other=new)
    assert sockets.has_connection("one")
    sockets.pass_time(25.0)
    assert (pinged.last_ping, new.last_ping) == (75.0, None)


# -- the output of a threaded server


@pytest.fixture
def threaded():
    """A server with one connection, and what is known of its output."""
    eio = engineio.Server(async_mode="threading")
    eio.sockets["one"] = engineio.socket.Socket(eio, "one")
    return eio, ThreadedSockets(eio, no_thread)


def queued(eio):
    return [packet.packet_type for packet in list(eio.sockets["one"].queue.queue)]


def test_a_connection_to_which_nothing_was_sent_has_no_output(threaded):
    eio, sockets = threaded
    assert sockets.is_open("one")
    assert not sockets.has_output("one")
    assert queued(eio) == []


def test_output_is_followed_by_one_noop_and_has_arrived_with_it(threaded):
    eio, sockets = threaded
    sockets.send_packet("one", Packet(MESSAGE, "2"))
    assert sockets.has_output("one")
    assert sockets.has_output("one")
    assert queued(eio) == [MESSAGE, NOOP]
    sockets.noop_arrived("one", None)
    sockets.noop_arrived("one", "0")
    assert sockets.has_output("one")
    sockets.noop_arrived("one", "1")
    assert not sockets.has_output("one")


def test_output_that_was_sent_after_the_noop_needs_another_one(threaded):
    eio, sockets = threaded
    sockets.send_packet("one", Packet(MESSAGE, "2"))
    assert sockets.has_output("one")
    sockets.send_packet("one", Packet(MESSAGE, "2"))
    sockets.noop_arrived("one", "1")
    assert sockets.has_output("one")
    assert queued(eio) == [MESSAGE, NOOP, MESSAGE, NOOP]
    sockets.noop_arrived("one", "2")
    assert not sockets.has_output("one")


def test_a_packet_that_could_not_be_sent_counts_and_raises(threaded):
    _, sockets = threaded
    sockets.send_packet("nobody", Packet(MESSAGE, "2"))  # the server logs that it is not there
    assert not sockets.has_output("nobody")
    sockets._send = None
    with pytest.raises(TypeError):
        sockets.send_packet("one", Packet(MESSAGE, "2"))
    assert sockets.has_output("one")


@pytest.mark.parametrize("polled", [True, False])
def test_a_connection_that_is_released_has_no_packets_and_its_poll_ends(threaded, polled):
    eio, sockets = threaded
    sockets.message_arrived("one")
    sockets.send_packet("one", Packet(MESSAGE, "2"))
    sockets.has_output("one")
    kept = eio.sockets["one"].queue
    sockets.release("one", polled=polled)
    assert list(kept.queue) == ([None] if polled else [])
    assert kept.unfinished_tasks == polled
    assert not sockets.has_output("one")
    sockets.release("one", polled=polled)
    assert len(kept.queue) == polled


@pytest.mark.parametrize("state", ["closed", "closing"])
def test_a_connection_that_is_closing_is_not_open(threaded, state):
    eio, sockets = threaded
    sockets.send_packet("one", Packet(MESSAGE, "2"))
    setattr(eio.sockets["one"], state, True)
    assert not sockets.is_open("one")
    assert sockets.has_output("one") == (state == "closing")
