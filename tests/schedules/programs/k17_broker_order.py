"""Events of one handler arrive in the order of its emits also at the clients of another server."""
KIND = "order over a broker"
from _kit import *
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

def build(fixed=True):
    broker = InMemoryBroker()

    def node():
        sio, app = server(client_manager=AsyncInMemoryManager(broker))

        @sio.event
        async def count(sid):
            for n in range(4):
                await sio.emit("n", n)
                await io(0.01)

        return app

    return node(), node()

async def scenario(make):
    one, two = make()
    async with TestClient(one) as a, TestClient(two) as b:
        await a.connect(); await b.connect()
        await a.emit("count")
        for client in (a, b):
            assert [e.data for e in await client.await_events(4, "n")] == [0, 1, 2, 3]
