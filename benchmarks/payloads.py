"""Big payloads over polling, for this client and the bare driver: `python -m benchmarks.payloads`.

Each figure has its own process: the processor time, and the peak of resident memory above that
before the measure. "up" is an event with one attachment to the server, until its ack; "down" is an
event with one attachment from the server, until it has arrived; "gzip" is "down" with the server's
compression. The bare driver only does base64 and gzip, which every client has to do.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gzip
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import socketio

from asgi_sio_testclient import TestClient
from benchmarks import wire
from benchmarks.app import PING_INTERVAL_S
from benchmarks.floor import PollingFloor

MIB = 1024 * 1024
SIZES_MIB = (1, 10, 50, 200)
QUICK_SIZES_MIB = (1, 10)
DIRECTIONS = ("up", "down", "gzip")
SIDES = ("floor", "ours")
GOAL = 1.5
TIMEOUT_S = 600.0
SMALL_BLOCK = b"\x00\x01\x02\x03" * 16  # compresses well, so that the server's gzip costs little
_UP = b'451-0["up",{"_placeholder":true,"num":0}]\x1eb'
_GZIP = b"\x1f\x8b"
_DOWN = '42["down",%d]'


def make_app(direction: str) -> socketio.ASGIApp:
    sio = socketio.AsyncServer(
        async_mode="asgi",
        ping_interval=PING_INTERVAL_S,
        max_http_buffer_size=1 << 40,
        http_compression=direction == "gzip",
    )

    @sio.event
    async def up(_sid, data):
        return len(data)

    @sio.event
    async def down(sid, size):
        await sio.emit("data", payload(size), to=sid)

    return socketio.ASGIApp(sio)


def payload(size: int) -> bytes:
    return SMALL_BLOCK * (size // len(SMALL_BLOCK))


class Driver(PollingFloor):
    """The bare polling driver with other packets; it also does Engine.IO's base64."""

    async def up(self, data: bytes) -> None:
        body = b"".join([_UP, base64.b64encode(data)])
        get = self._get
        scope = wire.post_scope(self._sid, "")
        scope["headers"][-1] = (b"content-length", str(len(body)).encode())
        message = {"type": "http.request", "body": body, "more_body": False}
        await self._request(scope, message)
        await get
        self._poll()

    async def down(self, size: int) -> bytes:
        asked = _DOWN % size
        await self._request(wire.post_scope(self._sid, asked), wire.body(asked))
        while len(body := await self._get) < size:
            self._poll()
        self._poll()
        return base64.b64decode(memoryview(body)[body.rfind(b"\x1e") + 2 :])

    async def gzip(self, size: int) -> bytes:
        asked = _DOWN % size
        await self._request(wire.post_scope(self._sid, asked), wire.body(asked))
        while (body := await self._get)[:2] != _GZIP:
            self._poll()
        self._poll()
        body = gzip.decompress(body)
        return base64.b64decode(memoryview(body)[body.rfind(b"\x1e") + 2 :])

    @property
    def _sid(self) -> str:
        query = self._scopes["GET"]["query_string"].decode()
        return query.partition("&sid=")[2].partition("&")[0]


async def by_floor(direction: str, size: int) -> dict:
    driver = Driver(make_app(direction))
    await driver.connect()
    if direction == "up":
        data = payload(size)
        with measured() as figures:
            await driver.up(data)
    else:
        with measured() as figures:
            assert len(await getattr(driver, direction)(size)) == size
    await driver.close_last()
    return figures.result


async def by_ours(direction: str, size: int) -> dict:
    async with TestClient(make_app(direction), transports="polling", timeout=TIMEOUT_S) as client:
        await client.connect()
        if direction != "up":
            with measured() as figures:
                await client.emit("down", size)
                event = await client.await_event("data")
            assert len(event.data) == size
        else:
            data = payload(size)
            with measured() as figures:
                assert await client.call("up", data) == size
    return figures.result


class measured:  # noqa: N801 (a context manager, used as a function)
    """Measure the processor time of a block, and its peak of memory."""

    def __enter__(self) -> Self:
        self._before = _resident()
        self._start = time.process_time()
        return self

    def __exit__(self, *exc: object) -> None:
        seconds = time.process_time() - self._start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.result = {"seconds": seconds, "bytes": max(0, peak - self._before)}


def _resident() -> int:
    """Return the process's resident memory now, which may be below an earlier peak."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def measure(side: str, direction: str, size: int) -> dict:
    """Return `seconds` of processor time and `bytes` of memory, measured in a new process."""
    command = [sys.executable, "-m", "benchmarks.payloads", "--one", side, direction, str(size)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent
    )
    return json.loads(done.stdout)


def measure_all(sizes=SIZES_MIB, progress=lambda _: None) -> list[dict]:
    """Return a row for each direction and size, with the figures of the floor and this client."""
    rows = []
    for direction in DIRECTIONS:
        for size in sizes:
            progress(f"payloads: {size} MiB {direction}")
            found = {side: measure(side, direction, size * MIB) for side in SIDES}
            rows.append({"direction": direction, "mib": size, **found})
    return rows


def ratios(row: dict) -> tuple[float, float]:
    """Return the time and the memory of this client over the floor's."""
    floor, ours = row["floor"], row["ours"]
    return ours["seconds"] / floor["seconds"], ours["bytes"] / max(1, floor["bytes"])


def as_text(rows: list[dict]) -> str:
    lines = [f"{'polling, one attachment':26}{'floor':>22}{'ours':>22}{'time':>8}{'memory':>8}"]
    for row in rows:
        in_time, in_memory = ratios(row)
        cells = [f"{row[s]['seconds']:.2f} s {row[s]['bytes'] / MIB:,.0f} MiB" for s in SIDES]
        lines.append(
            f"{row['mib']:>6} MiB {row['direction']:15}{cells[0]:>22}{cells[1]:>22}"
            f"{in_time:>8.2f}{in_memory:>8.2f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.payloads", description=__doc__)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="to 10 MiB")
    options = parser.parse_args()
    if options.one:
        side, direction, size = options.one
        run = by_floor if side == "floor" else by_ours
        print(json.dumps(asyncio.run(run(direction, int(size)))))
        return 0
    print(as_text(measure_all(QUICK_SIZES_MIB if options.quick else SIZES_MIB)))
    return 0


if __name__ == "__main__":
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", "65536")
    sys.exit(main())
