"""The time of a call by package and by line: `python -m benchmarks.profile [OPERATION]`.

A sampling profiler: a timer interrupts the process every 0.5 ms and records the stack. Its cost
does not depend on the code that runs, so that, unlike with cProfile, small functions do not appear
too slow. A sample is counted for the innermost frame of an owner (this client, python-socketio,
python-engineio, the driver), so the standard library's time is counted for its caller. Samples
without an owner are counted for the event loop.
"""

import argparse
import asyncio
import functools
import linecache
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from benchmarks.hotpath import OPERATIONS, floor, ours
from benchmarks.method import collector

INTERVAL_S = 0.0005
SLICES = 20
OURS = "this client"
OWNERS = (
    ("asgi_sio_testclient", OURS),
    ("benchmarks", "driver"),
    ("socketio", "python-socketio"),
    ("engineio", "python-engineio"),
)
DRIVER = ("floor.py", "app.py", "hotpath.py", "ours.py")
LOOP = "event loop"


class Samples:
    def __init__(self) -> None:
        self.owners = Counter()
        self.lines = Counter()
        self._known = {}

    def take(self, _signal, frame) -> None:
        while frame is not None:
            filename = frame.f_code.co_filename
            owner = self._known.get(filename)
            if owner is None:
                owner = self._known[filename] = owner_of(filename)
            if owner:
                self.owners[owner] += 1
                line = frame.f_lineno or frame.f_code.co_firstlineno
                self.lines[owner, filename, line, frame.f_code.co_qualname] += 1
                return
            frame = frame.f_back
        self.owners[LOOP] += 1

    @property
    def total(self) -> int:
        return sum(self.owners.values())


def owner_of(filename: str) -> str:
    parts = Path(filename).parts
    if "benchmarks" in parts and parts[-1] not in DRIVER:
        return ""  # at the bottom of every stack: this module runs the event loop
    for folder, owner in OWNERS:
        if folder in parts:
            return owner
    return ""


class Sampled:
    """One contender's operation, sampled in slices.

    Each slice has a new event loop and a new app, so that it does not slow the next one.
    """

    def __init__(self, open_session, seconds: float) -> None:
        self.samples = Samples()
        self._open_session = open_session
        self._seconds = seconds
        self._ns = self._done = 0

    def slice(self) -> None:
        asyncio.run(self._slice())

    async def _slice(self) -> None:
        async with self._open_session() as operation:
            for _ in range(20):
                await operation()
            before = signal.signal(signal.SIGALRM, self.samples.take)
            with collector():
                signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
                try:
                    await self._repeat(operation)
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    signal.signal(signal.SIGALRM, before)

    async def _repeat(self, operation) -> None:
        start = time.perf_counter_ns()
        end = start + self._seconds * 1e9
        while time.perf_counter_ns() < end:
            for _ in range(10):
                await operation()
            self._done += 10
        self._ns += time.perf_counter_ns() - start

    @property
    def us(self) -> float:
        """Return microseconds per operation, including the sampler's own cost of about 1 %."""
        return self._ns / self._done / 1e3

    def us_of(self, samples: int) -> float:
        return samples / self.samples.total * self.us


def measure(operation: str, seconds: float, lines: int = 40) -> dict:
    """Return microseconds per operation by owner for the floor and for this client, and by line of
    this client.

    The two take turns, so that a slower machine affects both.
    """
    each = {
        "floor": Sampled(functools.partial(floor, operation), seconds / SLICES),
        "ours": Sampled(functools.partial(ours, operation), seconds / SLICES),
    }
    for _ in range(SLICES):
        for sampled in each.values():
            sampled.slice()
    return {
        "operation": operation,
        **{who: {"us": s.us, "owners": _owners(s)} for who, s in each.items()},
        "lines": _lines(each["ours"], lines),
        "files": _files(each["ours"]),
    }


def _owners(sampled: Sampled) -> dict[str, float]:
    return {owner: sampled.us_of(n) for owner, n in sampled.samples.owners.most_common()}


def _lines(sampled: Sampled, most: int) -> list[dict]:
    lines = sampled.samples.lines.most_common()
    return [
        {
            "us": sampled.us_of(n),
            "where": f"{Path(filename).name}:{line}",
            "function": function,
            "text": linecache.getline(filename, line).strip(),
        }
        for (owner, filename, line, function), n in lines
        if owner == OURS
    ][:most]


def _files(sampled: Sampled) -> dict[str, float]:
    files = Counter()
    for (owner, filename, _, _), n in sampled.samples.lines.items():
        files[f"{owner}: {Path(filename).name}"] += sampled.us_of(n)
    return dict(files.most_common())


def as_text(found: dict) -> str:
    out = [f"{found['operation']}: microseconds per operation", ""]
    owners = sorted({*found["floor"]["owners"], *found["ours"]["owners"]})
    out.append(f"{'':28}{'floor':>10}{'ours':>10}{'added':>10}")
    for owner in owners:
        floor, ours = (found[who]["owners"].get(owner, 0.0) for who in ("floor", "ours"))
        out.append(f"{owner:28}{floor:10.1f}{ours:10.1f}{ours - floor:+10.1f}")
    floor, ours = found["floor"]["us"], found["ours"]["us"]
    out.append(f"{'all':28}{floor:10.1f}{ours:10.1f}{ours - floor:+10.1f}   {ours / floor:.2f} x")
    out += ["", "by file"]
    out += [f"{us:8.2f}  {name}" for name, us in found["files"].items() if us >= 0.05]
    out += ["", "this client, by line (with what the standard library does for it)"]
    out += [
        f"{line['us']:8.2f}  {line['where']:24} {line['function']:40} {line['text']}"
        for line in found["lines"]
    ]
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("operation", nargs="?", default="call", choices=OPERATIONS)
    parser.add_argument("--seconds", type=float, default=8.0, help="sampled, each (default: 8)")
    parser.add_argument("--lines", type=int, default=40, help="lines shown (default: 40)")
    options = parser.parse_args()
    print(as_text(measure(options.operation, options.seconds, options.lines)))


if __name__ == "__main__":
    sys.exit(main())
