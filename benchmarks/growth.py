"""The cost per call, per connect and per broadcast recipient as clients are added.

The figure is a contender's growth divided by the floor's growth, because the server's cost grows as
well.

Each series of sizes has its own process, which ends while its clients are connected: to disconnect
ten thousand clients takes longer than the measures. `python -m benchmarks.growth WHO SIZE...`
prints one series.
"""

import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks.measures import FLOOR
from benchmarks.method import clocked, collector, now
from benchmarks.users import USERS, users

SIZES = (1, 10, 100, 1_000, 10_000)
QUICK_SIZES = (1, 10, 100, 1_000)
ROUNDS = 3
LIMIT_S = 240
METRICS = {
    "call": "per `call`",
    "connect": "per connect and close of one more",
    "broadcast": "per broadcast recipient",
}


async def climb(who: str, sizes, ended=lambda _: None) -> dict[str, list[float]]:
    """Connect more and more clients, and return the nanoseconds of each metric at each size.

    `ended` is called with the result while all clients are still connected.
    """
    found = {metric: [] for metric in METRICS}
    async with users(who) as clients:
        for size in sizes:
            await clients.grow_to(size)
            found["call"].append(await _warm(clients.call, 300))
            found["connect"].append(await _warm(clients.connect_one_more, 60))
            found["broadcast"].append(await _broadcasts(clients, size))
        ended(found)
        await clients.close()
    return found


async def _warm(operation, n) -> float:
    await clocked(operation, n // 10)
    with collector():
        return await clocked(operation, n) / n


async def _broadcasts(clients, size) -> float:
    times = max(3, min(100, 1_000 // size))
    await clients.broadcast()
    with collector():
        start = now()
        for _ in range(times):
            await clients.broadcast()
        return (now() - start) / times / size


def measure(rounds: int, sizes, progress) -> dict:
    """Return `{who: {metric: [[ns at each size], one list per round]}}`."""
    found = {who: {metric: [] for metric in METRICS} for who in USERS}
    names = list(USERS)
    for number in range(rounds):
        shift = number % len(names)
        for who in names[shift:] + names[:shift]:
            progress(f"growth, round {number + 1}/{rounds}, {who}")
            for metric, ns in _climb_apart(who, sizes).items():
                found[who][metric].append(ns)
    return found


def growth_over_floor(run: dict, who: str, metric: str) -> list[float]:
    """Return for each size the median of the rounds' growth from one client over the floor's."""
    each = []
    for mine, floors in zip(run["growth"][who][metric], run["growth"][FLOOR][metric], strict=True):
        each.append([(m / mine[0]) / (f / floors[0]) for m, f in zip(mine, floors, strict=True)])
    return [statistics.median(at_size) for at_size in zip(*each, strict=True)]


def growth_times(run: dict, who: str, metric: str) -> list[float]:
    """Return for each size the median time in microseconds."""
    rounds = run["growth"][who][metric]
    return [statistics.median(at_size) / 1e3 for at_size in zip(*rounds, strict=True)]


def _climb_apart(who: str, sizes) -> dict[str, list[float]]:
    command = [sys.executable, "-m", "benchmarks.growth", who, *map(str, sizes)]
    folder = Path(__file__).resolve().parent.parent
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder, timeout=LIMIT_S
    )
    return json.loads(done.stdout)


def _print_and_end(found: dict) -> None:
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    # While 10,000 clients connect, garbage collections would take longer than the measures.
    gc.disable()
    asyncio.run(climb(sys.argv[1], [int(size) for size in sys.argv[2:]], _print_and_end))
