"""Costs per process and per test: imports, and the plugin's fixtures."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

TESTS = 500
QUICK_TESTS = 50
REPEATED = 7
ROOT = Path(__file__).resolve().parent.parent
IMPORTS = {
    "client": ("import socketio, httpx", "from asgi_sio_testclient import TestClient", 40.0),
    "plugin": (
        "import pytest",
        "import asgi_sio_testclient, asgi_sio_testclient.pytest_plugin",
        10.0,
    ),
}  # imported before, measured, the goal in milliseconds
FIXTURE_GOAL_MS = 0.5
_TIMED = """
{before}
import time
start = time.process_time()
{then}
print(time.process_time() - start)
"""
_APP = """
import socketio, pytest
from asgi_sio_testclient import TestClient
from benchmarks.app import make_app

app = make_app()

@pytest.fixture
def sio_app():
    return app
"""
_KINDS = {
    "plain": """
@pytest.mark.parametrize("number", range({tests}))
async def test_it(number):
    async with TestClient(app) as client:
        await client.connect()
""",
    "fixture": """
@pytest.mark.parametrize("number", range({tests}))
async def test_it(sio_client, number):
    pass
""",
}


def import_ms(before: str, then: str) -> float:
    """Return the least processor time of an import over some processes, with cached bytecode."""
    source = _TIMED.format(before=before, then=then)
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        found = [
            float(
                subprocess.run(
                    [sys.executable, "-c", source],
                    check=True,
                    capture_output=True,
                    text=True,
                    env=environment,
                ).stdout
            )
            for _ in range(REPEATED)
        ]
    return min(found) * 1e3


def suite_seconds(kind: str, tests: int) -> float:
    """Return the processor time of a pytest run."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_them.py").write_text(_APP + _KINDS[kind].format(tests=tests))
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_them.py"),
            *("-o", "asyncio_mode=auto", "--rootdir", folder),
        ]
        if not _is_installed():
            command[3:3] = ["-p", "asgi_sio_testclient.pytest_plugin"]
        before = os.times()
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        return os.times().children_user - before.children_user


def _is_installed() -> bool:
    """Return whether pytest finds the plugin by its entry point."""
    from importlib import metadata  # noqa: PLC0415 - looked at once

    plugins = metadata.entry_points(group="pytest11")
    return any(plugin.value.startswith("asgi_sio_testclient") for plugin in plugins)


def measure(tests: int = TESTS, progress=lambda _: None) -> dict:
    """Return the milliseconds of each import, and those that the fixtures add to each test."""
    progress("imports")
    found: dict = {"imports": {key: import_ms(*entry[:2]) for key, entry in IMPORTS.items()}}
    progress("fixtures")
    # In turns, and the least of each: the difference of two long runs is smaller than their noise.
    rounds = [{kind: suite_seconds(kind, tests) for kind in _KINDS} for _ in range(REPEATED)]
    seconds = {kind: min(times[kind] for times in rounds) for kind in _KINDS}
    extra = (seconds["fixture"] - seconds["plain"]) / tests * 1e3
    found["fixture"] = {"tests": tests, "ms": extra, **seconds}
    return found
