"""How many arguments the fuzzer sends to a handler."""

import pytest

from asgi_sio_testclient._server.registered_handlers import RegisteredHandler
from asgi_sio_testclient.fuzz._targets import targets_of


def counts_of(function, event="work", **options):
    handler = RegisteredHandler(namespace="/", event=event, function=function)
    return [target.counts for target in targets_of([handler], **options)]


def with_names(sid, data, *, limit=10, **others):
    """Clients can pass positional arguments only."""


def with_defaults(sid, a, b=1, c=2):
    pass


def with_any_number(sid, *args):
    pass


class NoSignature:
    __signature__ = "none of inspect's"

    def __call__(self, sid, data):
        pass


@pytest.mark.parametrize(
    ("function", "counts"),
    [
        (with_names, [1]),
        (with_defaults, [1, 2, 3]),
        (with_any_number, [0, 1, 2, 3]),
        (NoSignature(), [0, 1, 2]),
    ],
)
def test_counts(function, counts):
    assert counts_of(function) == [counts]


def test_the_number_asked_for():
    assert counts_of(with_defaults, arity=2) == [[2]]


def test_a_disconnect_handler_is_no_target():
    assert counts_of(with_defaults, event="disconnect") == []


def test_a_connect_handler_without_auth_is_no_target():
    assert counts_of(lambda sid, environ: None, event="connect") == []
    assert counts_of(lambda sid, environ, auth: None, event="connect") == [[1]]
