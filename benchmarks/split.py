"""Where the instructions go that this client adds: `python -m benchmarks.split [OPERATION]`.

Valgrind counts instructions and knows nothing of Python's functions. What is counted here is the
bytecode that each function executes, for the floor and for this client; the difference is what this
client adds, by the part of this package and by library. What functions written in C do for a
bytecode is not told apart. The counts are exact: noise can't change them.
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
    """Bytecodes by function."""
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
    """Whose code a file has."""
    parts = Path(filename).parts
    if PACKAGE in parts:
        below = parts[parts.index(PACKAGE) + 1]
        return PARTS.get(below, "the rest of this package")
    if "benchmarks" in parts:
        return DRIVER
    return next((title for name, title in LIBRARIES.items() if name in parts), OTHER)


def measure(operation: str, repetitions: int = REPETITIONS) -> dict[str, dict[str, float]]:
    """`{part: {"floor": bytecodes, "ours": bytecodes}}`, per operation."""
    found: dict[str, dict[str, float]] = {}
    for side, open_session in (("floor", floor), ("ours", ours)):
        for code, n in asyncio.run(count(open_session(operation), repetitions)).items():
            sides = found.setdefault(part_of(code.co_filename), {"floor": 0.0, "ours": 0.0})
            sides[side] += n / repetitions
    return found


def added(found: dict[str, dict[str, float]]) -> list[tuple[str, float, float]]:
    """Part, bytecodes added to the floor's, and their share of all that is added; most first."""
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
