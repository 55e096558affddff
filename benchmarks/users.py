"""Many clients of one app in one process, for the measures of growth and memory.

A group of users can grow, make a call, connect and close one more client, and receive a broadcast.
The clients that need a thread or two sockets each are not included, because they reach other limits
first.
"""

import contextlib
import itertools

from asgiref.testing import ApplicationCommunicator

from asgi_sio_testclient import TestClient
from benchmarks import wire
from benchmarks.app import make_app
from benchmarks.floor import WebSocketFloor

LONG_S = 60.0  # a garbage collection with 10,000 clients takes longer than asgiref's default, 1 s


class Users:
    """Some clients of one app.

    The next client is chosen with a stride, so that it is not in the processor's cache.
    """

    def __init__(self, app) -> None:
        self.app = app
        self.clients = []
        self._turns = itertools.count()

    async def grow_to(self, size: int) -> None:
        while len(self.clients) < size:
            client = self.new()
            await self.open(client)
            self.clients.append(client)

    async def connect_one_more(self) -> None:
        client = self.new()
        await self.open(client)
        await self.shut(client)

    async def call(self) -> None:
        await self.ask(self.clients[next(self._turns) * 7919 % len(self.clients)])

    async def close(self) -> None:
        for client in self.clients:
            await self.shut(client)
        self.clients.clear()


class FloorUsers(Users):
    def new(self):
        return WebSocketFloor(self.app)

    async def open(self, client):
        await client.connect()

    async def shut(self, client):
        await client.close()

    async def ask(self, client):
        await client.call()

    async def broadcast(self):
        futures = [client.expect() for client in self.clients]
        self.clients[0].push(wire.text(wire.SHOUT))
        for future in futures:
            await future


class OurUsers(Users):
    first: TestClient  # is not measured: it keeps the app running for its clones

    def new(self):
        return self.first.clone()

    async def open(self, client):
        await client.connect()

    async def shut(self, client):
        await client.disconnect()

    async def ask(self, client):
        await client.call("echo", "hello")

    async def broadcast(self):
        await self.clients[0].emit("shout", "hello")
        for client in self.clients:
            await client.await_event("news")


class AsgirefUsers(Users):
    def new(self):
        return ApplicationCommunicator(self.app, wire.websocket_scope())

    async def open(self, client):
        await client.send_input({"type": "websocket.connect"})
        await client.receive_output(timeout=LONG_S)
        await client.receive_output(timeout=LONG_S)
        await self._exchange(client, wire.CONNECT)

    async def shut(self, client):
        await client.send_input(wire.text(wire.DISCONNECT))
        await client.send_input({"type": "websocket.disconnect", "code": 1000})
        await client.wait()

    async def ask(self, client):
        await self._exchange(client, wire.CALL)

    async def broadcast(self):
        await self.clients[0].send_input(wire.text(wire.SHOUT))
        for client in self.clients:
            await client.receive_output(timeout=LONG_S)

    async def _exchange(self, client, packet):
        await client.send_input(wire.text(packet))
        return await client.receive_output(timeout=LONG_S)


USERS = {"floor": FloorUsers, "ours": OurUsers, "asgiref": AsgirefUsers}


@contextlib.asynccontextmanager
async def users(who):
    group = USERS[who](make_app())
    if isinstance(group, OurUsers):
        async with TestClient(group.app) as group.first:
            yield group
    else:
        yield group
