"""The tests that run a line, recorded once by `mutants.recording` and selected for each mutant."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mutants.sample import CONFIG, Mutant


@dataclass(frozen=True)
class Recording:
    """The tests of a recording.

    Attributes:
        tests: the names of the tests.
        seconds: the duration of each test.
        lines: the numbers of the tests that run a line, by module and line.
        imported: the imported modules of other packages.
    """

    tests: list[str]
    seconds: list[float]
    lines: dict[str, dict[int, array[int]]]
    imported: list[str]

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the mutant's statement, the most promising first, within the
        configured budget of seconds.

        The first tests differ in the lines that they run in the function, and then in their files,
        because tests of one file often detect the same mistakes.
        """
        by_line = self.lines.get(mutant.module, {})
        statement, function = lines_around(Path(mutant.module), mutant.line)
        found = self.numbers(mutant.module, statement)
        of_source: list[int] = []
        if not found:  # the statement runs at import
            found = self.numbers(mutant.module, function) or self.numbers(mutant.module, by_line)
            of_source = [
                number
                for number, test in enumerate(self.tests)
                if file_of(test) in CONFIG["tests_of_source"]
            ]
        cheapest = sorted(found, key=self.seconds.__getitem__)
        by_file: dict[str, list[int]] = {}
        for number in cheapest:
            by_file.setdefault(file_of(self.tests[number]), []).append(number)
        ways = [set(by_line.get(line, ())) for line in function]
        some = CONFIG["of_each"]
        ordered = [
            *of_source,
            *chain(*(islice((each for each in cheapest if each in way), some) for way in ways)),
            *chain(*(numbers[:some] for numbers in by_file.values())),
            *cheapest,
        ]
        mirror = set(mirror_of(mutant.module))
        chosen = self.within_budget(dict.fromkeys(ordered))
        tests = [self.tests[number] for number in chosen]
        # Tests of one file follow each other, the fastest first.
        rank = {test: number for number, test in enumerate(dict.fromkeys(map(file_of, tests)))}
        return sorted(tests, key=lambda test: (file_of(test) not in mirror, rank[file_of(test)]))

    def numbers(self, module: str, lines: Iterable[int]) -> set[int]:
        by_line = self.lines.get(module, {})
        return set(chain.from_iterable(by_line.get(line, ()) for line in lines))

    def passed(self) -> list[str]:
        """Return the tests that passed during the recording, the fastest last."""
        ran = set(chain.from_iterable(chain(*map(dict.values, self.lines.values()))))
        numbers = sorted(ran, key=self.seconds.__getitem__, reverse=True)
        return [self.tests[number] for number in numbers]

    def within_budget(self, numbers: Iterable[int]) -> Iterator[int]:
        spent = 0.0
        for number in numbers:
            if not spent or spent + self.seconds[number] <= CONFIG["budget"]:
                spent += self.seconds[number]
                yield number


def mirror_of(module: str) -> list[str]:
    """Return the test files of the module's folder, those named after the module first."""
    path = Path(module)
    named = f"test_{path.stem.strip('_')}"
    files = sorted(Path("tests", path.parts[1]).glob("test_*.py"))
    return [file.as_posix() for file in sorted(files, key=lambda file: named not in file.stem)]


def file_of(test: str) -> str:
    return test.partition("::")[0]


def lines_around(path: Path, line: int) -> tuple[range, range]:
    """Return the lines of the statement that contains a line, without its body, and those of the
    function that contains it; no lines if there is no function.
    """
    statement, function = range(line, line + 1), range(0)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.stmt):
            end = node.end_lineno or node.lineno
            body = getattr(node, "body", None)
            past = body[0].lineno if body else end + 1
            # The walk starts at the outermost function, so the last one is the innermost.
            if node.lineno <= line < past:
                statement = range(node.lineno, past)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and line <= end:
                function = range(node.lineno, end + 1) if node.lineno <= line else function
    return statement, function


def parts_of(files: list[Path], number: int) -> list[list[str]]:
    """Split files into parts of about the same size."""
    parts: list[list[str]] = [[] for _ in range(number)]
    sizes = [0] * number
    for file in sorted(files, key=lambda file: -file.stat().st_size):
        smallest = sizes.index(min(sizes))
        parts[smallest].append(file.as_posix())
        sizes[smallest] += file.stat().st_size
    return [part for part in parts if part]


def record(copy: Path, workers: int) -> dict[str, Any]:
    """Run the tests of the core under coverage, in as many processes as there are workers."""
    files = [
        file
        for name in CONFIG["tests"]
        for file in ([copy / name] if name.endswith(".py") else (copy / name).rglob("test_*.py"))
    ]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        environment = os.environ | {
            "COVERAGE_CORE": "ctrace",  # the only core that records contexts
            "MUTANTS_RECORDING": folder,
            "PYTHONPATH": str(copy),
        }
        options = ("-q", "-p", "mutants.recording", "-p", "no:cacheprovider", "--assert=plain")
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, "-m", "not proof", *part],
                cwd=copy, env=environment, stdout=subprocess.DEVNULL,
            )
            for part in parts_of(files, workers)
        ]  # fmt: skip
        for process in running:
            if process.wait() not in (0, 1):
                sys.exit(f"the tests could not be run: {process.args}")
        parts = [file.read_text(encoding="utf-8") for file in sorted(Path(folder).iterdir())]
        return merged(map(json.loads, parts))


def merged(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Merge the recordings of several processes, without tests that did not pass."""
    tests: list[str] = []
    seconds: list[float] = []
    lines: dict[str, dict[str, list[int]]] = {}
    imported: dict[str, None] = {}
    not_passed: list[str] = []
    failed: list[str] = []
    for part in parts:
        first = len(tests)
        tests += part["tests"]
        seconds += part["seconds"]
        not_passed += part["not_passed"]
        failed += part["failed"]
        imported |= dict.fromkeys(part["imported"])
        left_out = set(part["not_passed"])
        kept = {number for number, name in enumerate(part["tests"]) if name not in left_out}
        for module, by_line in part["lines"].items():
            of_module = lines.setdefault(module, {})
            for line, numbers in by_line.items():
                found = (first + number for number in numbers if number in kept)
                of_module.setdefault(line, []).extend(found)
    return {
        "tests": tests, "seconds": seconds, "lines": lines, "imported": list(imported),
        "not_passed": not_passed, "failed": failed,
    }  # fmt: skip


def load(recorded: dict[str, Any]) -> Recording:
    lines = {
        module: {int(line): array("L", numbers) for line, numbers in by_line.items()}
        for module, by_line in recorded["lines"].items()
    }
    return Recording(recorded["tests"], recorded["seconds"], lines, recorded["imported"])
