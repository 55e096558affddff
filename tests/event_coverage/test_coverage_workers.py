"""The counts of pytest-xdist's workers, added by the controller."""

import types

import pytest
import socketio

from asgi_sio_testclient import TestClient, coverage
from asgi_sio_testclient.coverage._pytest_hooks import CoveragePlugin

pytest_plugins = ["pytester"]


@pytest.fixture
def plugin(pytester):
    plugin = CoveragePlugin(pytester.parseconfig("--sio-coverage"))
    yield plugin
    plugin.pytest_unconfigure()


class Terminal:
    """Records what the plugin writes."""

    def __init__(self):
        self.text = ""

    def write_sep(self, _, title):
        self.text += f"{title}\n"

    def write_line(self, text, **_):
        self.text += f"{text}\n"


async def counts_of_a_worker():
    sio = socketio.AsyncServer(async_mode="asgi")
    sio.on("say", lambda sid, text: text)
    with coverage.record() as counted:
        async with TestClient(socketio.ASGIApp(sio)) as client:
            await client.connect()
            await client.call("say", "hello")
    return types.SimpleNamespace(workeroutput={"sio_coverage": counted.to_dict()})


@pytest.mark.slow
async def test_workers_add_up_and_one_that_crashed_has_no_counts(plugin):
    for _ in range(2):
        plugin.pytest_testnodedown(await counts_of_a_worker())
    for crashed in (types.SimpleNamespace(), types.SimpleNamespace(workeroutput={})):
        plugin.pytest_testnodedown(crashed)
    terminal = Terminal()
    plugin.pytest_terminal_summary(terminal)
    assert terminal.text.startswith("Socket.IO event coverage\n")
    (line,) = [line for line in terminal.text.splitlines() if " say " in line]
    assert line.split()[3:5] == ["2", "2"], line
