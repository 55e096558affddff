"""A name is registered twice, and the test polls the app every 10 ms."""
KIND = "many moments: a test that polls"
from _kit import *

def build(fixed):
    sio, app = server()
    app.names = {}

    @sio.event
    async def register(sid, name):
        if name in app.names.values():
            return False
        if fixed:
            app.names[sid] = name
        await io(0.01)
        app.names[sid] = name
        return True

    return app

async def until(true, most):
    for _ in range(most):
        if true():
            return
        await asyncio.sleep(0.01)

async def scenario(make):
    app = make()
    async with TestClient(app) as a, a.clone() as b:
        await a.connect(); await b.connect()
        await a.emit("register", "ann")
        await until(lambda: app.names, 30)
        await until(lambda: False, 20)
        await b.emit("register", "ann")
        await until(lambda: False, 30)
        await a.settle()
        named = len(app.names)
        assert named == 1, f"{named} clients have the name"
