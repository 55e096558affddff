"""Instructions per operation, over the fair floor's: `python -m benchmarks.instructions`.

Times on a shared machine disagree by 10 %; instructions don't. Valgrind's cachegrind counts those
of a process that makes an operation N times, and of one that makes it N + M times: the difference
is M operations, whatever imports and set-up cost. Hashes of strings are fixed, the collector is
off, and the event loop's clock is a counter, so that no timer is due sooner in one run than in the
other: repeats agree to 0.1 %.

It needs valgrind (Debian's package of that name). Everything else here works without it.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import gc
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.hotpath import GOALS, floor, ours, whole_test

WARM_UP = 30
STEPS = {"test": 20, "connect": 40, "broadcast": 20}
STEP = 200
SIDES = ("floor", "ours")
TICK = 1e-6  # seconds that the loop's clock counts each time it is read
COUNTED = re.compile(r"I\s+refs:\s+([\d,]+)")


def make(operation: str, side: str, repetitions: int) -> None:
    """Make the operation so often; what valgrind runs."""
    gc.disable()
    if operation == "test":
        test = whole_test(side)
        for _ in range(repetitions):
            with asyncio.Runner() as runner:
                _count_time(runner.get_loop())
                runner.run(test())
        return
    with asyncio.Runner() as runner:
        _count_time(runner.get_loop())
        runner.run(_repeat(floor(operation) if side == "floor" else ours(operation), repetitions))


def _count_time(loop: asyncio.AbstractEventLoop) -> None:
    ticks = itertools.count()
    loop.time = lambda: next(ticks) * TICK  # type: ignore[method-assign]


async def _repeat(session, repetitions: int) -> None:
    async with session as operation:
        for _ in range(WARM_UP + repetitions):
            await operation()


def count(operation: str, side: str, repetitions: int) -> int:
    """Instructions of a whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
            f"--cachegrind-out-file={folder}/out",
            *(sys.executable, "-m", "benchmarks.instructions"),
            *("--make", operation, side, str(repetitions)),
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).resolve().parent.parent,
            env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )
    found = COUNTED.search(done.stderr)
    if found is None:
        raise RuntimeError(done.stderr)
    return int(found.group(1).replace(",", ""))


def per_operation(operation: str, side: str) -> float:
    """Instructions of one operation."""
    step = STEPS.get(operation, STEP)
    return (count(operation, side, 2 * step) - count(operation, side, step)) / step


def is_available() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def measure(operations, workers: int) -> dict[str, dict[str, float]]:
    """`{operation: {"floor": instructions, "ours": instructions}}`."""
    pairs = [(operation, side) for operation in operations for side in SIDES]
    found: dict[str, dict[str, float]] = {operation: {} for operation in operations}
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        counted = pool.map(lambda pair: per_operation(*pair), pairs)
        for (operation, side), instructions in zip(pairs, counted, strict=True):
            found[operation][side] = instructions
    return found


def as_text(found: dict[str, dict[str, float]]) -> str:
    rows = [f"{'instructions, in thousands':28}{'floor':>10}{'ours':>10}{'ratio':>8}{'goal':>8}"]
    for operation, sides in found.items():
        ratio = sides["ours"] / sides["floor"]
        rows.append(
            f"{operation:28}{sides['floor'] / 1e3:>10.1f}{sides['ours'] / 1e3:>10.1f}"
            f"{ratio:>8.3f}{GOALS[operation]:>8.2f}"
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("operations", nargs="*", help=f"of {', '.join(GOALS)}")
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    if options.make:
        operation, side, repetitions = options.make
        make(operation, side, int(repetitions))
        return 0
    unknown = sorted(set(options.operations) - set(GOALS))
    if unknown:
        parser.error(f"{', '.join(unknown)}: none of {', '.join(GOALS)}")
    if not is_available():
        print("valgrind is not installed; see `python -m benchmarks` for times")
        return 2
    found = measure(options.operations or list(GOALS), options.workers)
    print(as_text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
