"""The asyncio event loop under gevent with each selector, in separate processes."""

import json
import os
import subprocess
import sys

import pytest
from locust_runs import HERE, PATIENCE, ROOT, needs_locust

pytestmark = needs_locust

OF_EPOLL = {"refusals": ["PermissionError", "PermissionError"], "closed before": True}


@pytest.mark.parametrize(
    ("selector", "more"), [("EpollSelector", OF_EPOLL), ("WatcherSelector", {})]
)
def test_an_event_loop_in_a_greenlet(selector, more):
    if selector == "EpollSelector" and sys.platform != "linux":
        pytest.skip("needs epoll")
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "selector_checks.py", selector],
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
        env=os.environ | {"PYTHONPATH": paths},
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "result": "result",
        "error": "LookupError('raised')",
        "transfer": [5_000_000, True],
        "thread": "called",
        "others run": True,
        "killed": "GreenletExit()",
        "closed": True,
        **more,
    }
