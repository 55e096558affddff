"""Two servers with one broker read the next number from a shared store, and both use it."""
KIND = "two servers"
from _kit import *
from asgi_sio_testclient.pubsub import AsyncInMemoryManager, InMemoryBroker

def build(fixed):
    broker, store, lock = InMemoryBroker(), Store(next=1), asyncio.Lock()

    def node():
        sio, app = server(client_manager=AsyncInMemoryManager(broker))

        async def draw():
            number = await store.get("next")
            await store.set("next", number + 1)
            return number

        @sio.event
        async def ticket(sid):
            if fixed:
                async with lock:
                    number = await draw()
            else:
                number = await draw()
            await sio.emit("called", number)
            return number

        return app

    return node(), node()

async def scenario(make):
    one, two = make()
    async with TestClient(one) as a, TestClient(two) as b:
        await a.connect(); await b.connect()
        numbers = []
        await a.emit("ticket", callback=lambda n: numbers.append(n))
        await asyncio.sleep(0.05)
        await b.emit("ticket", callback=lambda n: numbers.append(n))
        await a.settle(); await b.settle()
        assert sorted(numbers) == [1, 2], numbers
        assert sorted(e.data for e in await a.await_events(2, "called")) == [1, 2]
