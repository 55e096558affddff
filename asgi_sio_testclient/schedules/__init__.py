"""Find races: run the same test under hundreds of schedules. A code replays each schedule.

A schedule is asyncio's own order in virtual time, in which a few things are delayed ("held") at
points where the network or I/O decides the time: the arrival of a packet, a sleep that stands for
I/O, the return of an emit. The guarantees of asyncio and Socket.IO hold: the first step of a task,
the fairness of a Lock, the order of the packets of one connection.

* `explored` decorates an async test: it becomes a sync test that runs under many schedules.
* `explore` runs an async function under many schedules, and returns the result.
* `replay` runs an async function under one schedule.
"""

from asgi_sio_testclient.schedules._decorator import explored
from asgi_sio_testclient.schedules._explore import (
    Exploration,
    ScheduleFailure,
    explore,
    replay,
)
from asgi_sio_testclient.schedules._story import Hold
from asgi_sio_testclient.schedules._trace import NotRepeatable

__all__ = [
    "Exploration",
    "Hold",
    "NotRepeatable",
    "ScheduleFailure",
    "explore",
    "explored",
    "replay",
]
