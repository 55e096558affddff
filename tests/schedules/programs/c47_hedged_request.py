"""A backup request starts after 0.2 s, and its answer is taken for the primary's if it is the first."""
KIND = "a timer that only a slow run reaches, and work after it"
from _kit import *

def build(fixed):
    sio, app = server()

    async def primary():
        await io(0.01)
        return "new"

    async def backup():
        await asyncio.sleep(0.2)
        await io(0.01)
        return "old"

    @sio.event
    async def read(sid):
        tasks = [asyncio.ensure_future(primary()), asyncio.ensure_future(backup())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if fixed:
            await tasks[0]
            done = {tasks[0]}
        for task in pending:
            task.cancel()
        return done.pop().result()

    return app

async def scenario(make):
    async with TestClient(make()) as a:
        await a.connect()
        assert await a.call("read") == "new"
