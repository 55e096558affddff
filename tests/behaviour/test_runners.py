"""Each test runner and style of fixtures runs in a new process, with warnings as errors."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

RUNNERS = Path(__file__).parents[1] / "runners"
ROOT = RUNNERS.parent.parent

# pytest-asyncio warns if this option is not set.
SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")
FRAMEWORKS = 8


def run(*arguments):
    """Run Python with a program of ``runners/`` and return its output; fail if it
    failed or warned.
    """
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(RUNNERS)]),
    }
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        check=False,
        cwd=RUNNERS,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert "never retrieved" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
# 8 frameworks under each of 15 runners: 6 s, and more on a shared core
@pytest.mark.timeout(120)
def test_every_runner_with_each_framework_and_none_of_them(tmp_path):
    """pytest runs as in an empty project, without this repository's settings."""
    pytest.importorskip("uvloop")
    pytest.importorskip("trio")
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    printed = run(
        *("frameworks_everywhere.py", "-q", "-W", "error", "-c", str(settings)),
        *(f"--rootdir={RUNNERS}", "-p", "no:cacheprovider", *SCOPE),
    )
    strict, auto, cases = re.findall(r"^(\d+ passed) in|^(Ran \d+ tests)", printed, re.MULTILINE)
    assert strict[0] == f"{12 + 32 + 1 + 6 * FRAMEWORKS} passed"
    assert auto[0] == f"{30 + FRAMEWORKS} passed"
    assert cases[1] == "Ran 9 tests"
    assert printed.rstrip().endswith("OK")


@pytest.mark.slow
def test_unittest():
    assert "Ran 7 tests" in run("-X", "dev", "-m", "unittest", "unittest_case")


@pytest.mark.slow
def test_djangos_cases_with_their_database():
    printed = run(str(ROOT / "docs" / "examples" / "django_cases.py"))
    assert "Ran 4 tests" in printed


@pytest.mark.slow
def test_plain_asyncio_and_uvloop():
    pytest.importorskip("uvloop")
    printed = run("-X", "dev", "plain_run.py", "asyncio", "uvloop")
    assert printed.splitlines() == ["9 loops of asyncio", "9 loops of uvloop"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_of_asyncio_and_uvloop():
    pytest.importorskip("uvloop")
    printed = run("-X", "dev", "plain_run.py", "eager:asyncio", "eager:uvloop")
    assert printed.splitlines() == ["9 loops of eager:asyncio", "9 loops of eager:uvloop"]
