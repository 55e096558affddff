"""In which wait an exception of the app is raised."""

import asyncio

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._client.acks import Ack
from asgi_sio_testclient._client.inbox import Waiter
from asgi_sio_testclient._client.pending_connect import PendingConnect
from asgi_sio_testclient._server.runs import HandlerRun

ERROR = LookupError("no order")


class Waits:
    """A client, not connected, with each kind of wait as the test adds it."""

    def __init__(self, client):
        self.dispatcher = client._dispatcher
        self.errors = self.dispatcher.errors
        self.added = {}

    def _add(self, name):
        future = self.added[name] = asyncio.get_running_loop().create_future()
        return future

    def connect(self, namespace="/"):
        pending = PendingConnect(self._add(f"connect {namespace}"))
        self.dispatcher.pending_connects[namespace] = pending
        return pending

    def event(self):
        self.dispatcher.inbox.add_waiter(Waiter(None, "/", None, self._add("event")))

    def settle(self):
        self.errors.settling.append(self._add("settle"))

    def call(self, id=1):
        key = "/", id
        self.dispatcher.acks.pending[key] = Ack(key, "order", self._add(f"call {id}"), None)

    @property
    def raised(self):
        """The waits that raise."""
        return [name for name, future in self.added.items() if future.done()]


@pytest.fixture
async def client():
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"))
    async with TestClient(app) as client:
        yield client


@pytest.fixture
async def waits(client):
    waits = Waits(client)
    yield waits
    for future in waits.added.values():
        if future.done():
            future.exception()  # retrieved
    waits.dispatcher.pending_connects.clear()
    waits.dispatcher.acks.clear()
    waits.errors.unraised.clear()


def run_of(event, namespace="/", id=None):
    return HandlerRun(None, None, event, namespace, "sid", id)


async def test_without_a_wait_the_next_call_raises_the_oldest(waits):
    later = KeyError("later")
    for error in (ERROR, later):
        waits.errors.deliver(error, run_of("order"))
    for error in (ERROR, later):
        with pytest.raises(LookupError) as caught:
            waits.errors.raise_unraised()
        assert caught.value is error
    waits.errors.raise_unraised()


async def test_an_error_of_a_run_is_raised_in_its_own_call_first(waits):
    waits.call(1)
    waits.call(2)
    waits.event()
    waits.connect()
    waits.errors.deliver(ERROR, run_of("order", id=2))
    assert waits.raised == ["call 2"]
    assert waits.added["call 2"].exception() is ERROR
    assert waits.errors.unraised == []


async def test_an_error_of_a_connect_handler_is_raised_in_the_connect_of_its_namespace(waits):
    waits.connect("/")
    waits.connect("/chat")
    waits.errors.deliver(ERROR, run_of("connect", "/chat"))
    assert waits.raised == ["connect /chat"]


async def test_an_error_of_an_event_handler_is_raised_in_any_connect(waits):
    waits.connect("/")
    waits.event()
    waits.errors.deliver(ERROR, run_of("order", "/chat"))
    assert waits.raised == ["connect /"]


async def test_a_connect_that_is_answered_raises_no_error(waits):
    waits.connect("/").is_answered = True
    waits.event()
    waits.errors.deliver(ERROR, run_of("connect", "/"))
    assert waits.raised == ["event"]


async def test_an_error_of_a_run_is_not_raised_in_a_call_of_another_or_in_settle(waits):
    """The calls wait for acks that still come; `settle` raises it when the app is at rest."""
    waits.call()
    waits.settle()
    waits.errors.deliver(ERROR, run_of("order", id=7))
    assert waits.raised == []
    assert waits.errors.unraised == [ERROR]


@pytest.mark.parametrize("waiting", [("call", "settle"), ("settle",)], ids="+".join)
async def test_an_error_of_no_run_is_raised_in_a_call_and_else_in_settle(waits, waiting):
    for wait in waiting:
        getattr(waits, wait)()
    waits.errors.deliver(ERROR)
    assert waits.raised == ["call 1" if "call" in waiting else "settle"]


async def test_what_ends_the_test_is_raised_in_any_wait_of_any_client(client, waits):
    ends = pytest.skip.Exception("not here")
    async with client.clone() as other:
        theirs = Waits(other)
        theirs.settle()
        waits.errors.deliver(ends, run_of("order"))
        assert theirs.raised == ["settle"]
        assert theirs.added["settle"].exception() is ends
        assert waits.errors.unraised == []


async def test_without_a_wait_what_ends_the_test_is_raised_by_the_next_call_of_any(client, waits):
    ends = pytest.skip.Exception("not here")
    waits.errors.unraised.append(ERROR)
    async with client.clone() as other:
        waits.errors.deliver(ends, run_of("order"))
        with pytest.raises(pytest.skip.Exception):
            other._dispatcher.errors.raise_unraised()
        other._dispatcher.errors.raise_unraised()
    with pytest.raises(LookupError):
        waits.errors.raise_unraised()


async def test_after_a_failed_wait_an_unretrieved_exception_goes_before_it(client, waits):
    waits.errors.raise_unretrieved()
    waits.errors.unraised.append(ERROR)
    with pytest.raises(LookupError) as caught:
        waits.errors.raise_unretrieved()
    assert caught.value is ERROR
    waits.errors.raise_unretrieved()
