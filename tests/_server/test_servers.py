"""`_server/`, the only folder that accesses python-socketio's server: which servers are found, and
what the instrumentation leaves unchanged.
"""

import asyncio

import engineio
import pytest
import socketio

from asgi_sio_testclient import ConnectionRefused, SyncTestClient, TestClient, UsageError
from asgi_sio_testclient._server.find import engineio_server_of, find_server
from asgi_sio_testclient._server.instrumentation import instrument, restore
from asgi_sio_testclient._waiting.services import LoopServices
from asgi_sio_testclient.asgi import WebSocketConnection, websocket_scope

SOON = 10.0
UPGRADE = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]


def app_of(sio):
    return socketio.ASGIApp(sio)


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


async def stranger(app):
    """Connect to the app without a TestClient."""
    scope = websocket_scope(
        "/socket.io/", query_string=b"EIO=4&transport=websocket", headers=UPGRADE
    )
    connection = WebSocketConnection(app, scope)
    await connection.connect(SOON)
    assert (await connection.receive(SOON)).startswith("0")
    connection.send("40")
    assert (await connection.receive(SOON)).startswith("40")
    return connection


async def left(connection):
    connection.close()
    await asyncio.wait([connection.task], timeout=SOON)


# -- connections of other clients


async def test_what_others_do_on_the_same_server_is_left_alone(sio, caplog):
    ran = []

    @sio.on("boom")
    async def boom(sid, *args):
        ran.append(sid)
        raise LookupError("of somebody else's packet")

    @sio.on("ask")
    async def ask(sid):
        return "answer"

    app = app_of(sio)
    async with TestClient(app) as client:
        await client.connect()
        other = await stranger(app)
        other.send('421["ask"]')
        assert await other.receive(SOON) == '431["answer"]'
        other.send('42["boom"]')
        other.send('422["ask"]')
        assert await other.receive(SOON) == '432["answer"]'
        assert len(ran) == 1
        await client.settle()
        assert client.app_exceptions == []
        assert {run.event for run in client.transcript.handlers} <= {"connect"}
        await left(other)


async def test_a_handler_of_others_that_hangs_does_not_hold_settle(sio):
    started, go_on = asyncio.Event(), asyncio.Event()

    @sio.on("hang")
    async def hang(sid):
        started.set()
        await go_on.wait()

    app = app_of(sio)
    async with TestClient(app) as client:
        await client.connect()
        other = await stranger(app)
        other.send('42["hang"]')
        await asyncio.wait_for(started.wait(), SOON)
        await client.settle(timeout=SOON)
        go_on.set()
        await left(other)


# -- exceptions


async def test_an_exception_that_is_raised_again_and_again_has_one_note(sio):
    error = LookupError("the same")

    @sio.on("boom")
    async def boom(sid):
        raise error

    async with TestClient(app_of(sio)) as client:
        await client.connect()
        for _ in range(2):
            with pytest.raises(LookupError):
                await client.call("boom")
    assert len(error.__notes__) == 1


@pytest.mark.parametrize("leave", [TestClient.disconnect, TestClient.abort])
async def test_a_type_error_of_a_disconnect_handler_is_raised_once(sio, leave):
    @sio.event
    async def disconnect(sid, reason=None):  # is called again without a reason after a TypeError
        raise TypeError("mine")

    async with TestClient(app_of(sio)) as client:
        await client.connect()
        with pytest.raises(TypeError, match="mine") as caught:
            await leave(client)
    assert "disconnect" in caught.value.__notes__[0]
    assert len(client.app_exceptions) == 1


async def test_a_handler_that_exits_within_the_servers_own_call():
    """python-engineio logs the SystemExit and goes on, and the test does not fail."""
    sio = socketio.AsyncServer(async_mode="asgi", async_handlers=False)

    @sio.event
    def leave(sid):
        raise SystemExit

    sio.on("ask", lambda sid: "answer")
    async with TestClient(app_of(sio)) as client:
        await client.connect()
        await client.emit("leave")
        assert await client.call("ask") == "answer"
        assert client.app_exceptions == []


def test_a_handler_that_exits_within_a_threaded_servers_own_call():
    pytest.importorskip("a2wsgi")
    sio = socketio.Server(async_mode="threading", async_handlers=False)

    @sio.event
    def leave(sid):
        raise SystemExit

    sio.on("ask", lambda sid: "answer")
    with SyncTestClient(socketio.WSGIApp(sio), timeout=SOON) as client:
        client.connect()
        client.emit("leave")
        assert client.call("ask") == "answer"
        assert client.app_exceptions == []


async def test_a_background_task_of_nobodys_fails(sio):
    async def fail():
        raise LookupError("no orders")

    async with TestClient(app_of(sio)) as client:
        await client.connect()
        sio.start_background_task(fail)
        with pytest.raises(LookupError, match="no orders") as caught:
            await client.await_event("order")
    assert "a background task" in caught.value.__notes__[0]


# -- an Engine.IO server without Socket.IO


def test_either_server_can_be_given(sio):
    assert engineio_server_of(sio) is sio.eio
    assert engineio_server_of(sio.eio) is sio.eio
    with pytest.raises(TypeError, match=r"expected a socketio\.AsyncServer"):
        engineio_server_of(socketio.AsyncClient())


def bare(refuse=False):
    """Return an Engine.IO server that answers CONNECT, and implements no more of Socket.IO."""
    eio = engineio.AsyncServer(async_mode="asgi")

    @eio.on("message")
    async def message(sid, data):
        if data == "0":
            answer = '4"Unable to connect"' if refuse else '0{"sid":"me"}'
            await eio.send(sid, answer)

    return eio, engineio.ASGIApp(eio, engineio_path="socket.io")


async def test_a_bare_engineio_server_has_nothing_of_socketio():
    _, app = bare()
    async with TestClient(app) as client:
        await client.connect()
        assert client.sid == "me"
        with pytest.raises(UsageError, match=r"socketio\.AsyncServer"):
            client.rooms()


async def test_a_refusal_of_a_bare_engineio_server_is_told_as_it_is():
    _, app = bare(refuse=True)
    async with TestClient(app) as client:
        with pytest.raises(ConnectionRefused) as caught:
            await client.connect()
    assert str(caught.value) == "namespace '/' refused: Unable to connect"


async def test_nothing_is_known_of_a_server_that_is_not_socketios():
    eio, _ = bare()
    before = dict(eio.handlers)
    current = instrument(eio, LoopServices(asyncio.get_running_loop()))
    assert current.sio is None
    assert not current.handlers.has_handler("e", "/")
    assert current.handlers.handler_name("e", "/") == ""
    assert current.handlers.known_events("/") == set()
    assert current.handlers.known_namespaces() == set()
    assert not current.clients.always_connect
    assert current.clients.connected_sids("x") == []
    assert current.clients.serializer_mismatch(socketio.packet.Packet) == ""
    assert current.release_connection("x") == []
    assert restore(current) == []
    assert eio.handlers == before
    assert "start_background_task" not in vars(eio)


async def test_a_server_without_handlers_is_instrumented_and_left_as_it_was():
    eio = engineio.AsyncServer(async_mode="asgi")
    before = dict(vars(eio))
    restore(instrument(eio, LoopServices(asyncio.get_running_loop())))
    assert vars(eio) == before


async def test_an_instrumentation_is_shared_and_ends_with_its_last_user(sio):
    services = LoopServices(asyncio.get_running_loop())
    before = dict(sio.eio.handlers)
    first = instrument(sio.eio, services)
    assert instrument(sio.eio, services) is first
    restore(first)
    assert sio.eio.handlers != before
    restore(first)
    assert sio.eio.handlers == before


async def test_an_instrumentation_that_was_left_on_another_loop_does_not_disturb_the_next_one(sio):
    before = dict(sio.eio.handlers)
    stale = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    fresh = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    assert fresh is not stale
    hooked = dict(sio.eio.handlers)
    assert restore(stale) == []
    assert sio.eio.handlers == hooked
    restore(fresh)
    assert sio.eio.handlers == before


async def test_an_instrumentation_that_was_left_releases_its_connections(sio):
    stale = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    stale.sessions["of a client that never left"] = None
    fresh = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    assert stale.sessions == {}
    restore(fresh)


async def test_an_instrumentation_that_was_left_on_a_threaded_server():
    sio = socketio.Server(async_mode="threading")
    stale = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    stale.sessions["of a client that never left"] = None
    fresh = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    assert stale.sessions == {}
    restore(fresh)


async def test_a_hook_that_somebody_put_over_ours_stays(sio):
    current = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))

    async def mine(*args):
        """Code of another tool."""

    sio.eio.handlers["message"] = mine
    sio.eio.start_background_task = mine
    restore(current)
    assert sio.eio.handlers["message"] is mine
    assert sio.eio.start_background_task is mine


async def test_what_is_asked_about_a_connection_that_is_gone_is_nothing(sio):
    current = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    assert not current.sockets.has_output("gone")
    assert not current.sockets.sends("gone")
    assert not current.sockets.is_open("gone")
    current.sockets.release_poll("gone")
    current.sockets.expire_poll("gone")
    await current.sockets.time_out("gone")
    assert current.release_connection("gone") == []
    restore(current)


async def test_a_failure_of_a_task_that_has_nothing_to_do_with_a_server_is_not_its_business(sio):
    current = instrument(sio.eio, LoopServices(asyncio.get_running_loop()))
    with pytest.raises(LookupError) as caught:
        raise LookupError("of somebody")
    assert not current.handle_failure(caught.value)
    assert not current.handle_failure(LookupError("never raised"))
    restore(current)


def test_outside_of_a_request_no_server_is_found():
    assert find_server() is None
