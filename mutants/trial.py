"""Run the tests of one mutant in a forked process, which has already imported the tests' modules.

The fork saves the start of an interpreter and of pytest for each mutant, which takes 5 s.
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import gc
import importlib
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator

from mutants.sample import CONFIG, Mutant, is_equivalent
from mutants.selection import mirror_of

ROOT = Path(__file__).parents[1]
RECORDED: set[str] = set()  # the names of all recorded tests, in a worker
MEMORY = 4 << 30  # bytes, the limit for a mutant with an endless loop


@dataclass(frozen=True)
class Outcome:
    """The result of one mutant.

    `verdict` is "killed" (a test failed, which `by` names), "timeout", "survived", "equivalent"
    (listed, and not run) or "failed" (the mutant could not be run).
    """

    mutant: Mutant
    verdict: str
    diff: str
    by: str = ""
    output: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"{self.verdict:<10} {self.mutant} ({self.seconds:.1f} s) {self.by}".rstrip()


class Chosen:
    """A pytest plugin that runs the selected tests in their order, after those that are not
    recorded yet.

    `status` is pytest's exit status after the last test, without later exceptions.
    """

    def __init__(self, tests: list[str]) -> None:
        self.ranks = {test: rank for rank, test in enumerate(tests)}
        self.status: int | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self.ranks or item.nodeid not in RECORDED]
        items[:] = sorted(kept, key=lambda item: self.ranks.get(item.nodeid, -1))

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        self.status = int(exitstatus)


def enter(copies: Any, imported: list[str], recorded: list[str]) -> None:
    """Prepare a worker: change to a copy of the checkout, and import the modules of the tests."""
    RECORDED.update(recorded)
    os.chdir(copies.get())
    os.environ["PYTHONPATH"] = str(Path.cwd())
    sys.path[:] = [str(Path.cwd()), *(entry for entry in sys.path if entry not in ("", str(ROOT)))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in imported:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


def run_pytest(tests: list[str], files: Iterable[str]) -> int:
    args = (
        *("-q", "-x", "-p", "no:cacheprovider", "--assert=plain", "-m", "not proof"),
        # The thread method ends the process; the exception of the signal method might be caught.
        *(f"--timeout={CONFIG['test_timeout']}", "--timeout-method=thread"),
    )
    chosen = Chosen(tests)
    try:
        status = int(pytest.main([*args, *files], plugins=[chosen]))
    except Exception:
        # Warnings about leftovers of the last tests, which are no failure of a test.
        if chosen.status is None:
            raise
        return chosen.status
    return status


def fork(function: Any, output: int) -> int:
    """Call a function in a forked process with a new session; its result is the exit status."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        status = function()
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def wait(child: int, seconds: float) -> int | None:
    """Return a child's exit status, negative for a signal, or None at the timeout. The child is
    killed at the timeout, and its own children in each case.
    """
    deadline = time.monotonic() + seconds
    status = None
    while time.monotonic() < deadline:
        ended, code = os.waitpid(child, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
            break
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return status


def try_tests(tests: list[str], files: Iterable[str]) -> tuple[str, str]:
    """Run tests with the code of this copy, and return the verdict and the output.

    Files that were removed since the recording are omitted.
    """
    files = [file for file in files if Path(file).exists()]
    with tempfile.TemporaryFile() as output:
        child = fork(functools.partial(run_pytest, tests, files), output.fileno())
        status = wait(child, CONFIG["timeout"])
        output.seek(0)
        text = output.read().decode(errors="replace")
    if status is None or "+ Timeout +" in text:
        return "timeout", text
    passed = status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
    return ("survived" if passed else "killed"), text


def change(mutant: Mutant, tests: list[str]) -> Outcome:
    """Make one change in this copy, run the tests, and revert the change."""
    began = time.monotonic()
    operator = get_operator(mutant.operator)()
    with use_mutation(Path(mutant.module), operator, mutant.occurrence) as (before, after):
        if after is None:
            return Outcome(mutant, "failed", "", output="no such place")
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
        diff = "\n".join(lines)
        if is_equivalent(mutant, diff):
            return Outcome(mutant, "equivalent", diff)
        files = dict.fromkeys(test.partition("::")[0] for test in tests)
        files |= dict.fromkeys(mirror_of(mutant.module))
        verdict, output = try_tests(tests, files)
    killer = re.search(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", output, re.MULTILINE)
    by = killer[1] if killer and verdict == "killed" else ""
    return Outcome(mutant, verdict, diff, by, output, time.monotonic() - began)


def unchanged(tests: list[str]) -> tuple[str, str]:
    """Run tests on the unchanged code, as `change` does."""
    return try_tests(tests, dict.fromkeys(test.partition("::")[0] for test in tests))
