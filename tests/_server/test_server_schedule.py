"""The parts of a server that the exploration of schedules uses: session ids, handlers, clients."""

import itertools
import types

import socketio

from asgi_sio_testclient._server import schedule as server


def test_ids_are_numbered_and_given_back():
    sio = socketio.AsyncServer(async_mode="asgi")
    undo = server.number_ids(sio.eio, itertools.count(1))
    first = sio.eio.generate_id()
    assert len(first) == 20
    assert first != sio.eio.generate_id()
    undo()
    undo()
    assert "generate_id" not in vars(sio.eio)


def test_ids_of_the_apps_own_are_left_alone():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.eio.generate_id = lambda: "mine"
    server.number_ids(sio.eio, itertools.count(1))()
    assert sio.eio.generate_id() == "mine"


def test_no_handler_and_no_client():
    sio = socketio.AsyncServer(async_mode="asgi")
    assert server.handler_of(sio.eio, "event", "/") is None
    assert server.handler_of(types.SimpleNamespace(handlers={}), "event", "/") is None
    assert server.eio_sid_of(sio, "nobody", "/nowhere") is None
