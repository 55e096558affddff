"""A pytest plugin that records the lines of the package that each test runs, and its duration.

`mutants.selection` loads the plugin with ``-p mutants.recording`` and reads its output: one file
per process, in the folder that `MUTANTS_RECORDING` names.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import coverage
import pytest

from mutants.sample import CONFIG

FOLDER = Path(os.environ["MUTANTS_RECORDING"])
PACKAGE = Path("asgi_sio_testclient").resolve()

# This starts before tests/conftest.py is imported, which stops the tracer and starts it in each
# test.
_coverage = coverage.Coverage(
    data_file=None,
    config_file=False,
    include=[f"{PACKAGE}/{folder}/*" for folder in CONFIG["folders"]],
)
_coverage.start()
_seconds: dict[str, float] = {}
_not_passed: set[str] = set()
_failed: set[str] = set()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Also trace the tests that tests/conftest.py does not trace to save time."""
    for plugin in config.pluginmanager.get_plugins():
        if hasattr(plugin, "UNTRACED"):
            plugin.UNTRACED = ()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Any:  # noqa: ARG001
    _coverage.switch_context(item.nodeid)
    began = time.perf_counter()
    result = yield
    _seconds[item.nodeid] = time.perf_counter() - began
    _coverage.switch_context("")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.outcome != "passed":
        _not_passed.add(report.nodeid)
        if report.outcome == "failed":
            _failed.add(report.nodeid)


def lines_of_tests() -> dict[str, dict[str, list[int]]]:
    """Return the tests' numbers by line and module; the test "" stands for the import
    of modules.
    """
    numbers = {name: number for number, name in enumerate(_seconds)}
    data = _coverage.get_data()
    return {
        Path(file).relative_to(PACKAGE.parent).as_posix(): {
            str(line): [numbers[name] for name in names if name in numbers]
            for line, names in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


def pytest_unconfigure(config: pytest.Config) -> None:  # noqa: ARG001
    _coverage.stop()
    if not _seconds:
        return
    recorded = {
        "tests": list(_seconds),
        "seconds": list(_seconds.values()),
        "not_passed": sorted(_not_passed),
        "failed": sorted(_failed),
        "lines": lines_of_tests(),
        "imported": [
            name
            for name, module in sys.modules.items()
            if "site-packages" in (getattr(module, "__file__", None) or "")
        ],
    }
    FOLDER.joinpath(f"{os.getpid()}.json").write_text(json.dumps(recorded), encoding="utf-8")
