"""Instructions per operation, over the floor's: `python -m benchmarks.instructions`.

Times on a shared machine differ by 10 % between runs; counts of instructions do not. Valgrind's
cachegrind counts the instructions of a process. One process imports all modules and forks: a child
performs an operation N times, another child N + M times. The difference is the cost of M
operations, without that of imports and set-up. Hashes of strings are fixed, the garbage collector
is off, and the event loop's clock is a counter, so that timers are due at the same points of each
run: the counts of two runs agree to 0.1 %.

This module needs valgrind (Debian's package of that name) and `os.fork`; the other benchmarks do
not.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import traceback
from pathlib import Path

from benchmarks.hotpath import GOALS, floor, ours, whole_test

WARM_UP = 30
STEPS = {"test": 20, "connect": 40, "broadcast": 10}
STEP = 100
SIDES = ("floor", "ours")
TICK = 1e-6  # seconds that the loop's clock counts each time it is read
COUNTED = re.compile(r"==(\d+)==\s+I\s+refs:\s+([\d,]+)")
LIMIT_S = 900


def make(operation: str, side: str, repetitions: int) -> None:
    """Perform the operation a number of times: the function that valgrind runs."""
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


def make_apart(operation: str, side: str, repetitions: int) -> dict:
    """Call `make` in a child of this process; return its arguments, the child's process id and
    whether the child failed.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            make(operation, side, repetitions)
            status = 0
        except BaseException:  # noqa: BLE001 - the child ends here, whatever happens
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return {
        "operation": operation,
        "side": side,
        "repetitions": repetitions,
        "process": child,
        "failed": status != 0,
    }


def is_available() -> bool:
    """Return whether valgrind is installed."""
    return shutil.which("valgrind") is not None


def measure(operations) -> dict[str, dict[str, float]]:
    """Return `{operation: {"floor": instructions, "ours": instructions}}`, without failed ones."""
    command = [
        *("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
        *(sys.executable, "-m", "benchmarks.instructions", "--make", *operations),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_S,
        cwd=Path(__file__).resolve().parent.parent,
        env=os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    made = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return per_operation(made, counts(done.stderr))


def counts(log: str) -> dict[int, int]:
    """Return the instructions by process id, read from valgrind's output."""
    return {int(process): int(n.replace(",", "")) for process, n in COUNTED.findall(log)}


def per_operation(made: list[dict], instructions: dict[int, int]) -> dict[str, dict[str, float]]:
    """Return the instructions of one operation: the difference of two processes, divided by the
    difference of their repetitions.
    """
    totals: dict[tuple[str, str], dict[int, int]] = {}
    for run in made:
        if not run["failed"] and run["process"] in instructions:
            of = totals.setdefault((run["operation"], run["side"]), {})
            of[run["repetitions"]] = instructions[run["process"]]
    found: dict[str, dict[str, float]] = {}
    for (operation, side), of in totals.items():
        if len(of) > 1:
            few, many = min(of), max(of)
            found.setdefault(operation, {})[side] = (of[many] - of[few]) / (many - few)
    return {operation: sides for operation, sides in found.items() if sides.keys() == set(SIDES)}


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
    parser.add_argument("--make", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    if options.make:
        for operation, side in itertools.product(options.make, SIDES):
            step = STEPS.get(operation, STEP)
            for repetitions in (step, 2 * step):
                print(json.dumps(make_apart(operation, side, repetitions)), flush=True)
        return 0
    unknown = sorted(set(options.operations) - set(GOALS))
    if unknown:
        parser.error(f"{', '.join(unknown)}: none of {', '.join(GOALS)}")
    if not is_available():
        print("valgrind is not installed; see `python -m benchmarks` for times")
        return 2
    found = measure(options.operations or list(GOALS))
    print(as_text(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
