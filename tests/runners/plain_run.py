"""Calls `run` of asyncio or of uvloop many times, with one server for all loops; the arguments name
the `run`.

"eager:asyncio" is asyncio's with eager tasks.
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
    # In debug mode asyncio logs callbacks of more than a tenth of a second, which a busy machine
    # causes.
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
        # Collect objects that the loops have left, so that they warn here.
        gc.collect()
        print("9 loops of", name)  # noqa: T201 (a script)
