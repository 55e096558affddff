"""How fast the machine is just now: the same small piece of work, timed again and again.

A processor that turned its clock down, or a neighbour that uses the other half of a shared core,
slows a whole run, evenly: nothing within that run shows it. This does. The work is of the kind that
a call consists of: JSON, small objects, function calls.
"""

from __future__ import annotations

import json
from time import perf_counter_ns

__all__ = ["measure"]

__tracebackhide__ = True

_VALUE = ["event", {"id": 42, "text": "a line of text", "tags": ["one", "two"], "price": 1.25}]
_TURNS = 8
_TRIES = 9
"""Short ones, and a median of many: a neighbour that takes the processor for a moment hits one call
in some hundred, and may not hit every second calibration."""


class _Packet:
    def __init__(self, name: str, data: object, number: int) -> None:
        self.name = name
        self.data = data
        self.number = number


def measure() -> float:
    """Seconds that the work takes now, some 50 us: the median of nine."""
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
