"""asyncio.run, many times, with one sio for all of them. With "uvloop" as argument: on uvloop."""

import asyncio
import gc
import sys

from shared_app import TRANSPORTS, app, converse

from asgi_sio_testclient import TestClient


async def main(transports):
    before = asyncio.all_tasks()
    async with TestClient(app, transports=transports) as client:
        await client.connect()
        await converse(client)
    assert asyncio.all_tasks() == before, asyncio.all_tasks()


def run(coroutine):
    if sys.argv[1:] == ["uvloop"]:
        import uvloop  # noqa: PLC0415 (only where it is asked for)

        uvloop.run(coroutine)
    else:
        asyncio.run(coroutine)


if __name__ == "__main__":
    for _ in range(3):
        for transports in TRANSPORTS:
            run(main(transports))
    # What a loop left behind is warned of here, at the latest.
    gc.collect()
    print("9 loops")  # noqa: T201 (a script)
