"""The clients of a server, read from the server's manager."""

import engineio
import pytest
import socketio
from socketio.msgpack_packet import MsgPackPacket
from socketio.packet import Packet

from asgi_sio_testclient._server.clients import Clients
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker


def server(**options):
    return socketio.AsyncServer(async_mode="asgi", **options)


def clients_of(sio):
    return Clients(sio.eio, sio)


@pytest.fixture
def bare():
    """The clients of an Engine.IO server without a Socket.IO server."""
    return Clients(engineio.AsyncServer(async_mode="asgi"), None)


async def test_rooms_and_sids_of_a_connection():
    sio = server()
    clients = clients_of(sio)
    sid = await sio.manager.connect("engine-sid", "/")
    other = await sio.manager.connect("engine-sid", "/chat")
    await sio.enter_room(sid, "kitchen")
    assert set(clients.rooms(sid, "/")) == {sid, "kitchen"}
    assert clients.connected_sids("engine-sid") == [("/", sid), ("/chat", other)]
    assert clients.connected_sids("of nobody") == []


async def test_release_removes_what_a_connection_left():
    sio = server()
    clients = clients_of(sio)
    sid = await sio.manager.connect("engine-sid", "/")
    sio.eio.sockets["engine-sid"] = sio.environ["engine-sid"] = object()
    sio._binary_packet["engine-sid"] = object()
    clients.release("engine-sid")
    clients.release("engine-sid")
    assert clients.connected_sids("engine-sid") == []
    assert not sio.eio.sockets
    assert not sio.environ
    assert not sio._binary_packet
    assert clients.rooms(sid, "/") == []


def test_without_a_socketio_server(bare):
    assert bare.rooms("sid", "/") == []
    assert bare.connected_sids("engine-sid") == []
    assert bare.serializer_mismatch(MsgPackPacket) == ""
    assert not bare.always_connect
    bare._eio.sockets["engine-sid"] = object()
    bare.release("engine-sid")
    assert not bare._eio.sockets


def test_always_connect():
    assert not clients_of(server()).always_connect
    assert clients_of(server(always_connect=True)).always_connect


def test_nodes_of_one_broker_are_related():
    broker = InMemoryBroker()
    one, other = (clients_of(server(client_manager=AsyncInMemoryManager(broker))) for _ in range(2))
    alone = clients_of(server())
    assert one.related & other.related
    assert not one.related & alone.related


@pytest.mark.parametrize(
    ("theirs", "ours", "wanted"),
    [
        ("default", Packet, ""),
        ("msgpack", MsgPackPacket, ""),
        ("msgpack", Packet, "serializer='msgpack'"),
        ("default", MsgPackPacket, "serializer='default'"),
    ],
)
def test_a_mismatch_of_serializers(theirs, ours, wanted):
    problem = clients_of(server(serializer=theirs)).serializer_mismatch(ours)
    assert bool(problem) is bool(wanted)
    assert problem.endswith(wanted)
