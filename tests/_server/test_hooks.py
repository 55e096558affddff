"""The hooks on a server: forwarded by event loop, and removed unless they were replaced."""

import asyncio

import engineio
import pytest

from asgi_sio_testclient._server.hooks import ServerHooks


@pytest.fixture
def eio():
    eio = engineio.AsyncServer(async_mode="asgi")
    eio.handlers = {"message": own_message}
    return eio


async def own_message(eio_sid, *args):
    return "own"


class Installed:
    """Hooks of the running loop that note their calls."""

    def __init__(self, eio, below=None):
        self.calls = []
        self.hooks = ServerHooks(eio, asyncio.get_running_loop())
        self.hooks.install(self._start, {"message": self._make, "disconnect": self._make}, below)

    def _start(self, target, *args, **kwargs):
        self.calls.append(("start", target, args, kwargs))
        return "started here"

    def _make(self, original):
        self.original = original

        async def message(eio_sid, *args):
            self.calls.append((eio_sid, *args))

        return message


async def test_hooks_are_put_in_place_and_removed(eio):
    start = eio.start_background_task
    installed = Installed(eio)
    assert installed.original is own_message
    assert set(eio.handlers) == {"message"}, "no entry is added where the server has none"
    assert eio.start_background_task(print, 1, end="") == "started here"
    await eio.handlers["message"]("sid", "data")
    assert installed.calls == [("start", print, (1,), {"end": ""}), ("sid", "data")]
    assert installed.hooks.start == start
    installed.hooks.restore()
    assert eio.handlers["message"] is own_message
    assert "start_background_task" not in vars(eio)


async def test_hooks_that_other_code_has_put_over_these_stay(eio):
    installed = Installed(eio)

    async def message(eio_sid, *args):
        """The app's own."""

    eio.handlers["message"] = eio.start_background_task = message
    installed.hooks.restore()
    assert eio.handlers["message"] is message
    assert eio.start_background_task is message


async def test_each_loop_has_its_own_hooks_over_the_servers_function(eio):
    below = Installed(eio)

    async def in_another_loop():
        above = Installed(eio, below.hooks)
        assert above.original is own_message
        assert above.hooks.start == below.hooks.start
        await eio.handlers["message"]("above")
        eio.start_background_task(print)
        return above

    above = await asyncio.to_thread(asyncio.run, in_another_loop())
    await eio.handlers["message"]("below")
    eio.start_background_task(len)
    assert above.calls == [("above",), ("start", print, (), {})]
    assert below.calls == [("below",), ("start", len, (), {})]
    above.hooks.restore()
    await eio.handlers["message"]("below again")
    assert below.calls[-1] == ("below again",)
    below.hooks.restore()
    assert eio.handlers["message"] is own_message


async def test_nothing_is_observed_without_a_socketio_server(eio):
    installed = Installed(eio)
    installed.hooks.observe(None)
    assert installed.hooks._observation is None
    installed.hooks.restore()
