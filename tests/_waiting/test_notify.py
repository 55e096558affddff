"""The contract of `_waiting/idle.py`: code that ends the work of a source of idleness
calls notify.
"""

import ast
import asyncio
import contextlib
import re
import sys
from pathlib import Path

import pytest
import socketio

import asgi_sio_testclient
from asgi_sio_testclient import TestClient
from asgi_sio_testclient._waiting import idle
from asgi_sio_testclient._waiting.idle import IdleState, IdleWatchers
from asgi_sio_testclient.faults import Schedule
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

PACKAGE = Path(asgi_sio_testclient.__file__).parent
CONTRACT = re.findall(r"^- `([\w.]+)`: ", idle.__doc__, re.MULTILINE)
TURNS_AFTER = 50


# -- the list in the module


def functions(tree):
    """Yield the functions of a module and the methods of its classes, each with its
    qualified name.
    """
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}", inner
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node


def notifiers():
    """Yield the functions of the package that call notify or pass it on, once for each place. They
    access it as `idle` of the loop's services; a selector has a method with the same name.
    """
    for path in sorted(PACKAGE.rglob("*.py")):
        if path == Path(idle.__file__):
            continue
        for name, function in functions(ast.parse(path.read_text(encoding="utf-8"))):
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and re.search(
                    r"\.idle\.(bound_)?notify$", ast.unparse(node)
                ):
                    yield name


@pytest.mark.slow
def test_the_contract_lists_each_place_that_notifies():
    assert sorted(notifiers()) == sorted(CONTRACT)


# -- which functions notify during a conversation


class Probe:
    """A source that is never idle; it is checked once for each turn in which notify was called."""

    def __init__(self):
        self.asked = 0

    def quiet(self):
        self.asked += 1
        return IdleState.BUSY


class Conversation:
    """The calls of notify during a conversation of a client and its app.

    Attributes:
        seen: the functions that called notify.
        missing: the sources that changed from BUSY to another state without a call of notify.
    """

    def __init__(self):
        self.seen = set()
        self.missing = []

    @contextlib.contextmanager
    def _noting_callers(self):
        def note(frame, event, _argument):
            if event == "call" and frame.f_code is IdleWatchers.notify.__code__:
                self.seen.add(frame.f_back.f_code.co_qualname.partition(".<locals>")[0])

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(before)

    async def listen(self, app, talk):
        """Run `talk` and check the sources in each turn of the loop."""
        probe = Probe()
        remove = app.services.idle.when_idle(lambda: [probe], lambda: None)
        with self._noting_callers():
            talking = asyncio.ensure_future(talk)
            busy, turns_after = {}, 0
            while turns_after < TURNS_AFTER:
                turns_after += talking.done()
                before = probe.asked
                now = {source: source.quiet() for source in list(app.idle_sources())}
                for source in [each for each in busy if now.get(each) is not IdleState.BUSY]:
                    asked = busy.pop(source)
                    await asyncio.sleep(0)
                    if probe.asked == asked:
                        self.missing.append(source)
                busy |= {each: before for each, state in now.items() if state is IdleState.BUSY}
                await asyncio.sleep(0)
        remove()
        await talking


TRANSPORTS = [("websocket",), ("polling",), ("polling", "websocket")]


async def over(transports, schedule=None):
    """A call, emits in both directions, handlers of both sides, and a disconnect."""
    sio = socketio.AsyncServer(async_mode="asgi")

    @sio.event
    async def work(sid):
        await asyncio.sleep(0)
        await sio.emit("news", to=sid)
        return "done"

    @sio.event
    async def disconnect(sid, reason):
        await asyncio.sleep(0)

    @sio.event
    async def ask(sid):
        await sio.emit("answered", to=sid)

    async def talk(client):
        assert await client.call("work") == "done"
        await client.emit("work")
        await client.await_events(2, "answered")
        await client.disconnect()

    heard = Conversation()
    async with TestClient(socketio.ASGIApp(sio), transports=transports, timeout=60) as client:

        @client.on("news")
        async def on_news():
            await asyncio.sleep(0)
            await client.emit("ask")

        await client.connect()
        if schedule is not None:
            client.raw.disturb(schedule)
        await client.settle()
        await heard.listen(client._running_app, talk(client))
    return heard


async def connecting(transports):
    """The handshake of a second client, in which the server is detected in the app's call stack."""
    sio = socketio.AsyncServer(async_mode="asgi")
    inner = socketio.ASGIApp(sio)

    async def app(scope, receive, send):
        await inner(scope, receive, send)

    heard = Conversation()
    async with TestClient(app, transports=transports, lifespan=False, timeout=60) as client:
        await heard.listen(client._running_app, client.connect())
    return heard


async def in_threads():
    """Handlers of a server that runs them in threads."""
    sio = socketio.Server(async_mode="threading")
    sio.on("work", lambda sid: "done")
    sio.on("disconnect", lambda sid, reason: None)

    async def talk(client):
        await client.emit("work")
        assert await client.call("work") == "done"
        await client.disconnect()

    heard = Conversation()
    async with TestClient(socketio.WSGIApp(sio), timeout=60) as client:
        await client.connect()
        await client.settle()
        await heard.listen(client._running_app, talk(client))
    return heard


async def between_nodes():
    """An emit by one node of a broker to a client of another one."""
    broker = InMemoryBroker()
    here, there = (
        socketio.AsyncServer(async_mode="asgi", client_manager=AsyncInMemoryManager(broker))
        for _ in range(2)
    )

    async def talk(client):
        await there.emit("news")
        await client.await_event("news")
        await client.disconnect()

    heard = Conversation()
    async with TestClient(socketio.ASGIApp(there)) as other:
        await other.connect()
        async with TestClient(socketio.ASGIApp(here), timeout=60) as client:
            await client.connect()
            await client.settle()
            await heard.listen(client._running_app, talk(client))
    return heard


SLOW = Schedule(1, delay=1.0, hold=0.001)
CONVERSATIONS = {
    **{"-".join(each): lambda each=each: over(each) for each in TRANSPORTS},
    **{f"connect {'-'.join(each)}": lambda each=each: connecting(each) for each in TRANSPORTS},
    "disturbed": lambda: over(("websocket",), SLOW),
    "threads": in_threads,
    "pubsub": between_nodes,
}


@pytest.mark.slow
@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS)
async def test_a_change_from_busy_is_notified(conversation):
    heard = await conversation()
    assert heard.missing == []


@pytest.mark.slow
async def test_each_place_of_the_contract_notifies():
    seen = set()
    for conversation in CONVERSATIONS.values():
        seen |= (await conversation()).seen
    # The websocket calls the function that `_be_ready` has passed to it.
    handed_on = {"_Run._receive": "ReceivingSession._be_ready"}
    assert {handed_on.get(name, name) for name in seen} == set(CONTRACT)
