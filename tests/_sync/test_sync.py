"""`SyncTestClient` has the names and the behaviour of `TestClient`, for plain functions."""

import asyncio
import contextvars
import doctest
import inspect
import signal
import subprocess
import sys
import threading
import time
import types
import unittest
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
import socketio
from apps import lab
from asgiref.sync import sync_to_async
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient as StarletteClient

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
from asgi_sio_testclient._sync.portal import _Call, _loop_of, _TestThreadExecutor
from asgi_sio_testclient._sync.session import SyncEngineSession

WAIT = 60.0


@pytest.fixture
def built():
    return lab(namespaces=("/", "/chat"))


@pytest.fixture
def client(built, transports):
    with SyncTestClient(built.app, transports=transports) as client:
        yield client.connect()


def public(cls):
    """Return the public methods and properties of a class, without its slots."""
    return {
        name
        for name in dir(cls)
        if not name.startswith("_")
        and not inspect.ismemberdescriptor(inspect.getattr_static(cls, name))
    }


def portal_threads():
    return {thread for thread in threading.enumerate() if "portal" in thread.name}


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


def test_raw(client, built):
    raw = client.raw
    assert raw.sid
    assert raw.answer_pings
    raw.answer_pings = False
    assert client.raw.answer_pings is False
    raw.send_packet(4, '2["reply","typed"]')
    assert client.await_event("reply").data == "typed"
    raw.send_text('42["reply","text"]')
    assert client.await_event("reply").data == "text"
    raw.send_text('451-["reply",{"_placeholder":true,"num":0}]')
    raw.send_bytes(b"bytes")
    assert client.await_event("reply").data == b"bytes"
    assert raw.post("4", sid="unknown").status == 400
    assert raw.poll(sid="unknown").status == 400
    raw.drop()
    client.settle()
    assert len(built.disconnects) == 1


def test_a_paused_reader(built):
    with SyncTestClient(built.app, transports="websocket") as client:
        client.connect()
        client.raw.pause_reading()
        client.emit("reply", 1)
        with pytest.raises(EventTimeout):
            client.await_event("reply", timeout=0.02)
        client.raw.resume_reading()
        assert client.await_event("reply").data == 1


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


# -- http


def web_app():
    sio = socketio.AsyncServer(async_mode="asgi")
    loops = []

    @sio.event
    async def connect(sid, environ):
        loops.append(asyncio.get_running_loop())
        await sio.save_session(sid, {"cookie": environ.get("HTTP_COOKIE", "")})

    async def login(request):
        body = await request.body()
        response = PlainTextResponse(body.decode())
        response.set_cookie("user", "python")
        return response

    async def news(request):
        loops.append(asyncio.get_running_loop())
        await sio.emit("news", "from a route")
        return PlainTextResponse("told")

    async def who(request):
        headers = request.headers.get("authorization", "")
        return JSONResponse({"user": request.cookies.get("user"), "auth": headers})

    routes = [
        Route("/who", who),
        Route("/login", login, methods=["POST"]),
        Route("/news", news, methods=["POST"]),
        Mount("/ws", socketio.ASGIApp(sio, socketio_path="ws/socket.io")),
    ]
    app = Starlette(routes=routes)
    app.state.loops = loops
    return app


def test_http_is_on_the_same_app_and_loop(transports):
    app = web_app()
    with SyncTestClient(app, socketio_path="/ws/socket.io", transports=transports) as client:
        assert isinstance(client.http, httpx.Client)
        assert client.http is client.http
        assert client.http.post("/login", content=iter([b"str", b"eam"])).text == "stream"
        assert client.cookies["user"] == client.http.cookies["user"] == "python"
        client.connect()
        with client.session() as session:
            assert "user=python" in session["cookie"]
        assert client.http.post("/news").text == "told"
        assert client.await_event("news").data == "from a route"
    assert len(set(app.state.loops)) == 1


def test_headers_of_the_client_go_with_http_too():
    with SyncTestClient(web_app(), headers={"x-user": "python"}) as client:
        assert client.headers["x-user"] == "python"
        assert client.http.headers["x-user"] == "python"


def test_a_sync_client_handed_in_is_used():
    with httpx.Client(base_url="http://testserver", trust_env=False, verify=False) as http:
        http.cookies["user"] = "given"
        with SyncTestClient(web_app(), http=http, socketio_path="/ws/socket.io") as client:
            assert client.http is http
            client.connect()
            with client.session() as session:
                assert "user=given" in session["cookie"]
            other = client.clone(http=http)
            assert other.http is http
            assert client.clone().http is not http


def test_starlettes_client_has_a_loop_of_its_own_and_lends_its_cookies_only():
    app = web_app()
    http = StarletteClient(app)
    http.post("/login")
    with SyncTestClient(app, http=http, socketio_path="/ws/socket.io") as client:
        assert client.http is not http
        assert client.http.cookies["user"] == "python"
        client.connect()
        client.http.post("/news")
        assert client.await_event("news").data == "from a route"


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_an_async_client_handed_in_is_gone_through(library):
    library = pytest.importorskip(library)
    app = web_app()
    transport = library.ASGITransport(app)
    http = library.AsyncClient(
        transport=transport, base_url="http://testserver", follow_redirects=True, auth=("me", "pw")
    )
    http.cookies["user"] = "given"
    with SyncTestClient(app, http=http, socketio_path="/ws/socket.io") as client:
        assert isinstance(client.http, httpx.Client)
        assert client.http.follow_redirects
        assert client.http.get("/who").json() == {"user": "given", "auth": "Basic bWU6cHc="}
        assert client.http.get("/who", auth=("x", "y")).json()["auth"] == "Basic eDp5"
        assert client.http.post("/login", content="body").text == "body"
        assert {cookie.value for cookie in http.cookies.jar} == {"given", "python"}
        client.connect()
        assert client.http.post("/news").text == "told"
        assert client.await_event("news").data == "from a route"


# -- several clients, one loop


def test_clones_share_the_loop(client):
    before = portal_threads()
    with client.clone() as other:
        other.connect()
        assert portal_threads() == before
        client.emit("shout", "all")
        assert other.await_event("shout").data == "all"
    third = client.clone()
    assert type(third) is SyncTestClient
    third.connect()
    assert third.call("echo", 3) == 3


def test_two_clients_of_one_app_share_the_loop(built):
    first, second = SyncTestClient(built.app, lifespan=False), SyncTestClient(built.app)
    with first:
        first.connect()
        with second:
            second.connect()
            assert len(portal_threads()) == 1
            first.emit("shout", "all")
            assert second.await_event("shout").data == "all"
        # The loop runs until both clients have ended.
        assert first.await_event("shout").data == "all"
    assert not portal_threads()


def test_overlapping_clients(built):
    first, second = SyncTestClient(built.app), SyncTestClient(built.app)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.connect()
    assert second.call("echo", 1) == 1
    second.__exit__(None, None, None)
    assert not portal_threads()


def test_clients_in_several_threads(built):
    results = []

    def user(number):
        with SyncTestClient(built.app, lifespan=False) as client:
            client.connect()
            results.append(client.call("echo", number))

    with SyncTestClient(built.app):
        threads = [threading.Thread(target=user, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
    assert sorted(results) == list(range(8))
    assert not portal_threads()


@pytest.mark.slow
def test_the_last_one_leaves_while_the_next_one_enters(built):
    def user(number):
        with SyncTestClient(built.app, lifespan=False) as client:
            return client.connect().call("echo", number)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(user, range(40), timeout=WAIT)) == list(range(40))
    assert not portal_threads()


def test_again_with_the_same_client(built):
    client = SyncTestClient(built.app)
    for number in range(3):
        with client:
            client.connect()
            assert client.call("echo", number) == number
        assert not portal_threads()


async def nothing():
    """A call without a result."""


async def answer(value):
    return value


@contextmanager
def running_loop():
    """An event loop that runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT)
        loop.close()


def test_a_call_ends_with_the_loop(built):
    """A call of another thread, which the loop has not started when the last client ends."""
    loop = _loop_of(built.app)
    loop.acquire()
    call, ended = _Call(loop._event_loop, nothing, ()), threading.Event()
    call._wake = ended.set
    loop._calls.add(call)
    loop.release()
    assert ended.is_set()
    assert isinstance(call.error, CancelledError)
    call.cancel()
    with pytest.raises(RuntimeError, match="closed"):
        call.start(ended.set)


def test_a_cancelled_call_raises_here(client):
    async def cancel_this_call():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(CancelledError):
        client._loop.run(cancel_this_call)
    assert client.call("echo", 1) == 1


def test_a_call_runs_in_a_copy_of_the_tests_context(client):
    variable = contextvars.ContextVar("variable", default="")

    async def change():
        before = variable.get()
        variable.set("the loop's")
        return before

    variable.set("the test's")
    assert client._loop.run(change) == "the test's"
    assert variable.get() == "the test's"


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


def test_two_apps_have_a_loop_each(client):
    with SyncTestClient(lab().app) as other:
        other.connect()
        assert len(portal_threads()) == 2
        assert (client.call("echo", 1), other.call("echo", 2)) == (1, 2)
    assert client.call("echo", 3) == 3


def test_no_app():
    with pytest.raises(TypeError, match="ASGI"):
        SyncTestClient(socketio.AsyncServer(async_mode="asgi"))


# -- where it is used


def test_in_a_thread_whose_loop_runs(built):
    async def cell():
        with SyncTestClient(built.app) as client:
            client.connect()
            return client.call("echo", "notebook")

    assert asyncio.run(cell()) == "notebook"


def wait_for_ever(app, timer):
    with SyncTestClient(app) as client:
        client.connect()
        timer.start()
        client.await_event("never", timeout=60)


@pytest.mark.slow
def test_ctrl_c_ends_a_wait(built):
    """A signal that the main thread gets while it waits, as by Ctrl-C."""
    started = time.monotonic()

    def press():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    timer = threading.Timer(0.1, press)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait_for_ever(built.app, timer)
    finally:
        signal.signal(signal.SIGINT, previous)
        timer.join()
    assert time.monotonic() - started < WAIT
    assert not portal_threads()
    built.assert_released()


def test_an_interrupted_wait_leaves_the_client_usable(client):
    """An exception of a signal handler in the main thread, as with pytest-timeout's
    signal method.
    """

    class Late(Exception):
        pass

    def alarm(*_):
        raise Late

    previous = signal.signal(signal.SIGALRM, alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Late):
            client.await_event("never", timeout=60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    client.emit("reply", "after")
    assert client.await_event("reply").data == "after"


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


@pytest.fixture
def threads_app(monkeypatch):
    """An app that works in threads by sync_to_async, with Django imported."""
    monkeypatch.setitem(sys.modules, "django.db", types.ModuleType("django.db"))
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def where(sid):
        return await sync_to_async(lambda: threading.current_thread().name)()

    @sio.event
    async def fail(sid):
        await sync_to_async(lambda: 1 / 0)()

    return socketio.ASGIApp(sio)


def test_beside_django_sync_code_runs_in_the_tests_thread(threads_app, transports):
    here = threading.current_thread().name
    with SyncTestClient(threads_app, transports=transports) as client:
        client.connect()
        assert client.call("where") == here
        client.emit("where")
        client.settle()
        with pytest.raises(ZeroDivisionError):
            client.call("fail")
        with client.session():
            assert client.clone().connect().call("where") == here


def test_beside_django_another_thread_may_call_too(threads_app):
    """The app's code needs the test's thread, which only calls the client here."""
    with SyncTestClient(threads_app) as client, ThreadPoolExecutor(1) as pool:
        client.connect()
        elsewhere = pool.submit(client.call, "where")
        while not elsewhere.done():
            client.settle()
        assert elsewhere.result() == threading.current_thread().name


def test_beside_django_what_was_cancelled_is_not_begun():
    thread, begun = _TestThreadExecutor(), []
    assert thread.submit(begun.append, 1).cancel()
    thread.submit(begun.append, 2)
    with running_loop() as loop:
        thread.work_until_ended(_Call(loop, nothing, ()))
    assert begun == [2]


def test_beside_django_a_call_is_not_ended_by_one_that_was_interrupted():
    thread = _TestThreadExecutor()
    thread._work.put(None)  # the end of another call
    with running_loop() as loop:
        call = _Call(loop, answer, (42,))
        thread.work_until_ended(call)
    assert call.result == 42


def test_beside_django_in_a_notebook_sync_code_stays_out_of_the_loops_thread(threads_app):
    async def cell():
        with SyncTestClient(threads_app) as client:
            return client.connect().call("where")

    assert asyncio.run(cell()) != threading.current_thread().name


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
def test_in_a_repl_that_is_left_without_a_goodbye(transport, tmp_path):
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


def test_leaves_no_thread(client):
    assert len(portal_threads()) == 1


def test_time_passes_on_request():
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=25, ping_timeout=20)
    with SyncTestClient(socketio.ASGIApp(sio)) as client:
        client.connect()
        with client.time_travel():
            client.advance(26)
        assert "PING" in str(client.transcript)
