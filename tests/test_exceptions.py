"""Errors have their data as attributes, build their text from it, and are subclasses of the
exceptions that users of python-socketio catch.
"""

import copy
import pickle
import traceback

import pytest
import socketio

from asgi_sio_testclient import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    HandshakeFailed,
    Leak,
    LifespanFailed,
    NotConnected,
    ProtocolError,
    ReceivedEvent,
    TestClientError,
    UnexpectedEvent,
    UsageError,
)

URL = "http://testserver/socket.io/"
EVENT = ReceivedEvent("e", (1,))


@pytest.mark.parametrize(
    ("error", "bases"),
    [
        (HandshakeFailed, [socketio.exceptions.ConnectionError]),
        (ConnectionRefused, [socketio.exceptions.ConnectionError]),
        (ConnectTimeout, [socketio.exceptions.ConnectionError]),
        (NotConnected, [socketio.exceptions.DisconnectedError]),
        (EventTimeout, [socketio.exceptions.TimeoutError, TimeoutError, AssertionError]),
        (UnexpectedEvent, [AssertionError]),
        (LifespanFailed, []),
        (ProtocolError, []),
        (UsageError, [RuntimeError]),
        (Leak, []),
    ],
)
def test_the_tree(error, bases):
    for base in (TestClientError, *bases):
        assert issubclass(error, base)
    assert not error.__test__, "pytest must not collect it"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (HandshakeFailed(URL, 404, "Not\nFound", "Not"), f"404: Not ({URL})"),
        (HandshakeFailed(URL, 404, hint="look there"), f"404: look there ({URL})"),
        (HandshakeFailed(URL, None, "", "no", hint="h"), f"no response: h: no ({URL})"),
        (ConnectionRefused({"/": {"message": "no"}}), "namespace '/' refused: no"),
        (ConnectionRefused({"/": {"message": 5}}), "namespace '/' refused: 5"),
        (ConnectionRefused({"/": {"message": "no", "data": 1}}),
         "namespace '/' refused: {'message': 'no', 'data': 1}"),
        (ConnectionRefused({"/a": "no", "/b": None}, hint="h"),
         "namespace '/a' refused: no; '/b' refused: None: h"),
        (ConnectTimeout("answer", 0.5), "no answer within 0.5 s"),
        (ConnectTimeout("answer", 2.0, "it hangs", ["a", "b"]),
         "it hangs: no answer within 2 s\na\nb"),
        (ConnectTimeout("answer", None, "it raised"), "it raised: no answer"),
        (NotConnected("not there"), "not there"),
        (NotConnected("gone", "transport close", ["a", "b"]), "gone\na\nb"),
        (EventTimeout("no event"), "no event"),
        (EventTimeout("no event", details=["a", "b"]), "no event\na\nb"),
        (UnexpectedEvent("one arrived", [EVENT]), f"one arrived\n  {EVENT}"),
        (LifespanFailed("startup", "no db"), "lifespan startup failed: no db"),
        (ProtocolError("malformed", "2["), "malformed: '2['"),
        (ProtocolError("malformed", b"\x00"), "malformed: b'\\x00'"),
        (ProtocolError("malformed", "x" * 1000), f"malformed: '{'x' * 199}..."),
        (ProtocolError("malformed", "x" * 198), f"malformed: '{'x' * 198}'"),
        (Leak(["a task"]), "left over at exit: a task"),
        (Leak(["a task", "an event"]), "left over at exit:\n  a task\n  an event"),
        (UsageError("not so"), "not so"),
    ],
)  # fmt: skip
def test_the_text_is_built_from_the_data(error, text):
    assert str(error) == text


def test_a_failed_handshake_has_its_data():
    error = HandshakeFailed(URL, 400, '"Invalid"', "Invalid", hint="h")
    assert (error.url, error.status, error.body, error.reason, error.hint) == (
        URL, 400, '"Invalid"', "Invalid", "h",
    )  # fmt: skip


def test_a_refusal_has_the_first_that_refused_and_all():
    error = ConnectionRefused({"/a": "no", "/b": {"message": "never"}})
    assert (error.namespace, error.data) == ("/a", "no")
    assert error.refusals == {"/a": "no", "/b": {"message": "never"}}


def test_a_timeout_has_its_data():
    error = EventTimeout(
        "headline", event="e", namespace="/", timeout=1.0, received=(EVENT,), running=("h",),
        details=["d"],
    )  # fmt: skip
    assert (error.headline, error.event, error.namespace, error.timeout) == (
        "headline", "e", "/", 1.0,
    )  # fmt: skip
    assert (error.received, error.running, error.details) == ([EVENT], ["h"], ("d",))
    error = EventTimeout("headline")
    assert (error.event, error.namespace, error.timeout) == (None, None, None)
    assert (error.received, error.running, error.details) == ([], [], ())


def test_a_connect_timeout_has_its_data():
    error = ConnectTimeout("answer", 1.0, "cause", ["d"])
    assert (error.waiting_for, error.timeout, error.cause) == ("answer", 1.0, "cause")
    assert error.details == ("d",)


def test_the_others_have_their_data():
    assert NotConnected("t", "transport close", ["d"]).reason == "transport close"
    assert NotConnected("t").reason is None
    assert UnexpectedEvent("h", (EVENT,)).events == [EVENT]
    assert LifespanFailed("shutdown", "m").phase == "shutdown"
    assert LifespanFailed("shutdown", "m").message == "m"
    assert ProtocolError("p", b"x").packet == b"x"
    assert Leak(("a", "b")).leaks == ["a", "b"]


@pytest.mark.parametrize(
    "error",
    [
        HandshakeFailed(URL, 400, "b", "r", hint="h"),
        ConnectionRefused({"/": "no"}, hint="h"),
        ConnectTimeout("answer", 1.0, "c", ["d"]),
        NotConnected("gone", "transport close", ["d"]),
        EventTimeout("h", event="e", received=[EVENT], details=["d"]),
        LifespanFailed("startup", "m"),
        ProtocolError("p", b"x"),
        UsageError("u"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_cross_process_borders_whole(error):
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_a_long_namespace_does_not_hide_the_cause():
    name = "/warehouse-of-the-northern-region"
    assert str(ConnectionRefused({name: "no"})) == f"refused: namespace {name!r} refused: no"
    assert str(ConnectionRefused({"/chat": "no"})) == "namespace '/chat' refused: no"


REFUSED = ConnectionRefused({"/": {"message": "no"}})
ENTRY = "what to do: faults.html#refused-with-words"


@pytest.mark.parametrize(
    "again", [REFUSED, copy.copy(REFUSED), pickle.loads(pickle.dumps(REFUSED))]
)
def test_every_traceback_has_the_entry_of_the_documentation(again):
    assert traceback.format_exception_only(again)[-1].strip() == ENTRY


def test_further_notes_follow_the_entry():
    error = ConnectionRefused({"/": {"message": "no"}})
    error.add_note("while ordering tea")
    assert error.__notes__ == [ENTRY, "while ordering tea"]
    assert copy.copy(error).__notes__ == error.__notes__
    error.__notes__ = []
    assert traceback.format_exception_only(error)[-1].strip().endswith("refused: no")


def test_an_error_without_an_entry_has_no_notes():
    assert TestClientError("something else").__notes__ == []
