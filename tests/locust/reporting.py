"""What the tests' locustfiles share: `quit_after`, and a report on stdout at the end.

It is a locustfile of its own, too, beside one that has the users.
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
    """End the run as soon as the statistics have so many requests, by type and name, or so many
    different exceptions.
    """
    while any(_count(*key.split(" ", 1)) < count for key, count in least.items()):
        gevent.sleep(0.02)
    # First the users: after `quit` a master waits half a second for the workers' last reports.
    runner.stop()
    runner.quit()


def _count(kind, name):
    if kind == "EXCEPTIONS":
        return len(runner.exceptions)
    # Looked up anew: the statistics are cleared when a run begins.
    entry = runner.environment.stats.entries.get((name, kind))
    return 0 if entry is None else entry.num_requests
