"""Run a sample of mutants of the core with the tests that run their lines, and report the rate.

`nox -s mutants` calls this module. Cosmic Ray makes the mutants in copies of the checkout, which
itself does not change. The module needs `os.fork`.
"""

from __future__ import annotations

import argparse
import compileall
import json
import multiprocessing
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from mutants import selection, trial
from mutants.sample import CONFIG, PACKAGE, Mutant, all_mutants, draw
from mutants.trial import Outcome

ROOT = Path(__file__).parents[1]
LIMIT = 0.05  # the share of mutants, without equivalent ones, that may survive


# -- the copies of the checkout


def prepare(copy: Path) -> None:
    """Copy the files that the tests need. Python checks the bytecode of the copy by the source's
    hash, because a change within one second is not visible in a file's time.
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
    compileall.compile_dir(copy / "tests", quiet=2)


def recording_of(copy: Path, workers: int, state: Path) -> selection.Recording:
    """Record which tests run which lines, or read an earlier recording of that folder."""
    kept = state / "recording.json"
    if not kept.exists():
        print("recording which tests run which lines", flush=True)
        recorded = selection.record(copy, workers)
        kept.write_text(json.dumps(recorded), encoding="utf-8")
        for name in recorded["failed"]:
            print(f"omitted, because it failed: {name}")
    return selection.load(json.loads(kept.read_text(encoding="utf-8")))


# -- running the mutants


def known_outcomes(state: Path) -> dict[str, Outcome]:
    """Return the outcomes of an earlier run by the keys of their mutants."""
    path = state / "outcomes.jsonl"
    outcomes = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        fields = json.loads(line)
        mutant = Mutant(**fields.pop("mutant"))
        outcomes[mutant.key] = Outcome(mutant, **fields)
    return outcomes


def keep(state: Path, outcome: Outcome) -> None:
    with Path(state, "outcomes.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"{json.dumps(asdict(outcome))}\n")


@contextmanager
def workers_on(
    copy: Path, workers: int, recording: selection.Recording
) -> Iterator[ProcessPoolExecutor]:
    """Start processes, each with its own copy of the checkout."""
    context = multiprocessing.get_context("spawn")
    copies = context.Queue()
    for number in range(workers):
        copies.put(shutil.copytree(copy, copy.with_name(f"copy-{number}"), symlinks=True))
    entered = (copies, recording.imported, recording.tests)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with ProcessPoolExecutor(workers, context, trial.enter, entered) as pool:
        yield pool


def check_unchanged(pool: ProcessPoolExecutor, tests: list[str], when: str) -> None:
    """Run the tests with the unchanged code: a test that fails there would count as detecting every
    mutant.
    """
    verdict, output = pool.submit(trial.unchanged, tests).result()
    if verdict != "survived":
        sys.exit(f"{output}\n{when}: these tests do not pass on the unchanged code")


def run_all(
    mutants: list[Mutant], pool: ProcessPoolExecutor, recording: selection.Recording
) -> Iterator[Outcome]:
    """Run the mutants, one at a time in each copy of the checkout, and yield the outcomes."""
    by_file = {test.partition("::")[0]: test for test in recording.passed()}
    check_unchanged(pool, list(by_file.values()), "before the first mutant")
    futures = [pool.submit(trial.change, mutant, recording.tests_of(mutant)) for mutant in mutants]
    killers = set()
    for future in as_completed(futures):
        outcome = future.result()
        killers.add(outcome.by)
        yield outcome
    if noticed := sorted(killers - {""}):
        check_unchanged(pool, noticed, "after the last mutant")


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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=CONFIG["count"], help="how many mutants")
    parser.add_argument("--seed", type=int, default=CONFIG["seed"], help="of the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="at a time")
    parser.add_argument("--module", default="*", help="a pattern, such as '_protocol/*'")
    parser.add_argument(
        "--state",
        type=Path,
        help="keep the recording and the outcomes in this folder; run only mutants without an "
        "outcome there, and those that survived",
    )
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    os.chdir(ROOT)
    mutants = all_mutants(options.module)
    sample = draw(mutants, options.count, options.seed)
    print(f"{len(sample)} of {len(mutants)} mutants, seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        state = options.state or Path(temporary)
        state.mkdir(parents=True, exist_ok=True)
        known = known_outcomes(state)
        settled = {key for key, each in known.items() if each.verdict in ("killed", "timeout")}
        copy = Path(temporary, "copy")
        prepare(copy)
        recording = recording_of(copy, options.workers, state)
        with workers_on(copy, options.workers, recording) as pool:
            missing = [mutant for mutant in sample if mutant.key not in settled]
            for outcome in run_all(missing, pool, recording):
                known[outcome.mutant.key] = outcome
                keep(state, outcome)
                print(outcome, flush=True)
    return report([known[mutant.key] for mutant in sample])
