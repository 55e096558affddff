"""Requests during a lookup wait for the task of that lookup: there is one query."""
KIND = "a task that several wait for"
from _kit import *

def build(fixed=True):
    sio, app = server()
    app.queries, flights, cache = 0, {}, {}

    async def look_up(key):
        app.queries += 1
        try:
            await io(0.01)
            cache[key] = key
        finally:
            del flights[key]
        return key

    @sio.event
    async def get(sid, key):
        if key in cache:
            return cache[key]
        if key not in flights:
            flights[key] = asyncio.create_task(look_up(key))
        return await asyncio.shield(flights[key])

    return app

async def scenario(make):
    app = make()
    async with TestClient(app) as a, a.clone(transports=("polling",)) as b:
        await a.connect(); await b.connect()
        assert await asyncio.gather(a.call("get", "x"), b.call("get", "x"), a.call("get", "x")) == ["x"] * 3
        assert app.queries == 1, app.queries
