"""A wait fails although the app emitted the awaited event: the first line says where the event was
sent.
"""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import EventTimeout, SyncTestClient, TestClient
from asgi_sio_testclient.faults import Schedule
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker, InMemoryManager

TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]
SOON = 0.05  # seconds, for waits that end by their timeout
EVENT = "parcel_created"
NOT_IN_IT = "'parcel_created' went to room 'depot:north', and this client is not in it"


@pytest.fixture(params=TRANSPORTS, ids="-".join)
def transports(request):
    return request.param


def make_server(manager=None):
    sio = socketio.AsyncServer(async_mode="asgi", namespaces=["/", "/chat"], client_manager=manager)

    class Depot(socketio.AsyncNamespace):
        async def on_create(self, sid, options):
            await self.emit(EVENT, {"id": 1}, **options)

    sio.register_namespace(Depot("/depot"))

    @sio.event
    async def create(sid, options):
        await sio.emit(EVENT, {"id": 1}, **options)

    @sio.event
    async def create_later(sid, options):
        async def later():
            await sio.emit(EVENT, {"id": 1}, **options)

        sio.start_background_task(later)

    @sio.event
    async def enter(sid, room):
        await sio.enter_room(sid, room)

    return sio


async def failure(client, event=EVENT, namespace=None, count=None):
    waiting = (
        client.await_event(event, namespace=namespace, timeout=SOON)
        if count is None
        else client.await_events(count, event, namespace=namespace, timeout=SOON)
    )
    with pytest.raises(EventTimeout) as caught:
        await waiting
    return str(caught.value)


async def first_line(*args, **options):
    return (await failure(*args, **options)).splitlines()[0]


@pytest.mark.parametrize("how", ["create", "create_later"])
async def test_a_room_that_the_client_is_not_in(transports, how):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.call("enter", "depot:south-east")
        await client.call(how, {"room": "depot:north"})
        text = await failure(client)
        first, _, rest = text.partition("\n")
        assert first == f"{NOT_IN_IT}: no event 'parcel_created' in namespace '/' within 0.05 s"
        assert "went to room" in first[:34]
        mine = rest.splitlines()[:3]
        assert mine[0] == "this client is in the rooms:"
        assert sorted(mine[1:]) == sorted([f"  {client.sid!r}", "  'depot:south-east'"])


async def test_the_emit_of_a_class_based_namespace(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect("/depot")
        await client.call("create", {"room": "depot:north"}, namespace="/depot")
        assert (await first_line(client, namespace="/depot")).startswith(NOT_IN_IT)


def test_in_the_sync_client(transports):
    sio = make_server()
    with SyncTestClient(socketio.ASGIApp(sio), transports=transports) as client:
        client.connect()
        client.call("create", {"to": "depot:north"})
        with pytest.raises(EventTimeout, match=NOT_IN_IT):
            client.await_event(EVENT, timeout=SOON)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"room": ["a", "b"]},
            "'parcel_created' went to rooms 'a', 'b', and this client is not in any of them",
        ),
        (
            {"room": 42},
            "'parcel_created' went to room 42, and this client is not in it; the client is in '42'",
        ),
        (
            {"room": "depot.east"},
            (
                "'parcel_created' went to room 'depot.east', and this client is not in it; "
                "the client is in 'depot:east'"
            ),
        ),
        ({"skip_sid": "SID"}, "skip_sid left this client out of 'parcel_created'"),
        (
            {"skip_sid": ["x", "SID"], "room": "depot:east"},
            "skip_sid left this client out of 'parcel_created', as it went to room 'depot:east'",
        ),
        (
            {"namespace": "/chat"},
            (
                "'parcel_created' went to namespace '/chat', "
                "and this client is connected to '/', '/depot'"
            ),
        ),
        (
            {"room": "EIO"},
            (
                "'parcel_created' went to room 'EIO', and this client is not in it; "
                "that is the client's Engine.IO sid, not its sid"
            ),
        ),
        (
            {"room": "DEPOT"},
            (
                "'parcel_created' went to room 'DEPOT', and this client is not in it; "
                "that is the client's sid in namespace '/depot'"
            ),
        ),
        (
            {"to": "OTHER"},
            "another client got 'parcel_created': it went to 'OTHER', the sid of client2",
        ),
        (
            {"to": "LEFT"},
            "the recipient is gone: 'parcel_created' went to 'LEFT', the sid of client3",
        ),
        (
            {"to": "BEFORE"},
            (
                "the recipient is gone: 'parcel_created' went to 'BEFORE', "
                "this client's sid in an earlier connection"
            ),
        ),
    ],
)
async def test_siblings(transports, options, line):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        known = {"BEFORE": client.sid}
        await client.disconnect()
        await client.connect("/", "/depot")
        other, left = client.clone(), client.clone()
        await other.connect()
        await left.connect()
        known |= {
            "SID": client.sid,
            "EIO": client.raw.sid,
            "DEPOT": client.get_sid("/depot"),
            "OTHER": other.sid,
            "LEFT": left.sid,
        }
        await left.disconnect()
        await client.call("enter", "42")
        await client.call("enter", "depot:east")
        for name, value in options.items():
            filled = [known.get(one, one) for one in value] if isinstance(value, list) else value
            options = options | {name: known.get(value, value) if filled is value else filled}
        await client.call("create", options)
        expected = line
        for name in ("EIO", "DEPOT", "OTHER", "LEFT", "BEFORE"):
            expected = expected.replace(f"'{name}'", repr(known[name]))
        assert (await first_line(client)).startswith(f"{expected}: no event")


async def test_joined_namespaces_are_told_apart(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect("/", "/chat")
        await client.call("create", {"namespace": "/chat", "room": "r"})
        assert (await first_line(client)).startswith(
            "'parcel_created' went to namespace '/chat', and not to the awaited one"
        )
        assert (await first_line(client, namespace="*")).startswith(
            "'parcel_created' went to room 'r', and this client is not in it"
        )


async def test_a_broadcast_before_the_client_connected(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as first:
        await first.connect()
        await first.call("create", {})
        late = first.clone()
        await late.connect()
        assert (await first_line(late)).startswith(
            "too early: 'parcel_created' was emitted before this client connected"
        )
        assert (await first.await_event(EVENT)).data == {"id": 1}


BEFORE = "too early: 'parcel_created' went to room 'depot:north' before this client entered it"


@pytest.mark.parametrize("manager", [None, AsyncInMemoryManager])
async def test_a_room_that_the_client_entered_later(transports, manager):
    sio = make_server(manager and manager(InMemoryBroker()))
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.call("create", {"room": "depot:north"})
        await client.call("enter", "depot:north")
        await client.call("enter", "depot:south")
        assert (await first_line(client)).startswith(f"{BEFORE}: no event")
        await client.call("create", {"room": ["depot:west", "depot:east"]})
        await client.call("enter", "depot:west")
        assert (await first_line(client)).startswith(
            "too early: 'parcel_created' went to rooms 'depot:west', 'depot:east' before this "
            "client entered any of them"
        )
        await client.call("create", {"room": "depot:north"})
        assert (await client.await_event(EVENT)).data == {"id": 1}
    assert "enter_room" not in sio.manager.__dict__


def test_a_later_entry_in_the_sync_client(transports):
    with SyncTestClient(socketio.ASGIApp(make_server()), transports=transports) as client:
        client.connect()
        client.call("create", {"to": "depot:north"})
        client.call("enter", "depot:north")
        with pytest.raises(EventTimeout, match=BEFORE):
            client.await_event(EVENT, timeout=SOON)


@pytest.mark.slow
def test_a_later_entry_in_a_threaded_server():
    sio = socketio.Server(async_mode="threading")

    @sio.event
    def join(sid):
        sio.emit(EVENT, to="depot:north")
        sio.enter_room(sid, "depot:north")

    with SyncTestClient(socketio.WSGIApp(sio)) as client:
        client.connect()
        client.call("join")
        with pytest.raises(EventTimeout, match=BEFORE):
            client.await_event(EVENT, timeout=SOON)


async def test_a_client_that_was_in_the_room_all_the_time_is_not_too_early():
    async with TestClient(socketio.ASGIApp(make_server())) as client:
        await client.connect()
        await client.call("enter", "depot:north")
        client.raw.disturb(Schedule(1, lose=1.0))
        await client.emit("create", {"room": "depot:north"})
        await client.emit("enter", "depot:north")
        assert "too early" not in await first_line(client)
        client.raw.disturb(None)


async def test_long_names_do_not_hide_the_cause(transports):
    long = "parcel_was_created_by_the_warehouse_in_the_north"
    sio = make_server()

    @sio.event
    async def say(sid, options):
        await sio.emit(long, **options)

    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        for options, cause in [
            ({"room": "depot"}, "another room: "),
            ({"namespace": "/chat"}, "another namespace: "),
        ]:
            await client.call("say", options)
            assert (await first_line(client, long)).startswith(f"{cause}{long!r} went to ")
        await client.call("say", {})
        assert (await first_line(client, f"{long}s")).startswith(
            f"a similar name: {long!r} did arrive: no event"
        )


async def test_the_third_of_three_went_elsewhere(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        for room in (client.sid, client.sid, "depot:north"):
            await client.call("create", {"room": room})
        assert await first_line(client, count=3) == (
            f"{NOT_IN_IT}: 2 of 3 events 'parcel_created' came in namespace '/' within 0.05 s"
        )


async def test_what_was_received_is_not_said_to_have_gone_elsewhere(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.call("create", {"room": "depot:north"})
        await client.call("create", {"room": client.sid})
        await client.await_event(EVENT)
        assert (await first_line(client)).startswith("1 arrived, and was read before")
        # The client has left the room since, but did receive the event.
        await client.call("enter", "depot:west")
        await client.call("create", {"room": "depot:west"})
        await client.await_event(EVENT)
        await sio.leave_room(client.sid, "depot:west")
        assert (await first_line(client)).startswith("2 arrived, and were read before")


async def test_an_older_emit_is_not_blamed_for_what_nobody_handles(transports):
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), transports=transports) as client:
        await client.connect()
        await client.call("create", {"room": "depot:north"})
        await client.emit("crate", {"room": "depot:north"})
        await client.settle()
        assert (await first_line(client)).startswith("the server has no handler for 'crate'")


@pytest.mark.parametrize("transports", TRANSPORTS, ids="-".join)
async def test_between_nodes_and_from_a_worker(transports):
    broker = InMemoryBroker()
    nodes = [make_server(AsyncInMemoryManager(broker)) for _ in range(2)]
    async with (
        TestClient(socketio.ASGIApp(nodes[0]), transports=transports) as here,
        TestClient(socketio.ASGIApp(nodes[1]), transports=transports) as there,
    ):
        await here.connect()
        await there.connect()
        await there.call("create", {"room": "depot:north"})
        await here.settle()
        assert (await first_line(here)).startswith(NOT_IN_IT)
        InMemoryManager(broker).emit(EVENT, {"id": 2}, room="depot:west")
        await here.settle()
        assert "went to room 'depot:west'" in await first_line(here)
        assert "went to room 'depot:west'" in await first_line(there)


async def test_servers_without_a_common_broker(transports):
    one, two = make_server(), make_server()
    async with (
        TestClient(socketio.ASGIApp(one), transports=transports) as here,
        TestClient(socketio.ASGIApp(two), transports=transports) as there,
    ):
        await here.connect()
        await there.connect()
        await there.call("create", {})
        assert (await first_line(here)).startswith("another server emitted 'parcel_created'")
        await here.call("create", {"room": "depot:north"})
        assert (await first_line(here)).startswith(NOT_IN_IT)


async def test_the_manager_is_left_as_it_was_found():
    sio = make_server()
    before = dict(vars(sio.manager))
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        assert "emit" in vars(sio.manager)
    assert "emit" not in vars(sio.manager)
    assert vars(sio.manager).keys() - before.keys() <= {"eio_to_sid"}


async def test_an_override_of_the_apps_goes_on_working_and_stays():
    sio = make_server()
    plain, seen = sio.manager.emit, []

    async def emit(event, data, namespace, **options):
        seen.append(event)
        await plain(event, data, namespace, **options)

    sio.manager.emit = emit
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.call("create", {})
        await client.await_event(EVENT)
    assert sio.manager.emit is emit
    assert seen == [EVENT]


async def test_what_is_put_over_the_hook_meanwhile_stays():
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        hook = sio.manager.emit

        def emit(*args, **options):
            return hook(*args, **options)

        sio.manager.emit = emit
    assert sio.manager.emit is emit


@pytest.mark.slow
async def test_the_latest_of_many_emits_is_found():
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        for number in range(300):
            await sio.emit("tick", number)
            if number == 290:
                await sio.emit(EVENT, 1, room="depot:north")
        await client.settle()
        assert (await first_line(client)).startswith(NOT_IN_IT)
        client.get_received()


async def test_positional_rooms_of_the_managers_own_emit():
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await sio.manager.emit(EVENT, 1, "/", "depot:north")
        assert (await first_line(client)).startswith(NOT_IN_IT)
        await sio.manager.emit(EVENT, 1, "/", None, client.sid)
        assert (await first_line(client)).startswith("skip_sid left this client out")


async def test_errors_of_the_tests_own_handlers_are_not_the_apps():
    sio = make_server()
    async with TestClient(socketio.ASGIApp(sio), raise_app_exceptions=False) as client:

        @client.on(EVENT)
        def broken(parcel):
            raise LookupError("mine")

        await client.connect()
        await client.call("create", {})
        await client.settle()
        line = await first_line(client, "other")
        assert line.startswith("a handler of this client raised LookupError('mine'): no event")


@pytest.mark.parametrize("app_too", [False, True])
async def test_errors_of_the_tests_own_handlers_at_exit(app_too):
    sio = make_server()

    @sio.event
    async def boom(sid):
        raise ValueError("the app's")

    async def body():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            came = asyncio.Semaphore(0)

            @client.on(EVENT)
            def broken(parcel):
                came.release()
                raise LookupError("mine")

            await client.connect()
            if app_too:
                await client.emit("boom")
            for _ in range(2):
                await client.emit("create", {})
                await came.acquire()

    with pytest.raises(ExceptionGroup) as caught:
        await body()
    who = "the app and handlers" if app_too else "handlers"
    assert str(caught.value).startswith(f"{who} of this client raised several exceptions")


async def test_an_error_of_a_handler_of_the_test_beside_the_blocks_own():
    sio = make_server()

    async def body():
        async with TestClient(socketio.ASGIApp(sio)) as client:
            came = asyncio.Event()

            @client.on(EVENT)
            def broken(parcel):
                came.set()
                raise LookupError("mine")

            await client.connect()
            await client.emit("create", {})
            await came.wait()
            raise AssertionError("the block's own")

    with pytest.raises(AssertionError, match="the block's own") as caught:
        await body()
    assert any(
        "a handler of this client also raised LookupError" in n for n in caught.value.__notes__
    )
