"""Two transactions read the same stock, and the later commit overwrites the earlier one."""
KIND = "an async context manager as the fake"
from _kit import *

def build(fixed):
    sio, app = server()
    app.store, lock = Store(stock=5), asyncio.Lock()

    async def write(many):
        async with app.store.transaction() as rows:
            rows["stock"] -= many

    @sio.event
    async def take(sid, many):
        if fixed:
            async with lock:
                await write(many)
        else:
            await write(many)

    return app

async def scenario(make):
    app = make()
    async with TestClient(app, transports=("polling",)) as a, a.clone() as b:
        await a.connect(); await b.connect()
        await a.emit("take", 1)
        await asyncio.sleep(0.05)
        await b.emit("take", 2)
        await a.settle()
        assert app.store.data["stock"] == 2, app.store.data
