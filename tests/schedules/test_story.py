"""The text of a failing run."""

import asyncio
import json

import booking
import engineio
import pytest
import socketio
from booking import build

from asgi_sio_testclient import TestClient
from asgi_sio_testclient.schedules import explore
from asgi_sio_testclient.schedules._story import Hold
from asgi_sio_testclient.trace import recording


def test_a_hold_in_words():
    assert str(Hold("the test", "", "", 0.25)) == "the test is held 0.25 s"
    assert str(Hold("a packet", "", "", 1e-5)) == "a packet is held until nothing else is ready"
    assert str(Hold("x", "a.py:1", "go()", 0, 2)) == (
        "x (a.py:1, `go()`) is held for 2 turns of the event loop"
    )


@pytest.mark.slow
def test_a_hold_is_noted_in_a_trace():
    async def scenario():
        await booking.two_book(build())

    with recording() as trace:
        failure = explore(scenario, raises=False).failure
    assert [note.text for note in trace.notes] == [str(hold) for hold in failure.holds]


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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

    failure = explore(scenario, raises=False, io="test_story").failure
    assert "task `ticker`" in failure.story
    assert "the callback of an ack" in failure.story


def left_early(*, asserts_within):
    """Two clients whose disconnect handlers take 0.3 s; the app loses one entry."""

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


@pytest.mark.slow
@pytest.mark.parametrize("asserts_within", [True, False])
def test_a_story_ends_where_the_scenario_fails(asserts_within):
    """The story does not include the disconnects after the failure, but those before it."""
    scenario = left_early(asserts_within=asserts_within)

    story = explore(scenario, io="booking.py", raises=False).failure.story

    *lines, broke = story.splitlines()
    assert ("it disconnects" in story) != asserts_within
    assert ("the disconnect handler of client 2 goes on" in story) != asserts_within
    assert float(lines[-1].split()[0]) <= float(broke.split()[0])


@pytest.mark.slow
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
    """A json module that sorts keys, as Flask's does, which Flask-SocketIO passes to its server."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value, **options):
        return json.dumps(value, sort_keys=True)


@pytest.mark.slow
def test_clients_of_a_server_that_writes_json_otherwise_have_numbers(transports, monkeypatch):
    # python-engineio and python-socketio store the json module in their packet classes.
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
    assert "AssertionError (test_story.py:" in story or "assert [" in story


@pytest.mark.slow
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


@pytest.mark.slow
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
