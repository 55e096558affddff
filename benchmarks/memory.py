"""Memory of a connected client: `python -m benchmarks.memory WHO CLIENTS` prints it as JSON.

Each figure has its own process. The figure is the difference of `tracemalloc`'s counts of an app
with one client and the same app with `CLIENTS` more clients.
"""

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc

from benchmarks.users import users

SIZE = 2_000
QUICK_SIZE = 200


async def _measure(who: str, size: int) -> dict:
    async with users(who) as clients:
        await clients.grow_to(1)
        await clients.connect_one_more()
        before = _held()
        await clients.grow_to(1 + size)
        during = _held()
        await clients.close()
        after = _held()
    await _end_timers()
    return {
        "clients": size,
        "bytes_per_client": (during - before) / size,
        "bytes_left_per_client": (after - before) / size,
        "bytes_left_at_end": (_held() - before) / size,
    }


async def _end_timers() -> None:
    """Cancel the server's remaining tasks: a ping timer for each client that has closed."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def measure(who: str, size: int) -> dict:
    """Return `bytes_per_client` while the clients are connected, `bytes_left_per_client` after all
    have disconnected, and `bytes_left_at_end` after the app's block has ended and the server's
    left-over tasks are cancelled.
    """
    command = [sys.executable, "-m", "benchmarks.memory", who, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    tracemalloc.start()
    print(json.dumps(asyncio.run(_measure(sys.argv[1], int(sys.argv[2])))))
