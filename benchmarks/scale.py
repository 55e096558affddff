"""Costs that depend on the number of clients or events, in processor time, beside the floor's.

- leaving: the first client's block ends while a number of its clones are connected; the floor's
  clients send DISCONNECT packets and close. The server's own part of the cost grows with the number
  of clients: python-socketio searches all rooms of the namespace for each client.
- negative: a number of clients emit and assert that no event arrives, one after another and all at
  once; the floor's clients send the same packets, and wait until the server has handled them.
- unread: a number of events are read in order.
- linear: the cost of one operation beside n clients, events or packets, and beside 4n.

Each size has its own process: `python -m benchmarks.scale SIDE SIZE` prints its figures.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import socketio

from asgi_sio_testclient import ReceivedEvent, TestClient
from benchmarks import wire
from benchmarks.app import PING_INTERVAL_S, make_app
from benchmarks.floor import WebSocketFloor, end_service_task
from benchmarks.method import collector

SIZES = (500, 2_000, 2_500, 10_000)
QUICK_SIZES = (50, 200)
UNREAD = 1_000_000
QUICK_UNREAD = 10_000
TIMEOUT_S = 600.0
BUDGET_S = 600  # for all sizes together
TURNS = 4  # turns of the loop until the server has handled an event and its handler has ended
SIDES = ("floor", "ours")


class timed:  # noqa: N801 (a context manager, used as a function)
    """Measure the processor time of a block in seconds, without garbage collections."""

    def __enter__(self) -> Self:
        self._collector = collector()
        self._collector.__enter__()
        self._start = time.process_time()
        return self

    def __exit__(self, *exc: object) -> None:
        self.seconds = time.process_time() - self._start
        self._collector.__exit__(*exc)


async def by_floor(size: int) -> dict[str, float]:
    """Seconds per client."""

    async def quiet(client):
        client.push(wire.text(wire.QUIET))
        for _ in range(TURNS):
            await asyncio.sleep(0)

    app = make_app()
    clients = [WebSocketFloor(app) for _ in range(size)]
    for client in clients:
        await client.connect()
    with timed() as one_by_one:
        for client in clients:
            await quiet(client)
    with timed() as at_once:
        await asyncio.gather(*map(quiet, clients))
    with timed() as leaving:
        await asyncio.gather(*(client.close() for client in clients))
        await end_service_task(app)
    return _per(size, one_by_one, at_once, leaving)


async def by_ours(size: int) -> dict[str, float]:
    """Seconds per client."""

    async def quiet(client):
        await client.emit("quiet", "hello")
        await client.assert_not_received()

    first = TestClient(make_app(), timeout=TIMEOUT_S)
    await first.__aenter__()
    clients = [first.clone() for _ in range(size)]
    for client in clients:
        await client.connect()
    with timed() as one_by_one:
        for client in clients:
            await quiet(client)
    with timed() as at_once:
        await asyncio.gather(*map(quiet, clients))
    with timed() as leaving:
        await first.__aexit__(None, None, None)
    return _per(size, one_by_one, at_once, leaving)


def _per(size: int, one_by_one: timed, at_once: timed, leaving: timed) -> dict[str, float]:
    return {
        "negative": one_by_one.seconds / size,
        "negative_at_once": at_once.seconds / size,
        "leaving": leaving.seconds / size,
    }


async def read_in_order(size: int) -> float:
    """Return the seconds that reading a number of unread events takes."""
    async with TestClient(make_app()) as client:
        await client.connect()
        _fill(client, size)
        with timed() as reading:
            for _ in range(size):
                await client.await_event("news")
        return reading.seconds


def _fill(client: TestClient, size: int) -> None:
    for number in range(size):
        client._dispatcher.inbox.put(ReceivedEvent("news", (number,), "/"))


def measure(sizes=SIZES, unread: int = UNREAD, progress=lambda _: None) -> dict:
    """Return the seconds per client at each size, of the floor and of this client, and the seconds
    for all unread events. A size that failed has no figures.
    """
    until = time.monotonic() + BUDGET_S
    seconds = _apart("unread", unread, until)
    found: dict = {"sizes": list(sizes), "floor": [], "ours": []}
    found["unread"] = {"events": unread, "seconds": seconds}
    for size in sizes:
        for side in SIDES:
            progress(f"scale: {size} {side}")
            found[side].append(_apart(side, size, until) or {})
    return found


def _apart(what: str, size: int, until: float):
    """Return the figures that a new process prints; None if it fails or exceeds its time."""
    command = [sys.executable, "-m", "benchmarks.scale", what, str(size)]
    folder = Path(__file__).resolve().parent.parent
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            cwd=folder,
            timeout=max(1.0, until - time.monotonic()),
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return None
    return json.loads(done.stdout)


# -- the cost of one operation beside n clients, events or packets, and beside 4n


async def _newest_first(client: TestClient, size: int) -> float:
    _fill(client, size)
    with timed() as waiting:
        for number in reversed(range(size)):
            await client.await_event("news", match=lambda event, n=number: event.data == n)
    return waiting.seconds / size


async def _names(client: TestClient, size: int) -> float:
    names = [f"name {number}" for number in range(size)]
    waits = [asyncio.ensure_future(client.await_event(name)) for name in names]
    with timed() as waiting:
        await client.emit("each", names)
        await asyncio.gather(*waits)
    return waiting.seconds / size


async def _beside(client: TestClient, size: int) -> float:
    others = [client.clone() for _ in range(size)]
    for other in others:
        await other.connect()
    with timed() as asserting:
        for _ in range(100):
            await client.emit("quiet", "hello")
            await client.assert_not_received()
    return asserting.seconds / 100


async def _last_packet(client: TestClient, size: int) -> float:
    await client.emit("each", ["name"] * size)
    await client.await_events(size, "name")
    with timed() as indexing:
        for _ in range(100):
            client.transcript[-1]
    return indexing.seconds / 100


async def _transcript_text(client: TestClient, size: int) -> float:
    await client.emit("each", ["name"] * size)
    await client.await_events(size, "name")
    with timed() as showing:
        text = str(client.transcript)
    assert text
    return showing.seconds / size


async def _clones(client: TestClient, size: int) -> float:
    with timed() as cloning:
        clones = [client.clone() for _ in range(size)]
    assert clones
    return cloning.seconds / size


LINEAR: dict[str, tuple[str, Callable[[TestClient, int], Awaitable[float]], int, float]] = {
    "match": ("`await_event(match=)`, newest first, of n unread", _newest_first, 500, 4),
    "names": ("one of n names awaited at once", _names, 400, 1),
    "beside": ("a negative assertion beside n clients", _beside, 40, 1),
    "last": ("`transcript[-1]` of n packets", _last_packet, 500, 1),
    "text": ("`str(transcript)`, per packet of n", _transcript_text, 500, 1),
    "clone": ("`clone()`, of n", _clones, 500, 1),
}
"""By key: the title, the operation, n, and the ratio at 4n that is linear growth of the whole."""
SPREAD = 1.5  # tolerance for the figures of one run on a busy machine
REPEATED = 3


def _app() -> socketio.ASGIApp:
    sio = socketio.AsyncServer(async_mode="asgi", ping_interval=PING_INTERVAL_S)

    @sio.event
    async def quiet(_sid, _data):
        return None

    @sio.event
    async def each(sid, names):
        for name in names:
            await sio.emit(name, to=sid)

    return socketio.ASGIApp(sio)


async def _one_linear(measured, size: int) -> float:
    async with TestClient(_app(), timeout=TIMEOUT_S) as client:
        await client.connect()
        return await measured(client, size)


def measure_linear(shrunk: int = 1) -> dict[str, dict]:
    """Return `{key: {"n": n, "once": seconds at n, "fourfold": seconds at 4n}}`, the least of a few
    repetitions.
    """
    found = {}
    for key, (_, measured, size, _) in LINEAR.items():
        n = max(2, size // shrunk)
        times: dict[int, float] = {
            at: min(asyncio.run(_one_linear(measured, at)) for _ in range(REPEATED))
            for at in (n, 4 * n)
        }
        found[key] = {"n": n, "once": times[n], "fourfold": times[4 * n]}
    return found


def main() -> None:
    """Print the figures of one size as JSON."""
    what, size = sys.argv[1], int(sys.argv[2])
    # While 10,000 clients connect, garbage collections would take longer than the measures.
    gc.disable()
    run = {"floor": by_floor, "ours": by_ours, "unread": read_in_order}[what]
    print(json.dumps(asyncio.run(run(size))))


if __name__ == "__main__":
    main()
