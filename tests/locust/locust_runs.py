"""Runs of Locust in separate processes on loopback: importing Locust patches a process."""

import contextlib
import dataclasses
import importlib.util
import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 60  # seconds; a bound against a hang

_spec = importlib.util.find_spec("locust")
# This directory is a namespace package with the same name.
HAS_LOCUST = _spec is not None and _spec.origin is not None
needs_locust = pytest.mark.skipif(
    not HAS_LOCUST, reason="Locust is not installed: pip install asgi-sio-testclient[locust]"
)


class Server:
    """`load_server` in a process."""

    def __init__(self, port=0):
        self.port = port
        self.start()

    def start(self):
        command = [sys.executable, str(HERE / "load_server.py"), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    @property
    def url(self):
        # With a name instead of an address, the loop uses an executor, which is a greenlet under
        # gevent.
        return f"http://localhost:{self.port}"

    def counts(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/counts") as response:
            return json.load(response)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


@dataclasses.dataclass
class Run:
    """The result of a run of Locust."""

    code: int
    output: str
    log: str

    @property
    def report(self):
        lines = [line for line in self.output.splitlines() if line.startswith("REPORT ")]
        assert lines, self.log
        return json.loads(lines[-1].removeprefix("REPORT "))

    @property
    def requests(self):
        return {name: each["requests"] for name, each in self.report["requests"].items()}


def start(*arguments, **environment):
    """Start Locust in a new process."""
    paths = (str(ROOT), str(HERE), os.environ.get("PYTHONPATH", ""))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))} | environment
    return subprocess.Popen(
        [sys.executable, "-m", "locust", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        cwd=HERE,
    )


def finish(process):
    """Wait until the process has ended."""
    try:
        output, log = process.communicate(timeout=PATIENCE)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return Run(process.returncode, output, log)


def locust(locustfile, *arguments, users=4, **environment):
    """Run a locustfile to its end, without a user interface."""
    files = f"{locustfile},reporting.py"
    headless = ("--headless", "--only-summary", "-u", str(users), "-r", "100")
    return finish(start("-f", files, *headless, *arguments, **environment))


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
