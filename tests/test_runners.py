"""Every runner and fixture style, in a process of its own, with warnings as errors."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUNNERS = Path(__file__).parent / "runners"
ROOT = RUNNERS.parent.parent

# pytest-asyncio itself warns where this isn't set.
SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")
# Of framework and transports: 7 over each of 3, and Flask-SocketIO without the websocket.
COMBINATIONS = 7 * 3 + 2


def run(*arguments, plugins=()):
    """Run Python on a program of ``runners/``: what it printed. Fails if it failed or warned."""
    environment = {
        **os.environ,
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": ",".join(plugins),
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
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stderr
    assert "never retrieved" not in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def run_pytest(*arguments, plugins, tmp_path):
    """As in an empty project: with none of this repository's settings."""
    settings = tmp_path / "pytest.ini"
    settings.write_text("[pytest]\n")
    return run(
        *("-m", "pytest", "-q", "-W", "error", "-c", str(settings), f"--rootdir={RUNNERS}"),
        *("-p", "no:cacheprovider", *arguments),
        plugins=plugins,
    )


PLUGIN = "asgi_sio_testclient.pytest_plugin"


def test_pytest_asyncio_auto(tmp_path):
    printed = run_pytest(
        *("asyncio_auto.py", "frameworks_auto.py", "--asyncio-mode=auto", *SCOPE),
        plugins=["pytest_asyncio.plugin", PLUGIN],
        tmp_path=tmp_path,
    )
    assert f"{30 + COMBINATIONS} passed" in printed


def test_pytest_asyncio_strict_and_anyio_and_plain_functions(tmp_path):
    pytest.importorskip("uvloop")
    pytest.importorskip("trio")
    printed = run_pytest(
        *("asyncio_strict.py", "anyio_plugin.py", "trio_refused.py", "frameworks_pytest.py"),
        *("--benchmark-disable", *SCOPE),
        plugins=[
            *("pytest_asyncio.plugin", "anyio.pytest_plugin", "pytest_benchmark.plugin"),
            PLUGIN,
        ],
        tmp_path=tmp_path,
    )
    assert f"{12 + 32 + 1 + 6 * COMBINATIONS} passed" in printed


def test_unittest():
    assert "Ran 7 tests" in run("-X", "dev", "-m", "unittest", "unittest_case")


@pytest.mark.timeout(120)  # 23 combinations in one process: 9 s, and more where it shares a core
def test_unittest_and_django_with_each_framework_and_none_of_them():
    printed = run("-m", "unittest", "frameworks_cases")
    assert "Ran 9 tests" in printed
    assert printed.rstrip().endswith("OK")


def test_djangos_cases_with_their_database():
    printed = run(str(ROOT / "docs" / "examples" / "django_cases.py"))
    assert "Ran 4 tests" in printed


def test_plain_asyncio_and_uvloop():
    pytest.importorskip("uvloop")
    printed = run("-X", "dev", "plain_run.py", "asyncio", "uvloop")
    assert printed.splitlines() == ["9 loops of asyncio", "9 loops of uvloop"]
