"""A report sums rows while it reads them: a transfer during the report is counted twice."""
KIND = "an async generator as the fake"
from _kit import *

def build(fixed):
    sio, app = server()
    store, version = Store(x=10, y=10), [0]

    @sio.event
    async def total(sid):
        while True:
            before, total = version[0], 0
            async for _, value in store.rows():
                total += value
            if not fixed or before == version[0]:
                return total

    @sio.event
    def move(sid, many):
        version[0] += 1
        store.data["x"] -= many
        store.data["y"] += many

    return app

async def scenario(make):
    async with TestClient(make(), transports=("polling", "websocket")) as a, a.clone() as b:
        await a.connect(); await b.connect()
        totals = []
        await a.emit("total", callback=lambda total: totals.append(total))
        await asyncio.sleep(0.05)
        await b.emit("move", 5)
        await a.settle()
        assert totals == [20], totals
