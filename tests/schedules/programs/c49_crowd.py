"""Two of five clients register one name, among twenty messages of all clients."""
KIND = "many points on few lines"
from _kit import *

def build(fixed):
    sio, app = server()
    app.names, db = {}, Store()

    @sio.event
    async def say(sid, text):
        await db.set(sid, text)
        await sio.emit("said", text)

    @sio.event
    async def rename(sid, name):
        if name in app.names.values():
            return False
        if fixed:
            app.names[sid] = name
        await db.set(sid, name)
        app.names[sid] = name
        return True

    return app

async def scenario(make):
    app = make()
    async with TestClient(app) as a, a.clone() as b, a.clone() as c, a.clone() as d, a.clone() as e:
        clients = (a, b, c, d, e)
        for client in clients:
            await client.connect()
        for n in range(2):
            for client in clients:
                await client.emit("say", f"hello {n}")
        await a.emit("rename", "bob")
        await asyncio.sleep(0.1)
        await b.emit("rename", "bob")
        for n in range(2):
            for client in clients:
                await client.emit("say", f"bye {n}")
        await a.settle()
        named = len(app.names)
        assert named == 1, f"{named} are called bob"
