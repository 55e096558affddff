"""A handler sets a future: the task that awaits it runs on before the setter's next I/O call ends."""
KIND = "a future as the handover"
from _kit import *

def build(fixed=True):
    sio, app = server()
    app.asked, app.log = {}, []

    @sio.event
    async def ask(sid, key):
        app.asked[key] = asyncio.get_running_loop().create_future()
        app.log.append(await app.asked[key])
        return app.log[-1]

    @sio.event
    async def answer(sid, key, value):
        app.asked.pop(key).set_result(value)
        await io(0.01)
        app.log.append("answered")

    return app

async def scenario(make):
    app = make()
    async with TestClient(app) as a, a.clone() as b:
        await a.connect(); await b.connect()
        asked = asyncio.ensure_future(a.call("ask", "key"))
        while not app.asked:
            await asyncio.sleep(0.01)
        await b.emit("answer", ("key", 5))
        assert await asked == 5
        await b.settle()
        assert app.log == [5, "answered"], app.log
