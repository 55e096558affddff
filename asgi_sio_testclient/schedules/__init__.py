"""Find races: the same test under hundreds of schedules, each of which a code replays.

A schedule is asyncio's own order, in virtual time, with a few things held for a while at places
where the outside decides: a packet's arrival, a sleep that stands for I/O, the return of an emit.
What asyncio and Socket.IO promise is kept: a task's first step, a Lock's fairness, the order of one
connection's packets.

* `explored` makes an async test a sync one that runs under many schedules.
* `explore` does the same for an async function, and returns what it found.
* `replay` runs one schedule again.
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
