"""`run` of asyncio, or of uvloop, many times, with one sio for all of them; arguments say whose.

"eager:asyncio" is that of asyncio with eager tasks.
"""

import asyncio
import gc
import importlib
import sys

from shared_app import TRANSPORTS, app, converse

from asgi_sio_testclient import TestClient


async def main(transports, *, eager):
    if eager:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    # In debug mode, what takes a tenth of a second is logged: a busy machine, and no fault of ours.
    asyncio.get_running_loop().slow_callback_duration = 10
    before = asyncio.all_tasks()
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await converse(client)
    assert asyncio.all_tasks() == before, asyncio.all_tasks()


if __name__ == "__main__":
    for name in sys.argv[1:]:
        eager, _, module = name.rpartition(":")
        run = importlib.import_module(module).run
        for _ in range(3):
            for transports in TRANSPORTS:
                run(main(transports, eager=bool(eager)))
        # What a loop left behind is warned of here, at the latest.
        gc.collect()
        print("9 loops of", name)  # noqa: T201 (a script)
