"""Two workers read one stream of anyio: the order of the results differs from that of the jobs."""
KIND = "anyio throughout"
import anyio
from _kit import *

async def convert(n):
    await io(0.01)
    return n

def build(fixed):
    sio, app = server()
    app.done = []
    send, receive = anyio.create_memory_object_stream(10)

    async def worker(jobs):
        async with jobs:
            async for job in jobs:
                app.done.append(await convert(job))

    async def workers():
        async with anyio.create_task_group() as group:
            for _ in range(1 if fixed else 2):
                group.start_soon(worker, receive.clone())

    @sio.event
    async def connect(sid, environ):
        sio.start_background_task(workers)

    @sio.event
    async def job(sid, n):
        await send.send(n)

    @sio.event
    async def disconnect(sid, reason):
        send.close()
        receive.close()

    return app

async def scenario(make):
    app = make()
    async with TestClient(app) as a:
        await a.connect()
        await a.emit("job", 1)
        await anyio.sleep(0.1)
        await a.emit("job", 2)
        await a.settle()
        await anyio.sleep(3)
        assert app.done == [1, 2], app.done
