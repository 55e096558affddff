"""Shared by the tests' locustfiles: `quit_after`, and a report on stdout at the end.

This is a locustfile, too, which is used together with one that has the users.
"""

import json
import os

import gevent
from locust import events


@events.quit.add_listener
def report(exit_code, **_):
    stats = runner.environment.stats
    requests = {
        f"{kind} {name}": {
            "requests": entry.num_requests,
            "failures": entry.num_failures,
            "average": entry.avg_response_time,
        }
        for (name, kind), entry in stats.entries.items()
    }
    errors = [
        [f"{error.method} {error.name}", error.parse_error(error.error), error.occurrences]
        for error in stats.errors.values()
    ]
    exceptions = [[each["msg"], each["count"]] for each in runner.exceptions.values()]
    found = {"requests": requests, "errors": errors, "exceptions": exceptions}
    print("REPORT", json.dumps(found), flush=True)  # noqa: T201


@events.init.add_listener
def remember(environment, **_):
    global runner  # noqa: PLW0603
    runner = environment.runner
    if "QUIT_AFTER" in os.environ:
        gevent.spawn(_quit_after, json.loads(os.environ["QUIT_AFTER"]))


def _quit_after(least):
    """End the run as soon as the statistics have these numbers of requests, by type and name, or of
    different exceptions.
    """
    while any(_count(*key.split(" ", 1)) < count for key, count in least.items()):
        gevent.sleep(0.02)
    # The users stop first, because a master waits only half a second for the workers' last reports.
    runner.stop()
    runner.quit()


def _count(kind, name):
    if kind == "EXCEPTIONS":
        return len(runner.exceptions)
    # The entry is read again each time, because a new run clears the statistics.
    entry = runner.environment.stats.entries.get((name, kind))
    return 0 if entry is None else entry.num_requests
