"""The latest emits of a server, which the error of a failed wait uses."""

import pytest
import socketio

from asgi_sio_testclient._server.emits import EmitLog
from asgi_sio_testclient._server.instance_hooks import InstanceHooks
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

MANAGERS = {
    "alone": lambda: None,
    "several nodes": lambda: AsyncInMemoryManager(InMemoryBroker()),
}


@pytest.fixture(params=MANAGERS)
def server(request):
    return socketio.AsyncServer(async_mode="asgi", client_manager=MANAGERS[request.param]())


@pytest.fixture
def emits(server):
    hooks = InstanceHooks()
    yield EmitLog(server.manager, hooks)
    hooks.restore()


def shown(emits):
    return [(emit.event, emit.namespace, emit.rooms, emit.skipped) for emit in emits]


async def test_to_whom_it_went_latest_first(server, emits):
    await server.emit("a", 1)
    await server.emit("b", {"x": 1}, to="kitchen", namespace="/chat")
    await server.emit("c", room=["kitchen", "hall"], skip_sid="mine")
    await server.emit("d", skip_sid=["mine", "yours"])
    assert shown(emits) == [
        ("d", "/", None, ("mine", "yours")),
        ("c", "/", ("kitchen", "hall"), ("mine",)),
        ("b", "/chat", ("kitchen",), ()),
        ("a", "/", None, ()),
    ]
    times = [emit.time for emit in emits]
    assert times == sorted(times, reverse=True)


async def test_the_latest_are_kept(server, emits):
    for number in range(200):
        await server.emit(f"event {number}")
    assert [emit.event for emit in emits] == [f"event {n}" for n in range(199, 71, -1)]


async def test_when_a_client_entered_a_room(server, emits):
    manager = server.manager
    sid = await manager.connect("engine-sid", "/")
    assert emits.entered(sid, "/", "kitchen") == 0
    await server.enter_room(sid, "kitchen")
    first = emits.entered(sid, "/", "kitchen")
    assert first > 0
    await server.enter_room(sid, "kitchen")
    assert emits.entered(sid, "/", "kitchen") == first, "it was there"
    await server.leave_room(sid, "kitchen")
    await server.enter_room(sid, "kitchen")
    assert emits.entered(sid, "/", "kitchen") > first
    assert emits.entered(sid, "/chat", "kitchen") == 0


async def test_the_server_is_left_as_it_was(server):
    before = dict(vars(server.manager))
    hooks = InstanceHooks()
    EmitLog(server.manager, hooks)
    assert vars(server.manager) != before
    hooks.restore()
    assert vars(server.manager) == before
