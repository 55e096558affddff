"""The received events, as a test reads them."""

import dataclasses

import pytest

from asgi_sio_testclient import ReceivedEvent


@pytest.mark.parametrize(
    ("args", "data"),
    [
        ((), None),
        ((1,), 1),
        ((None,), None),
        (("",), ""),
        (((),), ()),
        (([],), []),
        ((1, 2), (1, 2)),
        ((None, None), (None, None)),
    ],
)
def test_data_is_the_only_argument_or_none_or_the_tuple(args, data):
    assert ReceivedEvent("e", args).data == data


def test_fields_can_be_read_as_in_flask_socketio():
    event = ReceivedEvent("e", (1, "a"), "/chat")
    assert event["name"] == "e"
    assert event["args"] == [1, "a"]
    assert event["namespace"] == "/chat"


@pytest.mark.parametrize("key", ["data", "_x", "", 0])
def test_there_are_no_other_keys(key):
    with pytest.raises(KeyError, match=r"has 'name', 'args', 'namespace'; its data is \.data"):
        ReceivedEvent("e")[key]


def test_events_are_values():
    assert ReceivedEvent("e", (1,)) == ReceivedEvent("e", (1,), "/")
    assert ReceivedEvent("e", (1,)) != ReceivedEvent("e", (1,), "/chat")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ReceivedEvent("e").name = "f"
