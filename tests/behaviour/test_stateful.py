"""Calls on one client in any order: no call hangs, and no event is lost, duplicated, reordered or
left.
"""

import asyncio
from contextlib import suppress

import pytest
import socketio
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from asgi_sio_testclient import NotConnected, TestClient

NAMESPACES = ("/", "/chat", "/news")
BOUND = 5  # seconds that an operation may take which does not have to wait
namespaces = st.sampled_from(NAMESPACES)
some = st.integers(1, 4)


def server():
    """Return an app that echoes numbers, as events and as acks, and ends connections on request."""
    sio = socketio.AsyncServer(async_mode="asgi", async_handlers=False)
    for namespace in NAMESPACES:

        @sio.on("echo", namespace=namespace)
        async def echo(sid, number, namespace=namespace):
            await sio.emit("number", number, to=sid, namespace=namespace)
            return number

        @sio.on("slow", namespace=namespace)
        async def slow(sid, namespace=namespace):
            await asyncio.sleep(0.001)

        @sio.on("leave", namespace=namespace)
        async def leave(sid, namespace=namespace):
            await sio.disconnect(sid, namespace=namespace)

    return socketio.ASGIApp(sio)


class OneClient(RuleBasedStateMachine):
    """A client, and a model of it: its connected namespaces and its unread events."""

    transports = ("websocket",)

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.client = TestClient(server(), transports=self.transports)
        self.joined = set()
        self.known = set()  # namespaces connected at some time, whose events stay readable
        self.unread = {namespace: [] for namespace in NAMESPACES}
        self.number = 0
        self.do(self.client.__aenter__())

    def do(self, awaitable):
        async def bounded():
            async with asyncio.timeout(BOUND):
                return await awaitable

        return self.loop.run_until_complete(bounded())

    def next_number(self):
        self.number += 1
        return self.number

    # -- in and out

    @rule(namespace=namespaces)
    def connect(self, namespace):
        if namespace not in self.joined:
            self.do(self.client.connect(namespace))
            self.joined.add(namespace)
            self.known.add(namespace)

    @rule(namespace=namespaces)
    def disconnect(self, namespace):
        with suppress(NotConnected):
            self.do(self.client.disconnect(namespace))
        self.joined.discard(namespace)

    @rule()
    def disconnect_everything(self):
        with suppress(NotConnected):
            self.do(self.client.disconnect())
        self.joined.clear()

    @precondition(lambda self: self.joined)
    @rule()
    def abort(self):
        self.do(self.client.abort())
        self.joined.clear()

    @precondition(lambda self: self.joined)
    @rule(data=st.data())
    def server_disconnect(self, data):
        namespace = data.draw(st.sampled_from(sorted(self.joined)))
        self.do(self.client.emit("leave", namespace=namespace))
        self.do(self.client.settle())
        self.joined.discard(namespace)

    # -- events

    @rule(namespace=namespaces, count=some)
    def emit(self, namespace, count):
        for _ in range(count):
            number = self.next_number()
            if namespace in self.joined:
                self.do(self.client.emit("echo", number, namespace=namespace))
                self.unread[namespace].append(number)
            else:
                with pytest.raises(NotConnected):
                    self.do(self.client.emit("echo", number, namespace=namespace))

    @rule(namespace=namespaces)
    def call(self, namespace):
        number = self.next_number()
        if namespace in self.joined:
            assert self.do(self.client.call("echo", number, namespace=namespace)) == number
            self.unread[namespace].append(number)
        else:
            with pytest.raises(NotConnected):
                self.do(self.client.call("echo", number, namespace=namespace))

    @precondition(lambda self: any(self.unread.values()))
    @rule(data=st.data())
    def await_event(self, data):
        waiting = sorted(namespace for namespace, unread in self.unread.items() if unread)
        namespace = data.draw(st.sampled_from(waiting))
        event = self.do(self.client.await_event("number", namespace=namespace))
        assert event.data == self.unread[namespace].pop(0)

    @rule(namespace=namespaces)
    def read_all(self, namespace):
        self.do(self.client.settle())
        if namespace not in self.known:
            with pytest.raises(NotConnected):
                self.client.get_received(namespace)
            return
        numbers = [event.data for event in self.client.get_received(namespace)]
        assert numbers == self.unread[namespace]
        self.unread[namespace].clear()

    # -- cancelled calls, and another user

    @precondition(lambda self: self.joined)
    @rule(data=st.data(), steps=st.integers(0, 5))
    def cancelled_call(self, data, steps):
        namespace = data.draw(st.sampled_from(sorted(self.joined)))

        async def cancel_call():
            call = asyncio.ensure_future(self.client.call("slow", namespace=namespace))
            for _ in range(steps):
                await asyncio.sleep(0)
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call

        self.do(cancel_call())

    @precondition(lambda self: self.joined)
    @rule(data=st.data(), steps=st.integers(0, 5))
    def cancelled_wait(self, data, steps):
        namespace = data.draw(st.sampled_from(sorted(self.joined)))
        number = self.next_number()

        async def cancel_call():
            wait = asyncio.ensure_future(self.client.await_event("none", namespace=namespace))
            await self.client.emit("echo", number, namespace=namespace)
            for _ in range(steps):
                await asyncio.sleep(0)
            wait.cancel()
            with suppress(asyncio.CancelledError):
                await wait

        self.do(cancel_call())
        self.unread[namespace].append(number)

    @rule(namespace=namespaces)
    def clone(self, namespace):
        async def another_user():
            async with self.client.clone() as other:
                await other.connect(namespace)
                assert await other.call("echo", -1, namespace=namespace) == -1
                event = await other.await_event("number", namespace=namespace)
                assert event.data == -1

        self.do(another_user())

    # -- at any time

    @invariant()
    def knows_where_it_is(self):
        self.do(self.client.settle())
        assert {name for name in NAMESPACES if self.client.is_connected(name)} == self.joined

    def teardown(self):
        for namespace in NAMESPACES:
            self.read_all(namespace)
        self.do(self.client.__aexit__(None, None, None))
        self.do(asyncio.sleep(0))
        left = asyncio.all_tasks(self.loop)
        self.loop.close()
        assert left == set()


class OverPolling(OneClient):
    transports = ("polling",)


class OverAnUpgrade(OneClient):
    transports = ("polling", "websocket")


# The profile in conftest.py sets how many examples are drawn, and whether others on each run.
long = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck))
for machine in (OneClient, OverPolling, OverAnUpgrade):
    machine.TestCase.settings = long

TestWebsocket = OneClient.TestCase
TestPolling = pytest.mark.proof(OverPolling.TestCase)
TestUpgrade = pytest.mark.proof(OverAnUpgrade.TestCase)
