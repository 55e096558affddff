"""Splits this client's additional bytecodes by part: `python -m benchmarks.split [OPERATION]`.

Valgrind counts instructions, but can't assign them to Python functions. This module counts the
bytecodes that each function executes, for the floor and for this client. The difference is what
this client adds, by part of this package and by library. The work of functions written in C is not
included. The counts are exact and do not depend on the machine's load.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
from collections import Counter
from pathlib import Path
from types import CodeType

from benchmarks.guard import REPETITIONS, WARM_UP
from benchmarks.hotpath import OPERATIONS, floor, ours

PACKAGE = "asgi_sio_testclient"
PARTS = {
    "_client": "the client: options, inbox, acks, dispatch",
    "_connection": "the Engine.IO session, its transports and the transcript",
    "asgi": "ASGI scopes and calls",
    "_server": "the hooks on the server and the runs of its handlers",
    "_waiting": "bounds of waits, and whether the app is at rest",
    "_protocol": "encoding and decoding",
    "_http": "headers, cookies and URLs",
}
LIBRARIES = {"socketio": "python-socketio", "engineio": "python-engineio", "asyncio": "asyncio"}
DRIVER = "the driver"
OTHER = "other libraries"


class Bytecodes:
    """Counts the bytecode that each function executes."""

    def __init__(self) -> None:
        self.functions: Counter[CodeType] = Counter()

    def start(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def stop(self) -> None:
        sys.settrace(self._before)

    def _called(self, frame, _event, _argument):
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self._executed

    def _executed(self, frame, event, _argument):
        if event == "opcode":
            self.functions[frame.f_code] += 1
        return self._executed


async def count(session, repetitions: int) -> Counter[CodeType]:
    """Return the number of bytecodes by function."""
    async with session as operation:
        for _ in range(WARM_UP):
            await operation()
        counted = Bytecodes()
        gc.collect()
        gc.disable()
        counted.start()
        try:
            for _ in range(repetitions):
                await operation()
        finally:
            counted.stop()
            gc.enable()
    return counted.functions


def part_of(filename: str) -> str:
    """Return the part of this package, or the library, that a file belongs to."""
    parts = Path(filename).parts
    if PACKAGE in parts:
        below = parts[parts.index(PACKAGE) + 1]
        return PARTS.get(below, "the rest of this package")
    if "benchmarks" in parts:
        return DRIVER
    return next((title for name, title in LIBRARIES.items() if name in parts), OTHER)


def measure(operation: str, repetitions: int = REPETITIONS) -> dict[str, dict[str, float]]:
    """Return `{part: {"floor": bytecodes, "ours": bytecodes}}`, per operation."""
    found: dict[str, dict[str, float]] = {}
    for side, open_session in (("floor", floor), ("ours", ours)):
        for code, n in asyncio.run(count(open_session(operation), repetitions)).items():
            sides = found.setdefault(part_of(code.co_filename), {"floor": 0.0, "ours": 0.0})
            sides[side] += n / repetitions
    return found


def added(found: dict[str, dict[str, float]]) -> list[tuple[str, float, float]]:
    """Return rows of the part, its additional bytecodes and their share; the largest first."""
    rows = {part: sides["ours"] - sides["floor"] for part, sides in found.items()}
    total = sum(rows.values())
    ordered = sorted(rows.items(), key=lambda row: -row[1])
    return [(part, n, n / total if total else 0.0) for part, n in ordered]


def as_text(operation: str, found: dict[str, dict[str, float]]) -> str:
    rows = [f"{operation}: bytecodes per operation, added to the floor's"]
    rows += [f"{n:10.1f} {share:7.1%}  {part}" for part, n, share in added(found)]
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.split", description=__doc__)
    parser.add_argument("operations", nargs="*", help=f"of {', '.join(OPERATIONS)}")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    options = parser.parse_args()
    for operation in options.operations or OPERATIONS:
        print(as_text(operation, measure(operation, options.repetitions)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
