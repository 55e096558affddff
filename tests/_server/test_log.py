"""The latest emits and logged exceptions of a server."""

import pytest
import socketio

from asgi_sio_testclient._server.instance_hooks import InstanceHooks
from asgi_sio_testclient._server.log import ServerLog
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker


@pytest.fixture
def sio():
    return socketio.AsyncServer(async_mode="asgi")


class Installed:
    def __init__(self, sio, eio=None):
        self.hooks = InstanceHooks()
        self.log = ServerLog(eio or sio.eio, sio, self.hooks)
        self.log.install()


async def test_the_latest_emits_come_first(sio):
    log = Installed(sio).log
    for number in range(2):
        await sio.emit("news", number)
    assert [emitted.event for emitted in log.emits] == ["news", "news"]
    assert log.logged.maxlen is not None


async def test_when_a_client_entered_a_room(sio):
    before = await sio.manager.connect("eio", "/")
    assert ServerLog(sio.eio, sio, InstanceHooks()).entered(before, "/", "red") == 0.0
    log = Installed(sio).log
    assert log.entered(before, "/", "red") == 0.0
    await sio.enter_room(before, "red")
    assert log.entered(before, "/", "red") > 0.0


async def test_an_exception_that_the_engine_logs_is_quoted(sio):
    log = Installed(sio).log
    try:
        raise LookupError("no order")
    except LookupError:
        sio.eio.logger.exception("post request handler error")
    assert len(log.logged) == 1
    assert "no order" in str(log.logged[0])


async def test_a_broker_that_fails_is_noted():
    sio = socketio.AsyncServer(
        async_mode="asgi", client_manager=AsyncInMemoryManager(InMemoryBroker())
    )
    log = Installed(sio).log
    assert log.broker_failure is None
    sio.manager.logger.error("Cannot publish to redis... giving up")
    when, message = log.broker_failure
    assert when > 0
    assert message.startswith("Cannot publish")


async def test_a_server_without_socket_io_has_no_emits(sio):
    log = Installed(None, sio.eio).log
    assert list(log.emits) == []
    assert log.entered("sid", "/", "room") == 0.0


async def test_the_hooks_are_removed_with_the_others(sio):
    before = sio.eio.logger, dict(vars(sio.manager))
    installed = Installed(sio)
    assert sio.eio.logger is not before[0]
    installed.hooks.restore()
    assert (sio.eio.logger, dict(vars(sio.manager))) == before
