"""The public names and signatures are those of the design page, which other test suites use."""

import inspect

import pytest
import socketio

import asgi_sio_testclient
from asgi_sio_testclient import ReceivedEvent, TestClient, TestClientError

CONSTRUCTOR = {
    "http": None,
    "base_url": "http://testserver",
    "headers": None,
    "cookies": None,
    "auth": None,
    "socketio_path": "socket.io",
    "transports": ("websocket",),
    "serializer": "default",
    "json": None,
    "server": None,
    "lifespan": True,
    "root_path": "",
    "client": ("testclient", 50000),
    "timeout": 5.0,
    "raise_app_exceptions": True,
}
# name: (positional parameters with their defaults, keyword-only parameters with theirs)
REQUIRED = inspect.Parameter.empty
METHODS = {
    "connect": (
        {"*namespaces": REQUIRED},
        {"auth": None, "headers": None, "query": None, "transports": None, "timeout": None},
    ),
    "disconnect": ({"namespace": None}, {}),
    "abort": ({}, {}),
    "is_connected": ({"namespace": None}, {}),
    "get_sid": ({"namespace": None}, {}),
    "emit": ({"event": REQUIRED, "*args": REQUIRED}, {"namespace": None, "callback": None}),
    "call": ({"event": REQUIRED, "*args": REQUIRED}, {"namespace": None, "timeout": None}),
    "send": ({"*args": REQUIRED}, {"namespace": None, "callback": None}),
    "await_event": ({"event": None}, {"namespace": None, "match": None, "timeout": None}),
    "await_events": (
        {"count": REQUIRED, "event": None},
        {"namespace": None, "match": None, "timeout": None},
    ),
    "get_received": ({"namespace": None}, {}),
    "settle": ({"timeout": None}, {"grace": None}),
    "assert_not_received": (
        {"event": None},
        {"namespace": None, "match": None, "within": None, "grace": None},
    ),
    "events": ({"namespace": None}, {}),
    "on": ({"event": REQUIRED, "handler": None}, {"namespace": None}),
    "clone": ({}, {"**overrides": REQUIRED}),
    "session": ({"namespace": None}, {}),
    "rooms": ({"namespace": None}, {}),
}
COROUTINES = {
    "connect",
    "disconnect",
    "abort",
    "emit",
    "call",
    "send",
    "await_event",
    "await_events",
    "settle",
    "assert_not_received",
}
ERRORS = {
    "HandshakeFailed": [socketio.exceptions.ConnectionError],
    "ConnectionRefused": [socketio.exceptions.ConnectionError],
    "ConnectTimeout": [socketio.exceptions.ConnectionError],
    "NotConnected": [socketio.exceptions.DisconnectedError],
    "EventTimeout": [socketio.exceptions.TimeoutError, TimeoutError, AssertionError],
    "UnexpectedEvent": [AssertionError],
    "LifespanFailed": [],
    "ProtocolError": [],
}


def split(function):
    """Return positional and keyword-only parameters, each by name with its default."""
    positional, keyword = {}, {}
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional[f"*{parameter.name}"] = parameter.default
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            keyword[f"**{parameter.name}"] = parameter.default
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            keyword[parameter.name] = parameter.default
        else:
            positional[parameter.name] = parameter.default
    return positional, keyword


def test_the_constructor():
    positional, keyword = split(TestClient.__init__)
    assert positional == {"app": REQUIRED}
    assert {name: default for name, default in keyword.items() if name in CONSTRUCTOR} | {
        "base_url": "http://testserver"
    } == CONSTRUCTOR


@pytest.mark.parametrize("name", METHODS)
def test_a_method(name):
    positional, keyword = split(getattr(TestClient, name))
    assert (positional, keyword) == METHODS[name]
    assert inspect.iscoroutinefunction(getattr(TestClient, name)) is (name in COROUTINES)


@pytest.mark.parametrize("name", ["sid", "transport", "disconnect_reason", "http", "transcript"])
def test_what_is_only_read(name):
    assert isinstance(inspect.getattr_static(TestClient, name), property)


@pytest.mark.parametrize("name", ERRORS)
def test_the_error_tree(name):
    error = getattr(asgi_sio_testclient, name)
    assert issubclass(error, TestClientError)
    for base in ERRORS[name]:
        assert issubclass(error, base)


def test_every_public_name_has_a_docstring():
    for name in asgi_sio_testclient.__all__:
        member = getattr(asgi_sio_testclient, name)
        if inspect.isclass(member) or inspect.isfunction(member):
            assert member.__doc__, name
    for name in METHODS:
        assert getattr(TestClient, name).__doc__, name


def test_all_is_whole():
    assert {"TestClient", "ReceivedEvent", "TestClientError", *ERRORS} <= set(
        asgi_sio_testclient.__all__
    )


def test_a_received_event_is_made_of_name_arguments_and_namespace():
    assert list(inspect.signature(ReceivedEvent).parameters) == ["name", "args", "namespace"]
