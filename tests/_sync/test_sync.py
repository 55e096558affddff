"""`SyncTestClient` has the names and the behaviour of `TestClient`, for plain functions."""

import asyncio
import doctest
import inspect
import subprocess
import sys
import threading
import unittest

import pytest
import socketio
from apps import lab
from sync_apps import portal_threads

from asgi_sio_testclient import (
    ConnectionRefused,
    EventTimeout,
    NotConnected,
    ReceivedEvent,
    SyncTestClient,
    TestClient,
    UnexpectedEvent,
    UsageError,
)
from asgi_sio_testclient._connection.session import EngineSession
from asgi_sio_testclient._sync.session import SyncEngineSession


def public(cls):
    """Return the public methods and properties of a class, without its slots."""
    return {
        name
        for name in dir(cls)
        if not name.startswith("_")
        and not inspect.ismemberdescriptor(inspect.getattr_static(cls, name))
    }


# -- both clients have the same names


TWINS = [(TestClient, SyncTestClient), (EngineSession, SyncEngineSession)]


# Methods that the client and the transports call on the session, which tests do not use.
NOT_FOR_TESTS = {
    "about_to_receive",
    "activity",
    "app_raised",
    "cancel_connect_handlers",
    "cancel_handshake",
    "connect_handlers",
    "frame_delivered",
    "handler_ended",
    "handler_started",
    "why_no_handshake",
    "in_threads",
    "close",
    "quiet",
    "ready",
    "running_app",
    "send_frames",
    "wait_closed",
    "why_busy",
    "send_messages",
    "session_ended",
    "session_message",
    "session_ready",
    "settled",
    "start",
    "still_connected",
    "tasks",
    "transport_frame",
    "transport_closed",
    "transport_open",
    "transport_refused",
    "websocket",  # a `WebSocketConnection` belongs to its loop
}


# The constructor sets these, so the class does not have them.
ATTRIBUTES = {"answer_pings"}


@pytest.mark.parametrize(("face", "sync"), TWINS)
def test_the_same_names(face, sync):
    assert public(sync) - ATTRIBUTES == public(face) - NOT_FOR_TESTS


@pytest.mark.parametrize(
    ("face", "sync", "name"),
    [(face, sync, name) for face, sync in TWINS for name in sorted(public(sync) - ATTRIBUTES)],
)
def test_the_same_signature(face, sync, name):
    one, other = inspect.getattr_static(face, name), inspect.getattr_static(sync, name)
    assert isinstance(one, property) == isinstance(other, property)
    if not isinstance(one, property):
        assert bare(one) == bare(other)
        assert not inspect.iscoroutinefunction(other)
        assert not inspect.isasyncgenfunction(other)
    assert other.__doc__


def test_the_same_constructor():
    assert inspect.signature(TestClient) == inspect.signature(SyncTestClient)


def bare(function):
    parameters = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default, p.annotation) for p in parameters]


def test_the_repr_shows_the_connection(client):
    assert repr(client) == f"<SyncTestClient connected to / over {client.transport}>"


def test_pytest_never_collects_it():
    assert SyncTestClient.__test__ is False


# -- a conversation


def test_a_conversation(client, built):
    assert client.call("echo", 1, b"2") == (1, b"2")
    client.emit("reply", {"a": 1})
    assert client.await_event("reply") == ReceivedEvent("reply", ({"a": 1},))
    client.send("hi")
    assert client.await_event("message").data == "hi"
    client.emit("burst", 3)
    assert [event.data for event in client.await_events(3, "burst")] == [0, 1, 2]
    client.emit("reply", "x")
    client.settle()
    assert [event["name"] for event in client.get_received()] == ["reply"]
    client.assert_not_received()
    client.connect("/chat")
    assert client.get_sid("/chat")
    client.disconnect("/chat")
    assert not client.is_connected("/chat")
    assert client.is_connected()
    assert client.transport == built.sio.transport(client.sid)
    client.disconnect()
    assert client.disconnect_reason == "client disconnect"
    assert ("/", "client disconnect") in built.disconnects


def test_an_abort(client, built):
    client.abort()
    assert client.sid is None
    assert len(built.disconnects) == 1


def test_errors_are_those_of_the_async_client(client):
    with pytest.raises(EventTimeout, match="no event 'never'"):
        client.await_event("never", timeout=0.01)
    client.emit("reply")
    with pytest.raises(UnexpectedEvent):
        client.assert_not_received("reply")
    client.get_received()
    with pytest.raises(NotConnected):
        client.emit("x", namespace="/nowhere")


def test_a_refusal(built):
    with SyncTestClient(built.app) as client:
        with pytest.raises(ConnectionRefused) as info:
            client.connect(auth={"refuse": ["no", 1]})
        assert info.value.data == {"message": "no", "data": 1}


def test_events_are_an_iterator(client):
    client.emit("burst", 3)
    seen = []
    for event in client.events():
        seen.append(event.data)
        if len(seen) == 3:
            client.emit("kick")
    assert seen == [0, 1, 2]


def test_handlers_answer_the_server(client, built):
    threads = []

    @client.on("question")
    async def answer(*args):
        await asyncio.sleep(0)
        threads.append(threading.current_thread())
        return "because"

    assert inspect.iscoroutinefunction(answer)
    client.emit("ask", "why")
    client.await_event("answered")
    assert built.journal.kinds("answer") == [("because",)]
    assert threads[0] in portal_threads()


def test_an_acks_callback(client):
    acks = []
    client.emit("echo", 1, callback=acks.append)
    client.settle()
    assert acks == [1]


def test_a_handler_that_calls_its_client_is_told_so(client):
    client.on("reply", lambda *args: client.emit("echo"))
    client.emit("reply")
    with pytest.raises(UsageError, match="own event loop"):
        client.settle()


def test_the_servers_session_and_rooms(client, built):
    with client.session() as session:
        session["user"] = "python"
    with client.session() as session:
        assert session == {"user": "python"}
    assert client.call("join", "room") == "joined"
    assert client.rooms() == {client.sid, "room"}


def test_a_session_block_that_raises(client):
    with pytest.raises(ZeroDivisionError), client.session():
        1 / 0  # noqa: B018
    assert client.call("echo", 1) == 1


def test_the_transcript_and_what_the_app_raised(client):
    client.call("echo", 1)
    assert "'echo'" in str(client.transcript)
    assert client.app_exceptions == []


def test_what_the_app_raises_is_raised_here():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("boom", lambda sid: 1 / 0)
    with SyncTestClient(socketio.ASGIApp(sio)) as client:
        client.connect()
        client.emit("boom")
        with pytest.raises(ZeroDivisionError) as info:
            client.settle()
        assert "event 'boom'" in info.value.__notes__[0]


def test_what_nobody_has_seen_is_raised_at_the_end():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("boom", lambda sid: 1 / 0)
    client = SyncTestClient(socketio.ASGIApp(sio))

    def test():
        with client:
            client.connect()
            client.emit("boom")

    with pytest.raises(ZeroDivisionError):
        test()
    assert not portal_threads()


# -- misuse


def test_outside_of_the_block(built):
    client = SyncTestClient(built.app)
    with pytest.raises(UsageError, match="with SyncTestClient"):
        client.connect()
    with pytest.raises(UsageError, match="with SyncTestClient"):
        client.http.get("/")
    with pytest.raises(NotConnected):
        client.get_received()
    assert client.sid is None


def test_read_after_the_block(built):
    with SyncTestClient(built.app) as client:
        client.connect()
        client.emit("reply", 1)
        client.settle()
    assert [event.data for event in client.get_received()] == [1]
    with pytest.raises(UsageError, match="with SyncTestClient"):
        client.settle()


def test_entered_twice(built):
    with SyncTestClient(built.app) as client:
        with pytest.raises(UsageError, match="already entered"), client:
            pass
        client.connect()
    assert not portal_threads()


IN_TWO_LOOPS = "server is in use by a client in another event loop"


def test_another_app_around_the_same_server(client, built, transports):
    with SyncTestClient(socketio.ASGIApp(built.sio), transports=transports) as other:
        with pytest.raises(UsageError, match=IN_TWO_LOOPS):
            other.connect()
        assert client.call("echo", 1) == 1
    assert client.call("echo", 2) == 2


def test_an_async_client_beside_it(client, built, transports):
    async def beside():
        async with TestClient(built.app, transports=transports) as other:
            with pytest.raises(UsageError, match=IN_TWO_LOOPS):
                await other.connect()

    asyncio.run(beside())
    assert client.call("echo", 1) == 1


def test_a_server_that_is_given_is_refused_before_anything_begins(client, built):
    began = []
    app = socketio.ASGIApp(built.sio, on_startup=lambda: began.append(True))

    async def beside():
        with pytest.raises(UsageError, match=IN_TWO_LOOPS):
            await TestClient(app, server=built.sio).__aenter__()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    client.settle()
    asyncio.run(beside())
    assert began == []
    assert client.call("echo", 1) == 1


def test_no_app():
    with pytest.raises(TypeError, match="ASGI"):
        SyncTestClient(socketio.AsyncServer(async_mode="asgi"))


# -- where it is used


def test_a_doctest():
    """
    >>> sio = socketio.AsyncServer(async_mode="asgi")
    >>> @sio.event
    ... async def double(sid, number):
    ...     return 2 * number
    >>> with SyncTestClient(socketio.ASGIApp(sio)) as client:
    ...     client.connect().call("double", 21)
    42
    """
    (found,) = doctest.DocTestFinder(recurse=False).find(
        test_a_doctest, globs={"socketio": socketio, "SyncTestClient": SyncTestClient}
    )
    results = doctest.DocTestRunner().run(found)
    assert (results.attempted, results.failed) == (3, 0)


APP = """
import socketio
sio = socketio.AsyncServer(async_mode="asgi")
sio.on("double", lambda sid, number: 2 * number)
app = socketio.ASGIApp(sio)
"""


REPL = """
from app import app
from asgi_sio_testclient import SyncTestClient
client = SyncTestClient(app)
client.__enter__()
client.connect(transports="{}")
print(client.call("double", 21))
"""


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_in_a_repl_that_ends_without_a_disconnect(transport, tmp_path):
    # The app is in a separate module, so that the interpreter deletes the client before the app.
    (tmp_path / "app.py").write_text(APP)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", REPL.format(transport)],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        text=True,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("42\n", "")


class TestInUnittest(unittest.TestCase):
    def setUp(self):
        self.client = self.enterContext(SyncTestClient(lab().app)).connect()

    def test_call(self):
        assert self.client.call("echo", 1) == 1


def test_time_passes_on_request():
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)
    with SyncTestClient(socketio.ASGIApp(sio)) as client:
        client.connect()
        with client.time_travel():
            client.advance(26)
        assert "PING" in str(client.transcript)
