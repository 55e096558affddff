"""mypy and pyright, both strict, have nothing to say about a user's tests.

A minute of type checkers: the session ``types`` names this file, ``tests`` leaves it out.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
USERS = ROOT / "tests" / "typing_users.py"


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(tool):
    missing = importlib.util.find_spec(tool) is None
    return pytest.mark.skipif(missing, reason=f"{tool} is not installed (group types)")


@needs("mypy")
@pytest.mark.timeout(300)
def test_mypy(tmp_path):
    # With the user's settings, not ours; what python-socketio lacks is no business of the user's.
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\nfollow_imports = silent\n")
    cache = f"--cache-dir={tmp_path / 'cache'}"
    assert "Success" in run("mypy", f"--config-file={settings}", cache, str(USERS))


@needs("pyright")
@pytest.mark.timeout(300)
def test_pyright(tmp_path):
    settings = {
        "include": [str(USERS)],
        "extraPaths": [str(ROOT)],
        "pythonVersion": "3.11",
        "typeCheckingMode": "strict",
        "reportUnnecessaryTypeIgnoreComment": "error",
        "enableTypeIgnoreComments": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    printed = run("pyright", "--project", str(tmp_path), "--pythonpath", sys.executable)
    assert "0 errors, 0 warnings" in printed
