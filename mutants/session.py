"""Run a sample of mutants of the core against the tests of their modules, and report the rate.

`nox -s mutants` calls it. Cosmic Ray makes the mutants, in copies of the checkout: the checkout
itself stays as it is.
"""

from __future__ import annotations

import argparse
import ast
import compileall
import fnmatch
import multiprocessing
import os
import py_compile
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.plugins import get_operator, operator_names
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).parents[1]
PACKAGE = "asgi_sio_testclient"
CONFIG = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text(encoding="utf-8"))
EQUIVALENT = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text(encoding="utf-8"))
LIMIT = 0.05  # of the mutants that are not equivalent may survive


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant: "killed", "timeout", "survived", "equivalent" or "failed"."""

    mutant: MutationSpec
    verdict: str
    diff: str
    output: str
    seconds: float

    def __str__(self) -> str:
        where = f"{self.mutant.module_path}:{self.mutant.start_pos[0]}"
        operator = self.mutant.operator_name.removeprefix("core/")
        return f"{self.verdict:<10} {where} {operator} ({self.seconds:.1f} s)"


# -- the sample


def annotation_spans(path: Path) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return the begin and end of each annotation in a module: changed or not, nothing runs."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign | ast.arg):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.append(node.returns)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            found.append(node.test)
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if each is not None
    ]


def mutants_of(path: Path) -> Iterator[MutationSpec]:
    """All mutants of a module that the configuration admits, in a fixed order."""
    nodes = list(ast_nodes(get_ast_from_path(path)))
    spans = annotation_spans(path)
    for name in sorted(operator_names()):
        operator = get_operator(name)
        if operator.arguments() or any(fnmatch.fnmatch(name, each) for each in CONFIG["left_out"]):
            continue
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if not any(begin <= start < past for begin, past in spans):
                yield MutationSpec(path, name, occurrence, start, end)


def all_mutants(pattern: str) -> list[MutationSpec]:
    """All mutants of those modules of the core whose path in the package fits the pattern."""
    folders = [Path(PACKAGE, folder) for folder in CONFIG["folders"]]
    return [
        mutant
        for path in sorted(find_modules(folders))
        if fnmatch.fnmatch(path.relative_to(PACKAGE).as_posix(), pattern)
        for mutant in mutants_of(path)
    ]


# -- the tests of a module


def tests_of(module: Path) -> list[str]:
    """Return the test files of a module, those that mirror it first."""
    folder = module.relative_to(PACKAGE).parts[0]
    stem = module.stem.strip("_")
    mirror = sorted(Path("tests", folder).glob("test_*.py"))
    own = [path for path in mirror if path.stem.startswith(f"test_{stem}")]
    everywhere = sorted(Path("tests").rglob("test_*.py"))
    listed = [path for name in CONFIG["tests"][folder] for path in everywhere if path.name == name]
    return [path.as_posix() for path in dict.fromkeys([*own, *listed, *mirror])]


def command(files: Iterable[str], *options: str) -> list[str]:
    quick = ("-q", "-x", "-p", "no:cacheprovider", "-m", "not proof")
    return [sys.executable, "-m", "pytest", *quick, *options, *files]


# -- one worker


def prepare(copy: Path) -> None:
    """Copy what the tests need, with bytecode that Python checks by the source's hash: a change
    within the second in which the file was written before would pass unseen by its time.
    """
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if Path(ROOT, name).is_file():
            Path(copy, name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(ROOT, name), Path(copy, name))
    compileall.compile_dir(
        copy / PACKAGE, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
    )
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    # In front of the checkout, which is installed: in the processes that tests start, too.
    os.environ["PYTHONPATH"] = str(copy)


def check_baseline(folders: Iterable[str]) -> None:
    """Run the tests on the unchanged code: one that fails there would kill every mutant."""
    for folder in folders:
        result = subprocess.run(
            command(tests_of(Path(PACKAGE, folder, "__init__.py"))),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode:
            sys.exit(f"the tests of {folder} fail on the unchanged code:\n{result.stdout}")


def changed_lines(diff: str) -> tuple[str, str]:
    """Return what a diff takes away and what it adds, without what indents it."""
    lines = diff.splitlines()
    removed = (line[1:] for line in lines if line[:1] == "-" and line[:3] != "---")
    added = (line[1:] for line in lines if line[:1] == "+" and line[:3] != "+++")
    return " ".join(map(str.strip, removed)), " ".join(map(str.strip, added))


def is_equivalent(mutant: MutationSpec, diff: str) -> bool:
    module = mutant.module_path.relative_to(PACKAGE).as_posix()
    changed = (module, *changed_lines(diff))
    return any(
        changed == (each["module"], each["line"], each["mutant"])
        for each in EQUIVALENT.get("equivalent", ())
    )


def run(mutant: MutationSpec) -> Outcome:
    began = time.monotonic()
    limit = f"--timeout={CONFIG['test_timeout']}"
    tests = shlex.join(command(tests_of(mutant.module_path), limit))
    result: Any = mutate_and_test([mutant], tests, CONFIG["timeout"])
    verdict = "failed" if result.test_outcome is None else result.test_outcome.value
    if verdict == "incompetent":
        verdict = "failed"
    elif verdict == "killed" and result.output == "timeout":
        verdict = "timeout"
    diff = result.diff or ""
    if verdict == "survived" and is_equivalent(mutant, diff):
        verdict = "equivalent"
    return Outcome(mutant, verdict, diff, result.output or "", time.monotonic() - began)


def enter_copy(copies: Any) -> None:
    os.chdir(copies.get())
    os.environ["PYTHONPATH"] = str(Path.cwd())


def run_all(mutants: list[MutationSpec], workers: int) -> Iterator[Outcome]:
    """Run the mutants, one at a time in each copy of the checkout; the outcomes as they come."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        first = Path(temporary, "0")
        prepare(first)
        os.chdir(first)
        # Hypothesis keeps its tables of Unicode in the copy: they are made once, here.
        check_baseline(sorted({mutant.module_path.parts[1] for mutant in mutants}))
        copies = context.Queue()
        copies.put(first)
        for number in range(1, workers):
            copies.put(shutil.copytree(first, Path(temporary, str(number))))
        with context.Pool(workers, enter_copy, (copies,)) as pool:
            yield from pool.imap_unordered(run, mutants)
        os.chdir(ROOT)


# -- the report


def report(outcomes: list[Outcome]) -> int:
    """Print the survivors and the rate; return the exit status."""
    survivors = [outcome for outcome in outcomes if outcome.verdict == "survived"]
    for outcome in survivors:
        print(f"\n{outcome}\n{outcome.diff}")
    counts = dict.fromkeys(("killed", "timeout", "survived", "equivalent", "failed"), 0)
    for outcome in outcomes:
        counts[outcome.verdict] += 1
    counted = len(outcomes) - counts["equivalent"] - counts["failed"]
    rate = len(survivors) / counted if counted else 0.0
    print(f"\n{', '.join(f'{count} {verdict}' for verdict, count in counts.items())}")
    print(f"{len(survivors)} of {counted} mutants that are not equivalent survived: {rate:.1%}")
    return int(rate > LIMIT or counts["failed"] > 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=CONFIG["count"], help="how many mutants")
    parser.add_argument("--seed", type=int, default=CONFIG["seed"], help="of the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("--module", default="*", help="a pattern, such as '_protocol/*'")
    options = parser.parse_args()
    os.chdir(ROOT)
    mutants = all_mutants(options.module)
    sample = random.Random(options.seed).sample(mutants, min(options.count, len(mutants)))
    print(f"{len(sample)} of {len(mutants)} mutants, seed {options.seed}", flush=True)
    outcomes = []
    for outcome in run_all(sample, options.workers):
        outcomes.append(outcome)
        print(outcome, flush=True)
    return report(outcomes)
