"""mypy and pyright, both strict, report no errors in a user's tests.

The type checkers take a minute: the session ``types`` runs this file, and ``tests`` does not.
"""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
USERS = ROOT / "tests" / "typing_users.py"


def run(*arguments, ends=0):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == ends, done.stdout + done.stderr
    return done.stdout


def needs(tool):
    missing = importlib.util.find_spec(tool) is None
    return pytest.mark.skipif(missing, reason=f"{tool} is not installed (group types)")


DEPRECATED = """
from typing_extensions import deprecated

@deprecated("wait() is deprecated since 0.4 and goes in 1.0: use await_event()")
def wait() -> int:
    return 1

wait()
"""


@needs("mypy")
@pytest.mark.timeout(300)
def test_mypy(tmp_path):
    # These are a user's settings; python-socketio's missing types are ignored.
    settings = tmp_path / "mypy.ini"
    settings.write_text("[mypy]\nstrict = true\nfollow_imports = silent\n")
    cache = f"--cache-dir={tmp_path / 'cache'}"
    assert "Success" in run("mypy", f"--config-file={settings}", cache, str(USERS))


@needs("mypy")
@pytest.mark.timeout(300)
def test_mypy_reports_a_deprecated_name(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(DEPRECATED)
    cache = f"--cache-dir={tmp_path / 'cache'}"
    options = ("--enable-error-code=deprecated", "--follow-imports=silent", "--no-pretty")
    printed = run("mypy", "--config-file=", *options, cache, str(program), ends=1)
    assert "program.py:8: error: " in printed
    assert "wait() is deprecated since 0.4 and goes in 1.0: use await_event()" in printed


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
