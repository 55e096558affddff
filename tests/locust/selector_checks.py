"""Runs the event loop in a greenlet with one of its selectors, and prints the results.

python selector_checks.py EpollSelector
"""

import asyncio
import json
import os
import socket
import sys
import tempfile

import gevent

from asgi_sio_testclient.locust import _loop, _selector

SIZE = 5_000_000  # bytes, more than the buffers of a socket
found = {}


async def returns():
    await asyncio.sleep(0.01)
    return "result"


async def raises():
    raise LookupError("raised")


async def busy(stop):
    """Count the turns of the loop until `stop` has an item."""
    turns = 0
    while not stop:
        await asyncio.sleep(0)
        turns += 1
    return turns


async def transfer():
    """Send more than the buffers' size to a peer that closes the connection."""
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    peer_reader, peer_writer = await asyncio.open_connection(sock=theirs)

    async def read():
        size = len(await peer_reader.readexactly(SIZE))
        peer_writer.close()
        return size

    reading = asyncio.create_task(read())
    writer.write(bytes(SIZE))
    await writer.drain()
    size, end = await reading, await reader.read()
    writer.close()
    return size, end == b""


async def no_socket():
    """Return the errors for a file that epoll does not support."""
    loop = asyncio.get_running_loop()
    refusals = []
    with tempfile.TemporaryFile() as file:
        for _ in range(2):
            try:
                loop.add_reader(file.fileno(), print)
            except OSError as exc:
                refusals.append(type(exc).__name__)
    return refusals


async def closed_before():
    """Close a file before it is removed from the event loop."""
    ours, theirs = socket.socketpair()
    number = os.dup(ours.fileno())
    loop = asyncio.get_running_loop()
    loop.add_reader(number, print)
    os.close(number)
    removed = loop.remove_reader(number)
    ours.close()
    theirs.close()
    return removed


async def from_a_thread():
    loop, called = asyncio.get_running_loop(), asyncio.Event()
    gevent.get_hub().threadpool.spawn(loop.call_soon_threadsafe, called.set)
    await called.wait()
    return "called"


def error_of(function, *arguments):
    try:
        function(*arguments)
    except LookupError as exc:
        return repr(exc)


def main(selector):
    loop = _loop.EventLoop(selector)
    found["result"] = loop.run(returns())
    found["error"] = error_of(loop.run, raises())
    found["transfer"] = loop.run(transfer())
    if isinstance(selector, _selector.EpollSelector):  # libev would end the process
        found["refusals"] = loop.run(no_socket())
        found["closed before"] = loop.run(closed_before())
    found["thread"] = loop.run(from_a_thread())

    stop = []
    other = gevent.spawn_later(0.02, stop.append, True)
    found["others run"] = loop.run(busy(stop)) > 1 and other.successful()

    killed = gevent.spawn(loop.run, asyncio.sleep(1000))
    gevent.sleep(0.01)
    killed.kill()
    found["killed"] = repr(killed.value)

    loop._call(loop.loop.stop)
    loop.greenlet.join()
    loop._selector.notify()  # no wait is pending
    loop.loop.close()
    found["closed"] = loop.loop.is_closed()
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main(getattr(_selector, sys.argv[1])())
