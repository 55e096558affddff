"""Detects leaks in a long run: `python -m benchmarks.soak [--calls 100000] [--connects 5000]`.

The first phase makes calls, half of them over a websocket and half over long-polling, by two
clients that stay connected. The second phase connects over a websocket, over polling and by an
upgrade; half of the connects are of a client that reconnects, and half of a new client. All run in
one process and one event loop, with the same app.

The exit code is 1 if one of these grows:

- `tracemalloc`'s figure, sampled after a garbage collection in each of `SAMPLES` slices. A line is
  fitted to the second half of the samples; it may rise by `BYTES_PER_CALL` per call and
  `BYTES_PER_CONNECT` per connect. An object that is not released has at least 40 bytes. The first
  half is ignored, because transcripts grow to their limit in it.
- the number of objects of this library's classes, of tasks and of timers, after each phase.

RSS is printed only: it depends on the allocator, and includes the transcripts of connected clients.
The output of a whole run of 185 s on two busy cores with CPython 3.11:

    100000 calls: +1.47 bytes each, 9.56 MB held, RSS 61.7 -> 91.9 MB
    5000 connects: +1.96 bytes each, 0.18 MB held, RSS 90.8 -> 87.8 MB
    flat: objects, tasks and timers as before
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

from asgi_sio_testclient import TestClient
from benchmarks.app import make_app

CALLS = 100_000
CONNECTS = 5_000
SAMPLES = 40
BYTES_PER_CALL = 4.0
BYTES_PER_CONNECT = 16.0
PACKAGE = "asgi_sio_testclient"
WAYS = (("websocket",), ("polling",), ("polling", "websocket"))
STAYING = WAYS[:2]  # an upgraded connection is a websocket after its first packets


def live_objects() -> Counter[str]:
    """Return the number of objects of each class of this library, after a garbage collection."""
    gc.collect()
    kinds = (type(thing) for thing in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith(PACKAGE))


def under_way() -> tuple[int, int]:
    """Return the number of pending tasks and of pending timers of the running loop."""
    loop = asyncio.get_running_loop()
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    return len(asyncio.all_tasks()), len(timers)


async def calls(app, count: int, sample) -> None:
    """Make `count` calls with clients that stay connected; call `sample` after each slice."""
    per_slice = count // SAMPLES // len(STAYING)
    async with TestClient(app) as owner:
        clients = [owner.clone(transports=transports) for transports in STAYING]
        for client in clients:
            await client.connect()
        for number in range(SAMPLES):
            for client in clients:
                for _ in range(per_slice):
                    await client.call("echo", "hello")
            sample((number + 1) * per_slice * len(STAYING))


async def connects(app, count: int, sample) -> None:
    """Connect `count` times, with one call each; call `sample` after each slice."""
    done = 0
    for number in range(SAMPLES):
        ends = count * (number + 1) // SAMPLES
        halfway = done + (ends - done) // 2
        # The server keeps a ping timer for each closed client until the end of the block.
        async with TestClient(app) as client:
            while done < halfway:
                await client.connect(transports=WAYS[done % len(WAYS)])
                await client.call("echo", "hello")
                await client.disconnect()
                done += 1
        while done < ends:
            async with TestClient(app, transports=WAYS[done % len(WAYS)]) as client:
                await client.connect()
                await client.call("echo", "hello")
            done += 1
        sample(done)


def slope(samples) -> float:
    """Return the bytes per operation in the second half of `[(operations, bytes), ...]`."""
    half = samples[len(samples) // 2 :]
    return statistics.linear_regression(*zip(*half, strict=True)).slope


async def soak(how_many_calls: int, how_many_connects: int, say=print) -> list[str]:
    """Run both phases; return a line for each figure that grew."""
    app = make_app()
    grown = []
    for phase, count, limit in (
        (calls, how_many_calls, BYTES_PER_CALL),
        (connects, how_many_connects, BYTES_PER_CONNECT),
    ):
        name = phase.__name__
        await phase(app, SAMPLES * len(STAYING), lambda _: None)  # creates objects that are cached
        before, ways = live_objects(), under_way()
        samples, began, rss = [], time.perf_counter(), _rss()
        await phase(app, count, lambda done, to=samples: to.append((done, _held())))
        took = time.perf_counter() - began
        rise = slope(samples)
        say(
            f"{count} {name} in {took:.0f} s: {rise:+.2f} bytes each in the second half "
            f"(at most {limit:g}), {samples[-1][1] / 1e6:.2f} MB held, "
            f"RSS {rss / 1e6:.1f} -> {_rss() / 1e6:.1f} MB"
        )
        if rise > limit:
            grown.append(f"{name}: {rise:.2f} bytes each, more than {limit:g}")
        grown += _more(name, before, live_objects(), ways, under_way())
    return grown


def _more(name, before, after, ways, ways_after) -> list[str]:
    lines = [f"{name}: {count} more of {kind}" for kind, count in sorted((after - before).items())]
    for what, had, has in zip(("tasks", "timers"), ways, ways_after, strict=True):
        if has > had:
            lines.append(f"{name}: {has - had} more {what}")
    return lines


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def _rss() -> float:
    """Return the bytes of resident memory, or nan if the system does not provide them."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return float(line.split()[1]) * 1024


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS)
    parser.add_argument("--connects", type=int, default=CONNECTS)
    options = parser.parse_args(arguments)
    least = SAMPLES * len(STAYING)
    if min(options.calls, options.connects) < least:
        parser.error(f"at least {least} of each: {SAMPLES} samples are taken")
    tracemalloc.start()
    try:
        grown = asyncio.run(soak(options.calls, options.connects))
    finally:
        tracemalloc.stop()
    for line in grown:
        print(f"grows: {line}")
    print("grows" if grown else "flat: objects, tasks and timers as before")
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
