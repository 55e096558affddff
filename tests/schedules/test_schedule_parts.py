"""The parts of the exploration, each by itself."""

import asyncio
import contextlib
import gc
import itertools
import json
import queue
import re
import socket
import sys
import threading
import time
import types
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import booking
import engineio
import pytest
import socketio
from booking import build

from asgi_sio_testclient import TestClient, UsageError
from asgi_sio_testclient._server import schedule as server
from asgi_sio_testclient._waiting.deadlines import finish
from asgi_sio_testclient.asgi import HTTPExchange, WebSocketConnection, http_scope, websocket_scope
from asgi_sio_testclient.schedules import _loop, _threads, explore
from asgi_sio_testclient.schedules._frames import Frames, Owner, chain
from asgi_sio_testclient.schedules._remarks import _Calls
from asgi_sio_testclient.schedules._run import run
from asgi_sio_testclient.schedules._schedule import Schedule
from asgi_sio_testclient.schedules._shrink import extent, shrink
from asgi_sio_testclient.schedules._story import Hold
from asgi_sio_testclient.schedules._trace import ClockReads
from asgi_sio_testclient.trace import recording


def outcome_of(scenario, holds=None, **options):
    return run(scenario, Schedule(holds or {}), frames=Frames(), **options)


# -- shrinking


def test_shrinking_leaves_the_holds_that_matter():
    plan = {(1, number): 0.1 for number in range(1, 9)}
    needed = {(1, 3), (1, 6)}
    assert shrink(lambda holds: needed <= set(holds), plan).keys() == needed
    assert shrink(lambda holds: set(plan) <= set(holds), plan) == plan


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda length: length >= 0.09, r"any hold of 0\.09\d* s or more here fails"),
        (lambda length: 0.01 <= length <= 0.2, r"any hold between 0\.01\d* and 0\.1\d* s here"),
    ],
)
def test_how_long_a_hold_may_be(fails, words):
    assert re.match(words, str(extent(lambda plan: fails(plan[1, 1]), {(1, 1): 0.1})))


@pytest.mark.parametrize("lengths", [{0.1}, {0.1, 1.0}])
def test_lengths_with_gaps_are_not_told(lengths):
    assert extent(lambda plan: plan[1, 1] in lengths, {(1, 1): 0.1}) is None


@pytest.mark.parametrize("plan", [{(1, 1): 0.1, (1, 2): 0.1}, {(1, 1): -2.0}, {(1, 1): 1e-5}])
def test_no_length_to_tell(plan):
    assert extent(lambda _: True, plan) is None


# -- whose code it is


def test_the_package_of_an_installed_handler_is_the_apps(tmp_path):
    source = "async def handler(): await wait()\nasync def wait(): await pause()\n"
    frames = Frames()

    def frame_of(file):
        names = {"pause": pause}
        exec(compile(source, file, "exec"), names)
        coroutine = names["handler"]()
        coroutine.send(None)
        suspended.append(coroutine)
        return list(chain(coroutine))

    @types.coroutine
    def pause():
        yield

    suspended = []
    installed = str(tmp_path / "site-packages" / "shop" / "app.py")
    handler, wait, _ = frame_of(installed)
    assert frames.owner(handler.f_code) is Owner.LIBRARY
    assert frames.site([handler, wait]) is None
    dispatch = types.SimpleNamespace(f_code=socketio.AsyncServer._trigger_event.__code__)
    assert frames.site([dispatch, handler, wait]).frame is wait
    assert frames.owner(handler.f_code) is Owner.APP
    other, *_ = frame_of(str(tmp_path / "site-packages" / "shopping.py"))
    assert frames.owner(other.f_code) is Owner.LIBRARY
    from_the_standard_library = types.SimpleNamespace(f_code=asyncio.sleep.__code__)
    assert frames.site([dispatch, types.SimpleNamespace(f_code=uuid.uuid4.__code__)]) is None
    assert frames.owner(from_the_standard_library.f_code) is Owner.ASYNCIO
    for coroutine in suspended:
        coroutine.close()


def test_frames_behind_what_hides_them():
    @contextlib.asynccontextmanager
    async def session():
        await asyncio.sleep(0)
        yield

    class Awaitable:
        def __await__(self):
            return asyncio.sleep(0).__await__()

    async def scenario():
        async with session():
            await Awaitable()
            await asyncio.get_running_loop().create_task(asyncio.sleep(0))

    assert len(outcome_of(scenario, records=True).points) == 2


# -- ids


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


# -- clocks


def mine():
    return time.time(), uuid.uuid4()


def test_clocks_that_are_read():
    frames = Frames()
    with ClockReads(frames).noted():
        mine()
    reads = ClockReads(frames)
    suspended = waiting()
    here = next(chain(suspended))
    reads._note(here, "c_call", time.time)
    reads._note(here, "c_call", len)
    reads._note(here, "return", None)
    assert "reads time() (`" in str(reads)
    library = types.SimpleNamespace(f_code=uuid.uuid4.__code__, f_back=None)
    reads._look_for_line(library, "urandom")
    deep = library
    for _ in range(5):
        deep = types.SimpleNamespace(f_code=uuid.uuid4.__code__, f_back=deep)
    reads._look_for_line(deep, "urandom")
    assert "urandom" not in str(reads)
    suspended.close()


async def waiting():
    """Not begun: its frame is there all the same."""


# -- what a handler awaits


class Frame:
    """A frame as a profile function sees it."""

    def __init__(self, function, back=None):
        self.f_code = function.__code__
        self.f_back = back


def test_fakes_that_a_handler_awaits():
    async def handler(): ...
    async def helper(): ...
    async def fake(): ...

    def has_fakes(*calls, event="call"):
        noted = _Calls(Frames(), [handler.__code__])
        for frame in calls:
            noted._note(frame, event, None)
        return noted.has_fakes(handler.__code__)

    top = Frame(handler)
    helped = Frame(helper, top)
    emit = socketio.AsyncServer.emit
    assert has_fakes(top, Frame(fake, top))
    assert has_fakes(Frame(mock.AsyncMock()._execute_mock_call, top))
    assert has_fakes(Frame(asyncio.sleep, top))
    assert has_fakes(helped, Frame(emit, helped), Frame(fake, helped))
    assert not has_fakes(Frame(fake, top), event="return")
    assert not has_fakes(Frame(lambda: None, top))
    assert not has_fakes(Frame(fake), Frame(fake, Frame(helper)), Frame(asyncio.sleep))
    assert not has_fakes(Frame(emit, top), Frame(asyncio.Lock.acquire, top))
    assert not has_fakes(helped, Frame(emit, helped))
    assert not has_fakes(helped, helped)
    assert not has_fakes(Frame(asyncio.sleep, Frame(asyncio.wait_for, top)))


# -- the loop


def test_a_task_made_without_the_loop():
    async def scenario():
        task = asyncio.Task(asyncio.sleep(0.01), loop=asyncio.get_running_loop())
        await task

    assert outcome_of(scenario, records=True).error is None


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python 3.12 and later")
def test_an_eager_task_made_without_the_loop():
    """aiohttp makes such tasks."""

    async def scenario():
        loop = asyncio.get_running_loop()
        for _ in range(2):
            await asyncio.Task(asyncio.sleep(0.01), loop=loop, eager_start=True)

    outcome = outcome_of(scenario, records=True)
    assert outcome.error is None
    assert len({point.key for point in outcome.points}) == len(outcome.points) == 2


def test_a_sleep_outside_of_a_task():
    async def scenario():
        def callback():
            asyncio.sleep(1).send(None)
            done.set()

        done = asyncio.Event()
        asyncio.get_running_loop().call_soon(callback)
        await done.wait()

    assert outcome_of(scenario, records=True).points == []


def test_what_the_server_itself_sleeps_is_no_point():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        await sio.sleep(0.01)
        await sio.sleep(0)

    assert [point.kind for point in outcome_of(scenario, records=True).points] == ["sleep", "yield"]


def test_a_task_that_the_scenario_leaves_is_cancelled():
    ended = []

    async def scenario():
        async def leftover():
            try:
                await asyncio.sleep(100)
            finally:
                ended.append(1)

        scenario.task = asyncio.ensure_future(leftover())
        scope = http_scope("GET", "/socket.io/", query_string=b"transport=polling&EIO=4")
        HTTPExchange(build(), scope).start()
        await asyncio.sleep(0)
        HTTPExchange(build(), scope).start()

    assert outcome_of(scenario).error is None
    assert ended == [1]


def test_garbage_is_collected_as_before():
    gc.disable()
    try:
        explore(booking.sleeping, runs=2)
        assert not gc.isenabled()
    finally:
        gc.enable()
    explore(booking.sleeping, runs=2)
    assert gc.isenabled()


def test_a_held_message_outlives_a_receive_that_is_cancelled():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            try:
                async with asyncio.timeout(0.05):
                    message = await receive()
            except TimeoutError:
                continue
            if message["type"] == "websocket.disconnect":
                return
            await send({"type": "websocket.send", "text": message.get("text") or "bytes"})

    async def scenario():
        websocket = WebSocketConnection(app, websocket_scope("/"))
        await websocket.connect()
        for data in ("hello", b"binary", "world"):
            websocket.send(data)
            assert await websocket.receive(timeout=60) in {"hello", "bytes", "world"}
        websocket.close()
        await asyncio.sleep(1)

    points = outcome_of(scenario, records=True).points
    packets = [point.key for point in points if point.kind == "packet"]
    assert len(packets) == 5
    for key in packets:
        assert outcome_of(scenario, {key: 0.3}).error is None


def test_a_thread_that_does_not_end(monkeypatch):
    monkeypatch.setattr(_threads, "_STUCK", 0.05)
    release = socket.socketpair()

    async def scenario():
        await asyncio.to_thread(release[0].recv, 1)

    with pytest.raises(UsageError, match="a thread does not end"):
        raise outcome_of(scenario).error
    release[1].send(b"x")
    for end in release:
        end.close()


def test_a_callback_of_a_thread_that_was_taken_back():
    async def scenario():
        loop = asyncio.get_running_loop()

        def work():
            loop.call_soon_threadsafe(print, "it is not called").cancel()

        await asyncio.to_thread(work)

    assert outcome_of(scenario).error is None


def test_a_deadlock_in_a_library_has_no_place():
    assert issubclass(_loop.Deadlock, TimeoutError)

    async def scenario():
        await asyncio.get_running_loop().create_future()

    assert "deadlock" in str(outcome_of(scenario).error)


def test_a_deadline_of_the_client_that_is_taken_back_while_it_is_put_off():
    async def scenario():
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        deadline = loop.call_at(loop.time() + 0.05, finish, future)
        await asyncio.sleep(0.01)
        deadline.cancel()
        await asyncio.sleep(1)
        assert not future.done()

    assert outcome_of(scenario, {(1, 1): 0.1}).error is None


def test_a_thread_whose_frames_are_gone_may_be_at_work():
    assert _threads._works(None)


def test_a_thread_that_waits_for_work_is_idle():
    work = queue.SimpleQueue(), queue.Queue()
    thread = threading.Thread(target=lambda: (work[0].get(), work[1].get()))
    thread.start()
    assert _threads._works(sys._current_frames()[thread.ident])
    work[0].put(None)
    until = time.perf_counter() + 60
    while _threads._works(sys._current_frames()[thread.ident]) and time.perf_counter() < until:
        thread.join(0.001)
    assert not _threads._works(sys._current_frames()[thread.ident])
    work[1].put(None)
    thread.join()


def test_a_worker_without_a_call_is_idle():
    with ThreadPoolExecutor(1) as executor:
        executor.submit(int).result()
        (thread,) = executor._threads
        until = time.perf_counter() + 60
        while _threads._works(sys._current_frames()[thread.ident]) and time.perf_counter() < until:
            thread.join(0.001)
        assert not _threads._works(sys._current_frames()[thread.ident])


def test_an_app_that_waits_for_the_end_of_a_request():
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        assert (await receive())["type"] == "http.disconnect"

    async def scenario():
        exchange = HTTPExchange(app, http_scope("GET", "/"))
        exchange.start()
        assert (await exchange.response()).body == b"done"

    assert outcome_of(scenario, records=True).error is None


# -- the story


def test_a_hold_in_words():
    assert str(Hold("the test", "", "", 0.25)) == "the test is held 0.25 s"
    assert str(Hold("a packet", "", "", 1e-5)) == "a packet is held until nothing else is ready"
    assert str(Hold("x", "a.py:1", "go()", 0, 2)) == (
        "x (a.py:1, `go()`) is held for 2 turns of the event loop"
    )


def test_a_hold_is_noted_in_a_trace():
    async def scenario():
        await booking.two_book(build())

    with recording() as trace:
        failure = explore(scenario, raises=False).failure
    assert [note.text for note in trace.notes] == [str(hold) for hold in failure.holds]


def test_packets_requests_and_ends_are_named():
    async def scenario():
        seen = []
        sio = socketio.AsyncServer(async_mode="asgi")

        @sio.event
        async def connect(sid, environ, auth):
            seen.append("connect")

        @sio.event
        async def say(sid, *args):
            seen.append("say")

        @sio.event
        async def disconnect(sid, reason):
            seen.append("disconnect")

        async with TestClient(socketio.ASGIApp(sio)) as a, a.clone() as b:
            await a.connect(auth={"token": "secret"})
            await b.connect()
            await a.emit("say", b"x" * 100, "y" * 100)
            await asyncio.sleep(0.1)
            assert seen == ["connect", "connect", "say"]

    failure = explore(scenario, raises=False).failure
    assert "packet 451-[" in failure.story
    assert "secret" not in failure.story


def test_a_websocket_that_comes_late_is_named():
    async def scenario():
        loop = asyncio.get_running_loop()
        async with TestClient(build()) as client:
            began = loop.time()
            connected = asyncio.ensure_future(client.connect())
            await asyncio.sleep(0.05)
            await connected
            assert loop.time() - began < 0.0501

    found = explore(scenario, io="nothing", raises=False)
    assert "the websocket is held" in found.failure.story.replace(" of client 1", "")


def test_a_task_and_a_callback_are_named():
    async def scenario():
        order = []
        sio = socketio.AsyncServer(async_mode="asgi")

        async def ticker():
            await asyncio.sleep(0.01)
            order.append("ticker")

        @sio.event
        async def ask(sid):
            sio.start_background_task(ticker)
            await sio.emit("question", to=sid, callback=answered)

        async def answered():
            await asyncio.sleep(0.02)
            order.append("callback")

        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            client.on("question", lambda: None)
            await client.emit("ask")
            await asyncio.sleep(1)
            assert order == ["ticker", "callback"]

    failure = explore(scenario, raises=False, io="test_schedule_parts").failure
    assert "task `ticker`" in failure.story
    assert "the callback of an ack" in failure.story


def left_early(*, asserts_within):
    """Two clients, each with a disconnect handler that takes 0.3 s; the app loses one entry."""

    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        entries = []

        @sio.event
        async def disconnect(sid, reason):
            await asyncio.sleep(0.3)

        @sio.event
        async def add(sid):
            number = len(entries)
            await booking.yielding()
            entries.append(number)

        async with TestClient(socketio.ASGIApp(sio)) as a, a.clone() as b:
            await a.connect()
            await b.connect()
            await a.emit("add")
            await asyncio.sleep(0.1)
            await b.emit("add")
            await a.settle()
            assert not asserts_within or entries == [0, 1]
        assert entries == [0, 1]

    return scenario


@pytest.mark.parametrize("asserts_within", [True, False])
def test_a_story_ends_where_the_scenario_fails(asserts_within):
    """Not where the clients have left after that; what they do before that belongs to it."""
    scenario = left_early(asserts_within=asserts_within)

    story = explore(scenario, io="booking.py", raises=False).failure.story

    *lines, broke = story.splitlines()
    assert ("it disconnects" in story) != asserts_within
    assert ("the disconnect handler of client 2 goes on" in story) != asserts_within
    assert float(lines[-1].split()[0]) <= float(broke.split()[0])


def test_a_client_that_is_gone_is_named():
    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi")
        rows = {}

        @sio.event
        async def connect(sid, environ):
            rows[sid] = 0

        @sio.event
        async def disconnect(sid, reason):
            del rows[sid]

        @sio.event
        async def add(sid):
            await booking.sleeping()
            rows[sid] += 1

        async with TestClient(socketio.ASGIApp(sio)) as a, a.clone() as b:
            await a.connect()
            await b.connect()
            await a.emit("add")
            await asyncio.sleep(0.2)
            await a.disconnect()
            await b.settle()

    failures = [explore(scenario, seed=seed, raises=False).failure for seed in range(4)]
    assert {type(failure.error) for failure in failures} == {KeyError}
    for failure in failures:
        assert "handler `add` of client 1 goes on" in failure.story
    assert not any("packet 41 of client 2" in failure.story for failure in failures)


class SortedJSON:
    """As Flask's, which Flask-SocketIO gives to its server: keys are sorted."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value, **options):
        return json.dumps(value, sort_keys=True)


def test_clients_of_a_server_that_writes_json_otherwise_have_numbers(transports, monkeypatch):
    # python-engineio and python-socketio keep the module in their classes.
    for module in (engineio, socketio):
        monkeypatch.setattr(module.packet.Packet, "json", module.packet.Packet.json)

    async def scenario():
        sio = socketio.AsyncServer(async_mode="asgi", json=SortedJSON)
        rows = []

        @sio.event
        async def add(sid):
            count = len(rows)
            await booking.sleeping()
            assert count == len(rows)
            rows.append(sid)

        async with TestClient(socketio.ASGIApp(sio), transports=transports) as a, a.clone() as b:
            await a.connect()
            await b.connect()
            await a.emit("add")
            await asyncio.sleep(0.2)
            await b.emit("add")
            await a.settle()

    story = explore(scenario, seed=1, raises=False).failure.story
    assert "handler `add` of client 1" in story
    assert 'packet 42["add"] of client 2 arrives' in story


def test_tasks_of_one_name_are_numbered():
    async def scenario():
        order = []

        async def work(number):
            await booking.sleeping()
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(work(number))
        assert order == [0, 1, 2]

    story = explore(scenario, raises=False).failure.story
    assert "task `work` goes on" in story or "task `work` (booking.py" in story
    assert "task `work` no. 2" in story
    assert "task `work` no. 3" in story
    assert "AssertionError (test_schedule_parts.py:" in story or "assert [" in story


def test_a_packet_is_that_of_its_server():
    async def scenario():
        order = []

        def node(number):
            sio = socketio.AsyncServer(async_mode="asgi")

            if number == 1:

                @sio.event
                async def first(sid):
                    await booking.sleeping()
                    order.append(number)
            else:

                @sio.on("first")
                async def other(sid):
                    order.append(number)

            return socketio.ASGIApp(sio)

        async with TestClient(node(1)) as a, TestClient(node(2)) as b:
            await a.connect()
            await b.connect()
            await a.emit("first")
            await asyncio.sleep(0.1)
            await b.emit("first")
            await a.settle()
            await b.settle()
            assert order == [1, 2]

    story = explore(scenario, io="booking.py", raises=False).failure.story
    arrivals = [line for line in story.splitlines() if "handler `first` (" in line]
    assert [line.count("handler `first` (") for line in arrivals] == [1, 1]
    assert len({line.rpartition("(")[2] for line in arrivals}) == 2


def test_a_long_story_is_cut():
    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(30):
            await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)
        assert loop.time() - began < 0.0601

    failure = explore(scenario, raises=False).failure
    assert " lines more)" in failure.story
    assert len(failure.story.splitlines()) == 42


def test_an_error_that_no_line_of_the_apps_raised():
    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.01)
        if loop.time() - began > 0.010001:
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

    failure = explore(scenario, raises=False).failure
    assert isinstance(failure.error, asyncio.CancelledError)


def test_a_failure_without_a_client_has_no_diagram():
    async def scenario():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(0.01)
        assert loop.time() - began < 0.010001

    assert explore(scenario, raises=False).failure.mermaid == ""
