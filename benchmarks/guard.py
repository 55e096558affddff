"""The guard of the hot path: `python -m benchmarks.guard` fails if an operation executes more.

The guard counts what is executed instead of measuring time, so that its result does not depend on
the machine's load. Over many repetitions of each operation it counts, in the whole process:

- `calls`: calls of Python functions (also each resumption of a coroutine) and of C functions;
- `lines`: lines of Python executed, which also count in a loop without calls;
- `turns`, `tasks`, `timers`: turns of the event loop, tasks created, timers set.

The floor's counts are subtracted. The rest is what this client adds, in its own code and in
libraries. The rest is compared with `guard.json`, which has the figures of each Python version:
`--record` writes those of the running version. A figure may be above its record by `TOLERANCE` (or
by `SLACK`, for figures near zero). A figure far below its record is reported, so that the record
can be lowered.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import CodeType

from benchmarks.hotpath import OPERATIONS, floor, ours

RECORD = Path(__file__).with_name("guard.json")
REPETITIONS = 200
WARM_UP = 20
TOLERANCE = 0.03
SLACK = 0.5
FIGURES = ("calls", "lines", "turns", "tasks", "timers")
LOOP_FIGURES = {"_run_once": "turns", "create_task": "tasks", "call_at": "timers"}


class Counts:
    """Counts by `sys.setprofile` and `sys.settrace`, whose events are the same from 3.11 on."""

    def __init__(self) -> None:
        self.of = dict.fromkeys(FIGURES, 0)
        self.functions: Counter[CodeType] = Counter()

    def start(self) -> None:
        # Somebody else may be looking, coverage for one.
        self._before = sys.getprofile(), sys.gettrace()
        sys.setprofile(self._profiled)
        sys.settrace(self._traced)

    def stop(self) -> None:
        profile, trace = self._before
        sys.settrace(trace)
        sys.setprofile(profile)

    def _profiled(self, frame, event, _argument) -> None:
        if event == "c_call":
            self.of["calls"] += 1
            self.functions[frame.f_code] += 1
        elif event == "call" and not _inlined(frame.f_code.co_name):
            self.of["calls"] += 1
            self.functions[frame.f_code] += 1
            figure = LOOP_FIGURES.get(frame.f_code.co_name)
            if figure and frame.f_code.co_filename.endswith("base_events.py"):
                self.of[figure] += 1

    def _traced(self, frame, event, _argument):
        if event == "line":
            self.of["lines"] += 1
            self.functions[frame.f_code] += 1
        return self._traced


def _inlined(name: str) -> bool:
    """Comprehensions are calls up to Python 3.11 only."""
    return name in ("<listcomp>", "<dictcomp>", "<setcomp>")


async def _count(session) -> Counts:
    async with session as operation:
        for _ in range(WARM_UP):
            await operation()
        counts = Counts()
        gc.collect()
        gc.disable()
        counts.start()
        try:
            for _ in range(REPETITIONS):
                await operation()
        finally:
            counts.stop()
            gc.enable()
    return counts


def measure(operation: str) -> dict[str, float]:
    """Return what one operation of this client executes in addition to the floor's operation."""
    theirs = asyncio.run(_count(floor(operation))).of
    mine = asyncio.run(_count(ours(operation))).of
    return {figure: round((mine[figure] - theirs[figure]) / REPETITIONS, 2) for figure in FIGURES}


def where(operation: str, most: int = 60) -> str:
    """Return the calls and lines by function that this client executes in addition to the floor."""
    theirs = asyncio.run(_count(floor(operation))).functions
    mine = asyncio.run(_count(ours(operation))).functions
    added = Counter({code: mine[code] - theirs[code] for code in {*mine, *theirs}})
    rows = [f"{operation}: calls and lines per operation beyond the floor's, by function"]
    rows += [
        f"{n / REPETITIONS:8.2f}  {Path(code.co_filename).name}:{code.co_firstlineno} "
        f"{code.co_qualname}"
        for code, n in added.most_common(most)
    ]
    return "\n".join(rows)


def measure_apart(operation: str) -> dict[str, float]:
    """Call `measure` in a new process, with the hashes of strings fixed."""
    command = [sys.executable, "-m", "benchmarks.guard", "--count", operation]
    done = subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parent.parent,
        env=os.environ | {"PYTHONHASHSEED": "0"},
    )
    return json.loads(done.stdout)


def compare(recorded: dict, found: dict) -> tuple[list[str], list[str]]:
    """Return sentences on figures above their records, and on figures far below them."""
    above, below = [], []
    for operation, figures in found.items():
        for figure, value in figures.items():
            record = recorded.get(operation, {}).get(figure)
            if record is None:
                above.append(f"{operation}: {figure}: {value:g}, and nothing is recorded")
                continue
            margin = max(abs(record) * TOLERANCE, SLACK)
            change = f"{operation}: {figure} added to the floor's: {value:g}, recorded {record:g}"
            if value > record + margin:
                above.append(change)
            elif value < record - margin:
                below.append(change)
    return above, below


def main() -> int:
    options = _options()
    if options.where:
        print(where(options.where))
        return 0
    if options.count:
        print(json.dumps(measure(options.count)))
        return 0
    found = {operation: measure_apart(operation) for operation in OPERATIONS}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    print(_table(version, found, records.get(version, {})))
    if options.record:
        records[version] = found
        RECORD.write_text(json.dumps(dict(sorted(records.items())), indent=2) + "\n")
        print(f"recorded for Python {version} in {RECORD.name}")
        return 0
    if version not in records:
        print(f"nothing is recorded for Python {version}: run with --record")
        return 1
    above, below = compare(records[version], found)
    for change in below:
        print(f"lower: {change}")
    if below:
        print("Some figures are lower than recorded. Run with --record to keep them low.")
    for change in above:
        print(f"ABOVE: {change}")
    if above:
        print(
            "The hot path executes more than is recorded. If this is intended, explain it in the "
            "commit and run `python -m benchmarks.guard --record`. `python -m benchmarks.profile` "
            "shows the time by line."
        )
    return 1 if above else 0


def _table(version: str, found: dict, recorded: dict) -> str:
    rows = [f"Python {version}: per operation, added to the floor's (recorded)"]
    rows.append(f"{'':14}" + "".join(f"{figure:>20}" for figure in FIGURES))
    for operation, figures in found.items():
        cells = ""
        for figure in FIGURES:
            record = recorded.get(operation, {}).get(figure)
            of = "" if record is None else f" ({record:g})"
            cells += f"{f'{figures[figure]:g}{of}':>20}"
        rows.append(f"{operation:14}{cells}")
    return "\n".join(rows)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the counts to the record")
    parser.add_argument("--where", choices=OPERATIONS, help="show the functions of an operation")
    parser.add_argument("--count", choices=OPERATIONS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
