"""Names of other clients: the error has this client's name."""

import inspect

import pytest

from asgi_sio_testclient._client.foreign_names import (
    check_callback,
    check_names,
    raise_no_attribute,
    raise_no_connect_keyword,
    raise_no_sending_keyword,
    without_unknown,
)


class Client:
    """The names of an async client."""


class SyncClient:
    """The names of a sync client."""


@pytest.mark.parametrize(
    ("owner", "name", "words"),
    [
        (Client(), "eio", "no .eio on Client: write client.raw, the Engine.IO session"),
        (Client(), "receive", "no .receive on Client: write await client.await_event()"),
        (SyncClient(), "receive", "no .receive on SyncClient: write client.await_event()"),
        (SyncClient(), "wait", "or for event in client.events()"),
        (Client(), "unheard", "'Client' object has no attribute 'unheard'"),
    ],
)
def test_an_attribute(owner, name, words):
    with pytest.raises(AttributeError) as caught:
        raise_no_attribute(owner, name)
    assert words in str(caught.value)


def test_an_attribute_that_nobody_has_is_named_to_python():
    owner = Client()
    with pytest.raises(AttributeError) as caught:
        raise_no_attribute(owner, "unheard")
    assert (caught.value.name, caught.value.obj) == ("unheard", owner)


@pytest.mark.parametrize(
    ("unknown", "words"),
    [
        ({"url": "x"}, "connect() takes no url=: write connect(), since the app is given to"),
        ({"namespaces": ["/", "/chat"]}, "write connect('/', '/chat')"),
        ({"namespaces": "/chat"}, "write connect('/chat')"),
        ({"namespaces": []}, "write connect('/', '/chat')"),
        ({"namespaces": [5]}, "write connect('/', '/chat')"),
        ({"wait_timeout": 3}, "write connect(timeout=3)"),
        ({"wait_timeout": None}, "write connect(timeout=seconds)"),
        ({"unheard": 1}, "connect() got an unexpected keyword argument 'unheard'"),
    ],
)
def test_a_keyword_of_connect(unknown, words):
    with pytest.raises(TypeError) as caught:
        raise_no_connect_keyword((), unknown)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("names", "unknown", "kind", "words"),
    [
        ([["/", "/chat"]], {}, TypeError, "namespace is a list: write connect('/', '/chat')"),
        (["http://x"], {}, ValueError, "connect() takes no URL: write connect(), since"),
        (["http://x"], {"namespaces": ["/a"]}, ValueError, "write connect('/a'), since"),
        (["/chat?token=t0k3n"], {}, ValueError, "write connect('/chat', query=...)"),
    ],
)
def test_a_name_in_another_form(names, unknown, kind, words):
    with pytest.raises(kind) as caught:
        check_names(names, unknown)
    assert words in str(caught.value)
    assert "t0k3n" not in str(caught.value)


def test_names_in_this_form():
    check_names(["/", "/chat", 5, [5]], {})  # values that are no names are refused elsewhere


@pytest.mark.parametrize(
    ("call", "event", "name", "words"),
    [
        ("emit", "say", "data", "emit() takes no data=: write emit('say', data)"),
        ("send", "", "data", "send() takes no data=: write send(data)"),
        ("send", "", "json", "send() takes no json=: write emit('json', data)"),
        ("emit", "say", "room", "emit() takes no room=: write sio.emit(), since only"),
        ("call", "say", "unheard", "call() got an unexpected keyword argument 'unheard'"),
    ],
)
def test_a_keyword_of_what_sends(call, event, name, words):
    with pytest.raises(TypeError) as caught:
        raise_no_sending_keyword(call, event, {name: 1})
    assert words in str(caught.value)


def test_callbacks():
    check_callback(None)
    check_callback(print)
    with pytest.raises(TypeError, match=r"callback is True: write call\(\)"):
        check_callback(True)
    with pytest.raises(TypeError, match="callback is 5; expected a callable"):
        check_callback(5)


def test_what_is_there_for_better_errors_is_in_no_signature():
    @without_unknown
    def connect(*namespaces, timeout=None, **unknown):
        """Never called."""

    assert list(inspect.signature(connect).parameters) == ["namespaces", "timeout"]
