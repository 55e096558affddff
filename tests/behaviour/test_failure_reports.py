"""The reports that pytest prints of the failures of a new user: nineteen tests that fail on
purpose, in a separate pytest run with a terminal of 80 columns.
"""

import gc
import re
import warnings
from pathlib import Path
from statistics import median

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
WIDTH = 80

BOARD = """
import asyncio
import json

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
mounted = socketio.ASGIApp(sio, socketio_path="/realtime")
parcels = []


async def app(scope, receive, send):
    if scope["type"] != "http" or scope["path"] != "/parcels":
        return await mounted(scope, receive, send)
    label = json.loads((await receive())["body"])["label"]
    if label in parcels:
        raise ValueError(f"UNIQUE constraint failed: {label}")
    parcels.append(label)
    await sio.emit("parcel_created", {"label": label}, room="north")
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@sio.event
async def connect(sid, environ, auth):
    if auth != {"token": "good"}:
        raise socketio.exceptions.ConnectionRefusedError("bad token")
    await sio.emit("tick", {"n": 0}, to=sid)


@sio.event
async def join_depot(sid, depot):
    await sio.enter_room(sid, depot)
    return {"ok": True}


@sio.event
async def scan(sid, data):
    if data["label"] not in parcels:
        raise LookupError(f"no parcel {data['label']!r}")


@sio.event
async def slow_report(sid):
    await asyncio.Event().wait()


@sio.event
async def rename(sid, data):
    try:
        json.loads(data)
    except ValueError as error:
        raise RuntimeError("no JSON") from error
"""

CONFTEST = """
import pytest
from asgi_sio_testclient import SyncTestClient, TestClient
from board import app

LOGIN = {"socketio_path": "realtime", "auth": {"token": "good"}}


@pytest.fixture
async def ann():
    async with TestClient(app, timeout=0.3, **LOGIN) as client:
        yield await client.connect()


@pytest.fixture
async def ben(ann):
    async with ann.clone() as client:
        yield await client.connect()


@pytest.fixture
def cat():
    with SyncTestClient(app, timeout=0.3, **LOGIN) as client:
        yield client.connect()
"""

FAILING = """
import asyncio

from asgi_sio_testclient import TestClient
from board import app, parcels
from conftest import LOGIN


async def test_typo_in_call(ann):
    assert await ann.call("join_depto", "north") == {"ok": True}

async def test_typo_in_await(ann):
    await ann.call("join_depot", "north")
    await ann.http.post("/parcels", json={"label": "P1"})
    await ann.await_event("parcel_create")

async def test_raises(ann):
    assert await ann.call("scan", {"label": "nope"}) == {"id": 1}

async def test_raises_emit(ann):
    await ann.emit("scan", {"lable": "nope"})
    await ann.await_event("scanned")

async def test_raises_deep(ann):
    await ann.call("rename", "{")

async def test_namespace(ann):
    await ann.call("join_depot", "north", namespace="/board")

async def test_namespace_connect():
    async with TestClient(app, **LOGIN) as client:
        await client.connect("/board")

async def test_path():
    async with TestClient(app, auth={"token": "good"}) as client:
        await client.connect()

async def test_path_below():
    async with TestClient(app, **LOGIN | {"socketio_path": "realtim"}) as client:
        await client.connect()

async def test_no_connect():
    async with TestClient(app, **LOGIN) as client:
        await client.call("join_depot", "north")

async def test_no_await(ann):
    assert ann.call("join_depot", "north") == {"ok": True}

async def test_no_await_event(ann):
    event = ann.await_event("tick")
    assert event.data["n"] == 0

async def test_never_comes(ann, ben):
    await ann.http.post("/parcels", json={"label": "P3"})
    await ben.await_event("parcel_created")

async def test_no_ack(ann):
    await ann.call("slow_report")

async def test_http_raises(ann):
    parcels.append("P2")
    await ann.http.post("/parcels", json={"label": "P2"})

async def test_bad_token():
    async with TestClient(app, **LOGIN | {"auth": {"token": "x"}}) as client:
        await client.connect()

async def test_missing_arg(ann):
    await ann.call("join_depot")

async def test_strict(ann):
    async with ann.clone(strict=True) as client:
        await client.connect()

async def test_never_awaited(ann):
    await ann.emit("scan", {"label": "nope"})
"""

CAUSES = {
    "test_typo_in_call": "no handler",
    "test_typo_in_await": "did arrive: 'parcel_created'",
    "test_raises": "LookupError: no parcel 'nope'",
    "test_raises_emit": "KeyError: 'label'",
    "test_raises_deep": "RuntimeError: no JSON",
    "test_namespace": "not connected to namespace",
    "test_namespace_connect": "refused by '/board'",
    "test_path": "wrong path: 404",
    "test_path_below": "wrong path: 404",
    "test_no_connect": "not connected: connect() first",
    "test_no_await": "not awaited: TestClient.call()",
    "test_no_await_event": "not awaited: 'coroutine'",
    "test_never_comes": "went to room 'north'",
    "test_no_ack": "still running: slow_report",
    "test_http_raises": "ValueError: UNIQUE",
    "test_bad_token": "refused by '/': bad token",
    "test_missing_arg": "TypeError: join_depot() missing",
    "test_strict": "left over at exit",
    "test_never_awaited": "LookupError: no parcel 'nope'",
}
FEW_LINES = 20

PLUGINS = ("-pasgi_sio_testclient.pytest_plugin", "-ppytest_asyncio.plugin", "-pno:cacheprovider")
QUIET = ("--asyncio-mode=auto", "-oasyncio_default_fixture_loop_scope=function", "-Wignore")


@pytest.fixture
def failing(pytester, monkeypatch):
    """A function that runs the failing tests and returns the output."""
    for name in ("PYTEST_ADDOPTS", "CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    pytester.makeini("[pytest]\n")
    pytester.syspathinsert()
    pytester.makepyfile(board=BOARD)
    pytester.makeconftest(CONFTEST)

    def run(*arguments, source=FAILING):
        pytester.makepyfile(test_it=source)
        with warnings.catch_warnings():
            # Coroutines that were not awaited warn when the tracebacks of the run are released.
            warnings.simplefilter("ignore", RuntimeWarning)
            printed = str(pytester.runpytest_inprocess(*PLUGINS, *QUIET, *arguments).stdout)
            gc.collect()
        return printed

    return run


def reports(printed):
    """The report of each failure by the test's name."""
    parts = re.split(r"^_{3,} (.*?) _{3,}$", printed, flags=re.MULTILINE)
    bodies = [re.split(r"^={5,}.*=$", part, flags=re.MULTILINE)[0] for part in parts[2::2]]
    return {title.split()[-1]: body for title, body in zip(parts[1::2], bodies, strict=True)}


def summaries(printed):
    """The line of the short summary of each failure, and the test's name."""
    lines = re.findall(r"^(?:FAILED|ERROR) \S+::\w+.*$", printed, flags=re.MULTILINE)
    return {line.split("::")[1].split()[0]: line for line in lines}


@pytest.mark.slow
def test_failures_fit_a_screen_and_begin_with_the_cause(failing):
    printed = failing()
    found, lines = reports(printed), summaries(printed)
    assert set(found) == set(lines) == set(CAUSES)
    for name, cause in CAUSES.items():
        assert cause in lines[name], name
        assert len(lines[name]) <= WIDTH, name
        assert "site-packages" not in found[name], name
        assert "asgi_sio_testclient/" not in found[name], name
    lengths = [len(report.strip("\n").splitlines()) for report in found.values()]
    assert median(lengths) < FEW_LINES


PACKETS = "<- websocket CONNECT"


@pytest.mark.slow
def test_the_packets_stand_once(failing):
    (report,) = reports(failing("-k", "test_typo_in_call")).values()
    assert report.count(PACKETS) == 1
    assert "last packets" not in report


@pytest.mark.slow
def test_without_sections_the_packets_stay_in_the_message(failing):
    (report,) = reports(failing("-k", "test_typo_in_call", "--show-capture=no")).values()
    assert report.count(PACKETS) == 1
    assert "last packets" in report


@pytest.mark.slow
def test_full_trace_shows_every_frame(failing):
    (report,) = reports(failing("-k", "test_raises_deep", "--full-trace")).values()
    assert "asgi_sio_testclient/_client/client.py" in report
    assert "socketio/async_server.py" in report


@pytest.mark.slow
def test_a_missing_argument_names_the_file_of_the_handler(failing):
    (report,) = reports(failing("-k", "test_missing_arg")).values()
    line = BOARD.strip().splitlines().index("async def join_depot(sid, depot):")
    assert f"defined at board.py:{line}" in report


SYNC = """
def test_typo(cat):
    cat.call("join_depto", "north")

def test_raises(cat):
    cat.call("scan", {"label": "nope"})

def test_refused(cat):
    cat.connect("/board")
"""


@pytest.mark.slow
def test_the_sync_client_shows_as_little(failing):
    printed = failing(source=SYNC)
    found, lines = reports(printed), summaries(printed)
    assert "no handler for 'join_depto'" in lines["test_typo"]
    assert "LookupError: no parcel 'nope'" in lines["test_raises"]
    assert "refused by '/board'" in lines["test_refused"]
    for report in found.values():
        assert "anyio" not in report
        assert "concurrent/futures" not in report
        assert "asgi_sio_testclient/" not in report


OTHERS = """
import json
import pytest
from asgi_sio_testclient import UsageError

def test_of_a_library():
    json.loads("{")

async def test_skips(ann):
    pytest.skip("not today")

async def test_causes(ann):
    @ann.on("tick")
    def handler(data):
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first
    await ann.abort()
    await ann.connect()

async def test_library_alone(ann):
    await ann.call("rename", 5)

def test_no_fixture(nothing):
    pass

def test_no_frame_of_ours():
    raise UsageError("by hand")

async def test_group(ann):
    raise ExceptionGroup("two", [ValueError("one"), UsageError("two")])
"""


@pytest.mark.slow
def test_other_failures(failing):
    printed = failing(source=OTHERS)
    found, lines = reports(printed), summaries(printed)
    assert "1 skipped" in printed
    assert "json/decoder.py" in found["test_of_a_library"]
    assert "json.decoder.JSONDecodeError" in lines["test_of_a_library"]
    assert "ValueError: first" in lines["test_causes"]
    assert "ValueError: second" in found["test_causes"]
    assert "TypeError: the JSON object must be" in lines["test_library_alone"]
    assert "board.py" in found["test_library_alone"]
    assert lines["test_no_frame_of_ours"].endswith("- by hand")
    assert "two" in found["test_group"]
    assert "fixture 'nothing' not found" in found["test_no_fixture"]


INSTALLED = """
import json
import pytest
from board import app, sio
from conftest import LOGIN
from asgi_sio_testclient import TestClient, UsageError
from installed import Room, broken_cart, wrapped

sio.on("broken_cart", broken_cart)
sio.register_namespace(Room("/room"))

@sio.on("wrapped")
def within(sid, data):
    wrapped(data)

@sio.on("wraps_twice")
def wraps_twice(sid, data):
    def inner():
        raise LookupError("in the app")
    wrapped(data, inner)

@sio.on("frozen")
def frozen(sid):
    from installed import Frozen
    raise Frozen("cold")

async def test_handler(ann):
    await ann.call("broken_cart", "{")

async def test_method(ann):
    await ann.connect("/room")
    await ann.call("enter", namespace="/room")

async def test_wrapped(ann):
    await ann.call("wrapped", "{")

async def test_wrapped_twice(ann):
    await ann.call("wraps_twice", "{")

async def test_frozen(ann):
    await ann.call("frozen")

async def test_raised_from(ann):
    @ann.on("tick")
    def handler(data):
        raise ValueError("first") from KeyError("never raised")
    await ann.abort()
    await ann.connect()
"""


@pytest.fixture
def installed(pytester, monkeypatch):
    """A module in a directory of site-packages, as pip installs it."""
    folder = pytester.mkdir("site-packages")
    monkeypatch.syspath_prepend(str(folder))
    (folder / "installed.py").write_text(
        """
import json
from dataclasses import dataclass

import socketio

def broken_cart(sid, data):
    return parsed(data)

def parsed(data):
    return json.loads(data)

class Room(socketio.AsyncNamespace):
    async def on_enter(self, sid):
        raise OSError("no room")

def wrapped(data, then=None):
    try:
        json.loads(data) if then is None else then()
    except Exception as error:
        wrap(error)

def wrap(error):
    try:
        raise TypeError("in between") from error
    except TypeError as within:
        raise RuntimeError("wrapped") from within

@dataclass(frozen=True)
class Frozen(Exception):
    words: str
"""
    )


@pytest.mark.slow
def test_an_installed_app_is_a_library_but_for_its_handler(failing, installed):
    found = reports(failing(source=INSTALLED))
    assert "def broken_cart(sid, data)" in found["test_handler"]
    assert "def parsed(data)" not in found["test_handler"]
    assert "async def on_enter(self, sid)" in found["test_method"]
    assert "socketio/" not in found["test_handler"] + found["test_method"]


@pytest.mark.slow
def test_what_a_library_wraps_of_its_own_is_left_out(failing, installed):
    found = reports(failing(source=INSTALLED))
    assert "RuntimeError: wrapped" in found["test_wrapped"]
    assert "def wrap(" not in found["test_wrapped"]
    assert "JSONDecodeError" not in found["test_wrapped"]
    assert "in between" not in found["test_wrapped_twice"]
    assert "LookupError: in the app" in found["test_wrapped_twice"]
    assert found["test_wrapped_twice"].count("direct cause") == 1
    assert "KeyError: 'never raised'" in found["test_raised_from"]
    assert "Frozen" in found["test_frozen"]


GROUPS = """
import asyncio
import pytest
import sys

from asgi_sio_testclient import EventTimeout, UsageError

async def test_group(ann):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ann.call("scan", {"label": "nope"}))

async def test_groups_in_a_group(ann):
    try:
        await ann.call("join_depto")
    except EventTimeout as error:
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [error])])

async def test_no_words(ann):
    @ann.on("tick")
    def handler(data):
        raise ValueError
    await ann.abort()
    await ann.connect()

async def test_elsewhere(ann):
    await ann.connect("/board")

@pytest.mark.sio(auht="good")
async def test_misspelt_marker(sio_client):
    pass

def test_sync(sio_client):
    pass

def test_by_hand():
    raise pytest.UsageError("by hand")
"""


@pytest.mark.slow
def test_groups_and_fixtures(failing):
    printed = failing(source=GROUPS)
    found, lines = reports(printed), summaries(printed)
    for name in ("test_group", "test_groups_in_a_group"):
        assert "site-packages" not in found[name]
        assert "asgi_sio_testclient/" not in found[name]
        assert "taskgroups.py" not in found[name]
    assert lines["test_group"].endswith("- LookupError: no parcel 'nope'")
    assert "no handler for 'join_dep" in lines["test_groups_in_a_group"]
    assert lines["test_no_words"].endswith("- ValueError")
    assert "no app: define a fixture" in lines["test_sync"]
    assert "by hand" in lines["test_by_hand"]
    assert "All traceback entries are hidden" not in printed


@pytest.mark.slow
def test_errors_of_the_client_say_where_to_read_on(failing):
    found = reports(failing())
    assert "EventTimeout: the server has no handler" in found["test_typo_in_call"]
    assert "what to do: faults.html#misspelt-called-event" in found["test_typo_in_call"]
    assert "what to do: faults.html#room-never-entered" in found["test_never_comes"]
    assert "what to do" not in found["test_raises"]
    (report,) = reports(failing("-k", "slash", source=NO_SLASH)).values()
    assert "what to do: faults.html#namespace-without-slash" in report


@pytest.mark.slow
def test_where_to_read_on_stands_below_the_first_line(failing):
    (report,) = reports(failing("-k", "unexpected", source=NO_SLASH)).values()
    message = [line.removeprefix("E").strip() for line in report.splitlines() if line[:2] == "E "]
    assert message[0].startswith("UnexpectedEvent: expected no 'tick'")
    assert message[1] == "what to do: faults.html#unexpected-event"
    assert message[2].startswith("ReceivedEvent(name='tick'")


NO_SLASH = """
async def test_slash(ann):
    await ann.connect("board")

async def test_unexpected(ann):
    await ann.assert_not_received("tick")
"""

MANY = """
async def test_many(ann):
    for _ in range(15):
        await ann.call("join_depot", "north")
    assert False
"""


MANY_CLIENTS = """
from asgi_sio_testclient import TestClient
from board import app
from conftest import LOGIN

async def test_many_clients(ann):
    clients = [ann.clone() for _ in range(6)]
    for client in clients[:5]:
        await client.connect()
    await ann.call("join_depot", "north")
    assert False
"""


@pytest.mark.slow
def test_only_the_latest_of_many_clients_are_shown(failing):
    (report,) = reports(failing(source=MANY_CLIENTS)).values()
    shown = re.findall(r"Socket.IO transcript of (client\d+|\d+ other clients)", report)
    assert len(shown) == 5
    assert shown[0] == "client1"
    assert shown[-1].endswith("other clients")


@pytest.mark.slow
def test_the_last_packets_of_many(failing):
    (report,) = reports(failing(source=MANY)).values()
    (number,) = re.findall(r"\((\d+) earlier packets; --sio-transcript shows them\)", report)
    assert report.count(" ms ") == FEW_LINES
    (report,) = reports(failing("--sio-transcript", source=MANY)).values()
    assert report.count(" ms ") == FEW_LINES + int(number)
