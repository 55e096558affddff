"""Event coverage of an app with a handler of every kind, compared with `sys.monitoring`."""

import functools
import sys

import pytest
import socketio
from covered_use import rows, use

from asgi_sio_testclient import SyncTestClient, TestClient, coverage
from asgi_sio_testclient._server import handler_bodies
from asgi_sio_testclient._server.active_observers import observers
from asgi_sio_testclient._server.registered_handlers import code_of, registered_handlers
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

BODIES_ARE_SEEN = sys.version_info >= (3, 12)
if BODIES_ARE_SEEN:
    monitoring = sys.monitoring


EXPECTED = {
    "/ connect": (3, 0, 0, 2),
    "/ disconnect": (1, 0, 0, 0),
    "/ say": (2, 1, 1, 0),
    "/ plain": (1, 1, 0, 0),
    "/ takes_one": (0, 0, 1, 0),
    "/ never": (0, 0, 0, 0),
    "/ kick": (1, 0, 0, 0),
    "/ calls_helper": (1, 1, 0, 0),
    "/any *": (1, 1, 0, 0),
    "/chat connect": (1, 0, 0, 0),
    "/chat disconnect": (1, 0, 0, 0),
    "/chat join": (1, 1, 0, 0),
    "/chat leave": (0, 0, 0, 0),
    "/strict open": (1, 1, 0, 0),
    # Without events of function bodies (Python 3.11), a call by the app's own code is not counted,
    # and a decorator or trigger_event() that answers instead of the handler is counted as its call.
    "/ second": (0, 0, 0, 0),
    "/ calls_shared": (1, 1, 0, 0),
    "/ first": (2, 1, 0, 0) if BODIES_ARE_SEEN else (1, 1, 0, 0),
    "/ helper": (1, 0, 0, 0) if BODIES_ARE_SEEN else (0, 0, 0, 0),
    "/ guarded": (0, 1, 0, 0) if BODIES_ARE_SEEN else (1, 1, 0, 0),
    "/ never_awaited": (0, 1, 0, 0) if BODIES_ARE_SEEN else (1, 1, 0, 0),
    "/strict secret": (0, 1, 0, 0) if BODIES_ARE_SEEN else (1, 1, 0, 0),
}


async def test_every_kind_of_handler(world):
    with coverage.record() as covered:
        await use(world)
    found = rows(covered)
    assert found.pop("/strict *")[0] == (4 if BODIES_ARE_SEEN else 2)
    assert found == EXPECTED
    assert covered.namespaces == {"/", "/any", "/chat", "/strict"}
    assert covered.unhandled == {("/", "nobody"): 1}
    assert [event.key for event in covered.never_read] == [("/", "logged")]
    assert observers == []


@pytest.mark.skipif(not BODIES_ARE_SEEN, reason="sys.monitoring came with Python 3.12")
async def test_a_handler_counts_as_run_where_its_body_ran(world):
    started = {}
    tool = next(id for id in range(6) if monitoring.get_tool(id) is None)
    monitoring.use_tool_id(tool, "the truth")
    monitoring.register_callback(
        tool,
        monitoring.events.PY_START,
        lambda code, _: started.update({code: started.get(code, 0) + 1}),
    )
    monitoring.set_events(tool, monitoring.events.PY_START)
    try:
        with coverage.record() as covered:
            await use(world)
    finally:
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)
    ran = rows(covered)
    found = {}
    for handler in registered_handlers(world.sio):
        code = code_of(handler.function)
        found[code] = found.get(code, 0) + ran[f"{handler.namespace} {handler.event}"][0]
    assert found == {code: started.get(code, 0) for code in found}


async def test_several_servers(world):
    with coverage.record() as covered:
        async with TestClient(world.app) as first, TestClient(world.second_app) as second:
            await first.connect()
            await second.connect("/second")
            await second.call("other", namespace="/second")
    found = rows(covered)
    assert found["/ connect"][0] == 1
    assert (found["/second other"][0], found["/second unused"][0]) == (1, 0)


def test_the_sync_client(world):
    with coverage.record() as covered, SyncTestClient(world.app) as client:
        client.connect()
        client.call("say", "hello")
        client.await_event("said")
        assert client.get_received()
    assert rows(covered)["/ say"] == (1, 1, 0, 0)
    assert covered.never_read == []


async def test_a_handler_of_the_client_reads_events(world):
    with coverage.record() as covered:
        async with TestClient(world.app) as client:
            client.on("said", lambda _: None)
            await client.connect()
            await client.call("say", "hello")
    assert [event.event for event in covered.never_read] == ["logged"]


async def test_factories_add_up():
    """Servers that are made by the same lines have the same handler in the report."""

    def make_app():
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def ping(sid):
            pass

        return socketio.ASGIApp(sio)

    with coverage.record() as covered:
        for _ in range(3):
            async with TestClient(make_app()) as client:
                await client.connect()
                await client.call("ping")
    assert rows(covered) == {"/ ping": (3, 3, 0, 0)}


async def test_one_function_for_two_events():
    sio = socketio.AsyncServer(async_mode="asgi")

    async def both(sid):
        return "both"

    sio.on("one", both)
    sio.on("two", both)

    @sio.event
    async def three(sid):
        return await both(sid)

    with coverage.record() as covered:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.call("one")
            await client.call("three")
    # If the app calls the function itself, its call counts for the event that ran before.
    assert {name: row[0] for name, row in rows(covered).items()} == {
        "/ one": 2 if BODIES_ARE_SEEN else 1,
        "/ two": 0,
        "/ three": 1,
    }


class Counting:
    """A handler that is an instance."""

    async def __call__(self, sid):
        """python-socketio does not await the result, because the object is no coroutine
        function.
        """


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_a_coroutine_that_the_server_does_not_await_is_no_run():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("instance", Counting())
    with coverage.record() as covered:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.emit("instance")
            await client.settle()
    assert rows(covered)["/ instance"][0] == 0
    assert covered.handlers[0].handler == "Counting"


async def test_a_builtin_has_no_place():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("upper", "".join)
    with coverage.record() as covered:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.call("upper")
    assert rows(covered) == {"/ upper": (1, 1, 0, 0)}
    assert covered.handlers[0].place == ""


async def test_a_connect_handler_that_takes_no_auth():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ):
        pass

    @sio.event
    async def disconnect(sid, reason):
        raise TypeError("in the body")

    with coverage.record() as covered:
        async with TestClient(socketio.ASGIApp(sio), raise_app_exceptions=False) as client:
            await client.connect()
    assert rows(covered) == {"/ connect": (1, 0, 0, 0), "/ disconnect": (1, 0, 1, 0)}


async def test_events_that_another_process_emits_count_as_emitted():
    broker = InMemoryBroker()
    manager = AsyncInMemoryManager(broker)
    sio = socketio.AsyncServer(async_mode="asgi", client_manager=manager)
    outside = AsyncInMemoryManager(broker, write_only=True)
    with coverage.record() as covered:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await outside.emit("news", 1)
            await client.settle()
    assert [event.key for event in covered.never_read] == [("/", "news")]
    assert "emitted, never read: / news (once)" in covered.report()


async def test_what_was_wrapped_since_stays(world):
    """`AsyncServer.instrument()` wraps methods, too."""
    with coverage.record():
        async with TestClient(world.app) as client:
            await client.connect()
            over = world.sio._trigger_event
            world.sio._trigger_event = functools.partial(over)
            wrapped = world.sio._trigger_event
    assert world.sio._trigger_event is wrapped
    assert "_handle_event_internal" not in vars(world.sio)
    assert "emit" not in vars(world.sio.manager)


async def test_nothing_is_installed_without_an_observer(world):
    async with TestClient(world.app) as client:
        await client.connect()
        assert "_trigger_event" not in vars(world.sio)


class Monitoring:
    """The part of `sys.monitoring` that is used; `taken` ids are in use."""

    class events:  # noqa: N801 (its name)
        PY_START = 1

    def __init__(self, taken=()):
        self.tools = dict.fromkeys(taken, "another")
        self.local = {}

    def get_tool(self, id):
        return self.tools.get(id)

    def use_tool_id(self, id, name):
        self.tools[id] = name

    def free_tool_id(self, id):
        del self.tools[id]

    def register_callback(self, id, event, callback):
        self.callback = callback

    def set_local_events(self, id, code, events):
        self.local[code] = events


def test_bodies_by_monitoring():
    monitoring = Monitoring(taken=[4])
    bodies = handler_bodies._Bodies(monitoring)
    code = code_of(rows)
    bodies.observe(code)
    bodies.observe(code)
    bodies.observe(code_of(use))
    assert bodies.is_observed(code)
    assert monitoring.tools[3] == "asgi-sio-testclient"
    monitoring.callback(code, 0)  # no dispatch is active
    dispatch = handler_bodies.Dispatch(code)
    token = handler_bodies.current_dispatch.set(dispatch)
    monitoring.callback(code, 0)
    handler_bodies.current_dispatch.reset(token)
    assert dispatch.began
    bodies.release()
    assert monitoring.local == {code: 0, code_of(use): 0}
    assert not bodies.is_observed(code)


@pytest.mark.parametrize("monitoring", [None, Monitoring(taken=range(6))])
def test_bodies_without_monitoring(monitoring):
    bodies = handler_bodies._Bodies(monitoring)
    bodies.observe(code_of(rows))
    assert not bodies.is_observed(code_of(rows))
    bodies.release()
