"""The arguments of the calls to observers of a server's dispatch."""

import pytest
import socketio

from asgi_sio_testclient import TestClient
from asgi_sio_testclient._server.observers import (
    add_observer,
    bodies,
    observers,
    remove_observer,
)


class Observer:
    """Records the names of its called methods, with the handler's event if there is one."""

    def __init__(self):
        self.told = []

    def handlers_found(self, namespaces, handlers):
        self.told.append(("found", {handler.event for handler in handlers}))

    def handler_ended(self, result):
        self.told.append(("ended", result.handler.event))

    def called_directly(self, code):
        self.told.append(("called", code.co_name))

    def event_unhandled(self, namespace, event):
        self.told.append(("unhandled", event))

    def event_emitted(self, namespace, event):
        self.told.append(("emitted", event))

    def client_closed(self, transcript, unread):
        self.told.append(("closed", None))


@pytest.fixture
def two():
    found = [Observer(), Observer()]
    for observer in found:
        add_observer(observer)
    yield found
    for observer in found:
        if observer in observers:
            remove_observer(observer)


class Guarded(socketio.AsyncServer):
    """A server with its own check before each dispatch."""

    async def _trigger_event(self, event, namespace, *args):
        if event == "secret":
            raise PermissionError("members only")
        return await super()._trigger_event(event, namespace, *args)


async def test_each_observer_is_told_until_it_is_removed(two):
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("ask", lambda sid: "answer")
    async with TestClient(socketio.ASGIApp(sio)) as client:
        await client.connect()
        await client.call("ask")
        assert [observer.told.count(("ended", "ask")) for observer in two] == [1, 1]
        remove_observer(two[0])
        await client.call("ask")
    assert [observer.told.count(("ended", "ask")) for observer in two] == [1, 2]


async def test_an_exception_of_an_event_without_a_handler(two):
    app = socketio.ASGIApp(Guarded(async_mode="asgi"))
    async with TestClient(app) as client:
        await client.connect()
        await client.emit("secret")
        with pytest.raises(PermissionError):
            await client.settle()
    told = two[0].told
    assert ("unhandled", "secret") in told
    assert ("ended", "secret") not in told


def test_a_call_by_the_app_itself_is_told_to_each(two):
    bodies._began(test_a_call_by_the_app_itself_is_told_to_each.__code__)
    for observer in two:
        assert observer.told == [("called", "test_a_call_by_the_app_itself_is_told_to_each")]


async def test_an_answer_that_can_not_be_encoded():
    results = []

    class Results(Observer):
        def handler_ended(self, result):
            results.append(result)

    observer = Results()
    add_observer(observer)
    try:
        sio = socketio.AsyncServer(async_mode="asgi")
        sio.on("ask", lambda sid: {1, 2})
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            with pytest.raises(TypeError, match="not JSON serializable"):
                await client.call("ask")
    finally:
        remove_observer(observer)
    (result,) = results
    assert result.raised is None
    assert isinstance(result.unsent, TypeError)
    assert not result.acked
