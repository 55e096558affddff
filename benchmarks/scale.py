"""What grows with the number of clients or events, over the floor: processor time.

- leaving: a client of the app's leaves while so many clones are connected; the floor's clients say
  goodbye one after another. What python-socketio itself does then grows with the clients: it looks
  for each client's rooms in all rooms of the namespace.
- nothing came: each of so many clients emits and asserts that nothing came of it.
- unread: so many events are read in order.
"""

from __future__ import annotations

import asyncio
import time

from asgi_sio_testclient import ReceivedEvent, TestClient
from benchmarks import wire
from benchmarks.app import make_app
from benchmarks.floor import WebSocketFloor, end_service_task
from benchmarks.method import collector

SIZES = (500, 1_000, 2_000, 4_000)
QUICK_SIZES = (50, 100)
UNREAD = 1_000_000
QUICK_UNREAD = 10_000
TIMEOUT_S = 600.0


async def _floor(size: int) -> dict[str, float]:
    app = make_app()
    clients = [WebSocketFloor(app) for _ in range(size)]
    for client in clients:
        await client.connect()
    with collector():
        start = time.process_time()
        for client in clients:
            client.push(wire.text(wire.QUIET))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        quiet = time.process_time() - start
        start = time.process_time()
        for client in clients:
            await client.close()
        await end_service_task(app)
        leaving = time.process_time() - start
    return {"negative": quiet / size, "leaving": leaving / size}


async def _ours(size: int) -> dict[str, float]:
    async def negative(client):
        await client.emit("quiet", "hello")
        await client.assert_not_received()

    first = TestClient(make_app(), timeout=TIMEOUT_S)
    await first.__aenter__()
    clients = [first.clone() for _ in range(size)]
    for client in clients:
        await client.connect()
    with collector():
        start = time.process_time()
        for client in clients:
            await negative(client)
        one_by_one = time.process_time() - start
        start = time.process_time()
        await asyncio.gather(*map(negative, clients))
        at_once = time.process_time() - start
        start = time.process_time()
        await first.__aexit__(None, None, None)
        leaving = time.process_time() - start
    return {
        "negative": one_by_one / size,
        "negative_at_once": at_once / size,
        "leaving": leaving / size,
    }


async def _unread(size: int) -> float:
    async with TestClient(make_app()) as client:
        await client.connect()
        for number in range(size):
            client._dispatcher.inbox.put(ReceivedEvent("news", (number,), "/"))
        with collector():
            start = time.process_time()
            for _ in range(size):
                await client.await_event("news")
            return time.process_time() - start


def measure(sizes=SIZES, unread: int = UNREAD, progress=lambda _: None) -> dict:
    """Seconds per client at each size, of both sides, and seconds for all unread events."""
    found: dict = {"sizes": list(sizes), "floor": [], "ours": []}
    for size in sizes:
        progress(f"scale: {size}")
        found["floor"].append(asyncio.run(_floor(size)))
        found["ours"].append(asyncio.run(_ours(size)))
    found["unread"] = {"events": unread, "seconds": asyncio.run(_unread(unread))}
    return found
