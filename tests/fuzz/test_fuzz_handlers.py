"""The fuzzer finds the fault of each faulty handler, and none in correct handlers."""

import asyncio
import importlib
import logging
import re
import sys

import pytest
import socketio

from asgi_sio_testclient import HandshakeFailed, TestClient, UsageError, fuzz

# These tests use the CPU for seconds, on a busy machine for minutes.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def fuzzed_app():
    """New servers for each test."""
    sys.modules.pop("fuzzed_app", None)
    return importlib.import_module("fuzzed_app")


FAULTS = {
    "missing_key": "KeyError",
    "wrong_type": "AttributeError",
    "none_name": "AttributeError",
    "average": "ZeroDivisionError",
    "negative": "IndexError",
    "divides": "ZeroDivisionError",
    "unicode": "UnicodeEncodeError",
    "huge": "OverflowError",
    "deep": "RecursionError",
    "magic": "RuntimeError",
    "magic_in_a_table": "ZeroDivisionError",
    "number_in_text": "ValueError",
    "index": "IndexError",
    "hangs_for_good": "HandlerHang",
    "sleeps_for_good": "HandlerHang",
    "second_call": "RuntimeError",
    "second_time_for_all": "LookupError",
    "sync_handler": "TypeError",
    "annotated": "KeyError",
    "background": "KeyError",
    "answer_that_is_no_json": "TypeError",
}


PROOFS = {"sleeps_for_good", "deep"}  # the quick tests find other faults of these kinds
QUICK = {"missing_key", "none_name", "index", "sync_handler", "background"}


def faults():
    for event in FAULTS:
        slow = () if event in QUICK else pytest.mark.slow
        yield pytest.param(event, marks=pytest.mark.proof if event in PROOFS else slow)


@pytest.mark.slow
@pytest.mark.parametrize("event", list(faults()))
def test_a_fault_is_found(fuzzed_app, event):
    report = fuzz.run(fuzzed_app.crashing, event)
    (failure,) = report.failures
    assert failure.headline.startswith(f"FAILED / {event} - {FAULTS[event]}")
    assert failure.examples <= 200
    assert failure.lines[0].startswith(f"await client.call('{event}'")


# Shorter ones are in tests/fuzz/test_fuzz_app.py, which each run has.
@pytest.mark.proof
@pytest.mark.parametrize(
    ("event", "why"),
    [
        ("never_rests", "the handler blocks the event loop and does not end"),
        ("spins", "the app keeps the event loop busy and does not end"),
    ],
)
def test_a_busy_handler_is_found(fuzzed_app, event, why):
    (failure,) = fuzz.run(fuzzed_app.crashing, event).failures
    assert failure.headline == f"FAILED / {event} - HandlerHang: {why}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("event", "namespace", "headline"),
    [
        ("*", "/any", "FAILED /any * - PermissionError: open sesame"),
        ("connect", "/auth", "FAILED /auth connect - TypeError: string indices must be"),
        ("join", "/chat", "FAILED /chat join - KeyError: 'room'"),
    ],
)
def test_other_namespaces(fuzzed_app, event, namespace, headline):
    (failure,) = fuzz.run(fuzzed_app.crashing, event, namespace=namespace).failures
    assert failure.headline.startswith(headline)


@pytest.mark.parametrize("examples", [10, pytest.param(100, marks=pytest.mark.proof)])
@pytest.mark.parametrize(
    "event",
    [
        *["validates", "echo", "connect"],
        *(
            pytest.param(event, marks=pytest.mark.slow)
            for event in [
                *["passes_on", "leaves", "answers_late", "ticks", "asks_back", "sync_sound"],
                *["in_a_thread", "waits_for_a_thread", "polls", "colour", "point"],
                *["no_arguments", "rooms"],
            ]
        ),
    ],
)
def test_a_sound_handler_holds(fuzzed_app, event, examples):
    report = fuzz.run(fuzzed_app.all_sound, event, max_examples=examples)
    assert str(report) == f"1 handler, {report.examples['/', event]} examples: all held"


@pytest.mark.slow
def test_a_handler_may_sleep_for_hours(fuzzed_app):
    assert not fuzz.run(fuzzed_app.all_sound, "sleeps", max_examples=5).failures


@pytest.mark.slow
def test_small(fuzzed_app):
    """Hypothesis removes the parts of a payload that the failure does not need."""
    (failure,) = fuzz.run(fuzzed_app.crashing, "divides").failures
    assert failure.lines == ["await client.call('divides', {'total': 1, 'people': 0})"]
    (failure,) = fuzz.run(fuzzed_app.crashing, "deep").failures
    assert re.fullmatch(r"await client.call\('deep', nested\((480|900)\)\)", failure.lines[0])


@pytest.mark.slow
def test_the_report(fuzzed_app):
    text = str(fuzz.run(fuzzed_app.crashing, "missing_key"))
    first, line, *trace, last = text.splitlines()
    assert first == "FAILED / missing_key - KeyError: 'room'"
    assert line == "    await client.call('missing_key', {})"
    assert trace[0] == "Traceback (most recent call last):"
    assert "fuzzed_app.py" in trace[1]
    assert last.endswith("1 failed")


@pytest.mark.slow
def test_a_long_traceback_is_cut(fuzzed_app):
    lines = str(fuzz.run(fuzzed_app.crashing, "deep")).splitlines()
    assert len(lines) < 80


async def test_a_failure_pasted_into_a_test(fuzzed_app):
    async with TestClient(fuzzed_app.crashing) as client:
        await client.connect()
        with pytest.raises(RecursionError):
            await client.call("deep", fuzz.nested(350))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_failure(fuzzed_app):
    first = fuzz.run(fuzzed_app.crashing, "divides", seed=7)
    second = fuzz.run(fuzzed_app.crashing, "divides", seed=7)
    assert first.failures[0].lines == second.failures[0].lines
    assert first.examples == second.examples


@pytest.mark.slow
@pytest.mark.parametrize("allow", ["LookupError", "builtins.KeyError", KeyError])
def test_allowed_exceptions(fuzzed_app, allow):
    report = fuzz.run(fuzzed_app.crashing, "missing_key", allow=[allow], max_examples=8)
    assert not report.failures


@pytest.mark.slow
def test_arity(fuzzed_app):
    (failure,) = fuzz.run(fuzzed_app.crashing, "missing_key", arity=0).failures
    assert "missing 1 required positional argument" in failure.headline
    assert failure.lines == ["await client.call('missing_key')"]


@pytest.mark.slow
def test_failures_of_other_handlers_are_kept_apart():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def disconnect(sid):
        raise OSError("always")

    @sio.event
    async def fine(sid, data):
        pass

    report = fuzz.run(socketio.ASGIApp(sio), max_examples=5)
    assert [failure.headline for failure in report.failures] == [
        "FAILED / disconnect - OSError: always"
    ]
    assert report.examples["/", "fine"] == 5


def test_a_connect_handler_that_fails_for_everybody():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ):
        raise OSError("no database")

    @sio.event
    async def fine(sid, data):
        pass

    report = fuzz.run(socketio.ASGIApp(sio), max_examples=20)
    assert [failure.headline for failure in report.failures] == [
        "FAILED / connect - OSError: no database"
    ]
    assert report.failures[0].lines == ["await client.connect(auth=None)"]


def make_guarded():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ, auth):
        return isinstance(auth, dict) and auth.get("token") == "t0k3n"

    @sio.event
    async def fails(sid, data):
        raise ValueError("always")

    return socketio.ASGIApp(sio)


@pytest.mark.slow
def test_auth():
    report = fuzz.run(make_guarded(), auth={"token": "t0k3n"}, max_examples=20)
    assert [failure.event for failure in report.failures] == ["fails"]


def test_without_auth_nothing_would_run():
    with pytest.raises(UsageError, match="the app refuses connections to '/'"):
        fuzz.run(make_guarded(), "fails")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_setup(kind):
    seen = []
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def connect(sid, environ):
        seen.append(environ.get("HTTP_COOKIE"))

    @sio.event
    async def fine(sid):
        pass

    def set_cookie(client):
        client.http.cookies.set("session", "mine", domain="testserver.local")

    async def log_in(client):
        set_cookie(client)
        await asyncio.sleep(60)

    setup = set_cookie if kind == "sync" else log_in
    assert not fuzz.run(socketio.ASGIApp(sio), setup=setup, max_examples=3).failures
    assert set(seen) == {"session=mine"}


@pytest.mark.slow
def test_one_connection_at_a_time():
    sio = socketio.AsyncServer(async_mode="asgi")
    here = set()

    @sio.event
    async def connect(sid, environ):
        if here:
            raise socketio.exceptions.ConnectionRefusedError("one at a time")
        here.add(sid)

    @sio.event
    async def disconnect(sid, reason):
        here.discard(sid)

    @sio.event
    async def fine(sid, data):
        pass

    assert not fuzz.run(socketio.ASGIApp(sio), max_examples=20).failures


@pytest.mark.slow
def test_another_client_gets_no_answer():
    sio = socketio.AsyncServer(async_mode="asgi")
    lock = []

    @sio.event
    async def connect(sid, environ):
        if lock:
            await asyncio.Event().wait()

    @sio.event
    async def locks(sid, data):
        if data == "lock":
            lock.append(sid)

    (failure,) = fuzz.run(socketio.ASGIApp(sio), "locks").failures
    assert failure.lines == ["await client.call('locks', 'lock')"]


@pytest.mark.slow
def test_a_handler_that_ends_the_process():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def stop(sid, data):
        if data == {}:
            sys.exit(3)

    (failure,) = fuzz.run(socketio.ASGIApp(sio)).failures
    assert failure.headline == "FAILED / stop - SystemExit: 3"


@pytest.mark.slow
def test_sequences():
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def open_file(sid):
        async with sio.session(sid) as session:
            session["open"] = True

    @sio.event
    async def close_file(sid):
        async with sio.session(sid) as session:
            if session.pop("open", False):
                session["closed"] = True

    @sio.event
    async def write(sid):
        if "closed" in await sio.get_session(sid):
            raise RuntimeError("write to a closed file")

    report = fuzz.run(socketio.ASGIApp(sio), sequences=6, max_examples=60)
    assert [failure.headline for failure in report.failures] == [
        "FAILED / write - RuntimeError: write to a closed file"
    ]
    assert report.failures[0].lines == [
        "await client.call('open_file')",
        "await client.call('close_file')",
        "await client.call('write')",
    ]
    assert report.summary.startswith("sequences of events, ")


@pytest.mark.slow
def test_recorded_arguments(tmp_path):
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def order(sid, data):
        parts = dict(data) if isinstance(data, dict) else {}
        names = sorted(parts)
        if names != ["amount", "code"] or not str(parts["code"]).startswith("Z-9"):
            return "unknown"
        return 100 // parts["amount"]

    recording = tmp_path / "frames.txt"
    recording.write_text('42["order",{"code":"Z-993","amount":4}]\n')
    (failure,) = fuzz.run(socketio.ASGIApp(sio), recorded=recording).failures
    assert "'code': 'Z-993'" in failure.lines[0]


@pytest.mark.slow
def test_wrong_use(fuzzed_app):
    with pytest.raises(UsageError, match="no handler to fuzz for event 'nobody'"):
        fuzz.run(fuzzed_app.crashing, "nobody")
    with pytest.raises(UsageError, match="the app handles none"):
        fuzz.run(fuzzed_app.crashing, namespace="/nowhere")


async def test_within_a_running_loop(fuzzed_app):
    with pytest.raises(UsageError, match="running event loop"):
        fuzz.run(fuzzed_app.crashing)


@pytest.mark.slow
def test_no_socketio_there():
    async def app(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close"})

    with pytest.raises(HandshakeFailed):
        fuzz.run(app, lifespan=False)


@pytest.mark.slow
def test_progress(fuzzed_app):
    lines = []
    fuzz.run(fuzzed_app.all_sound, "echo", "no_arguments", max_examples=2, progress=lines.append)
    assert lines == ["/ echo", "/ no_arguments"]


@pytest.mark.slow
def test_the_logging_is_left_as_it_was(fuzzed_app):
    before = logging.root.manager.disable
    fuzz.run(fuzzed_app.all_sound, "no_arguments", max_examples=1)
    assert logging.root.manager.disable == before
