"""The calibration loop: a small fixed piece of work whose time shows the speed of the machine.

A processor with a lower clock, or another process on the same core, slows a whole run evenly, which
the latencies of that run can't show. The work is like that of a call: JSON, small objects, function
calls.
"""

from __future__ import annotations

import json
from time import perf_counter_ns

__all__ = ["measure"]

__tracebackhide__ = True

_VALUE = ["event", {"id": 42, "text": "a line of text", "tags": ["one", "two"], "price": 1.25}]
_TURNS = 8
_TRIES = 9
"""The number of short pieces of work, of which the median counts: another process that takes the
processor for a moment must not change the result."""


class _Packet:
    def __init__(self, name: str, data: object, number: int) -> None:
        self.name = name
        self.data = data
        self.number = number


def measure() -> float:
    """Return the seconds that the work takes now, about 50 us: the median of nine runs."""
    times = []
    for _ in range(_TRIES):
        begin = perf_counter_ns()
        _work()
        times.append(perf_counter_ns() - begin)
    return sorted(times)[_TRIES // 2] / 1e9


def _work() -> None:
    waiting: dict[int, _Packet] = {}
    for number in range(_TURNS):
        text = json.dumps(_VALUE)
        name, data = json.loads(text)
        waiting[number] = _packet(name, data, number)
    for number in list(waiting):
        waiting.pop(number)


def _packet(name: str, data: object, number: int) -> _Packet:
    return _Packet(name, data, number)
