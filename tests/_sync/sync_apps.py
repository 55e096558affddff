"""Apps and functions of the tests of `SyncTestClient`."""

import threading

older = set()  # the threads that are older than the test


def portal_threads():
    """Return the threads of portals that the test has started."""
    return {thread for thread in threading.enumerate() if "portal" in thread.name} - older


async def answer(value):
    return value
