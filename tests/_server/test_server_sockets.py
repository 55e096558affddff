"""Both kinds of a server's connections give the same answers for a missing connection."""

import asyncio
from types import SimpleNamespace

import pytest

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
