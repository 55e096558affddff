"""``--sio-trace``: writes a trace of each test, or of each failed test, as an HTML file.

The pytest plugin registers `TracePlugin` if the option is given; without the option this module is
not imported.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from asgi_sio_testclient._connection.transcript import Transcript, observers
from asgi_sio_testclient.trace import Failure, Recording, recording

if TYPE_CHECKING:
    from typing import Self

__all__ = ["TracePlugin"]

__tracebackhide__ = True

SECTION = "Socket.IO trace"
ALWAYS, ON_FAILURE = "on", "retain-on-failure"
_NAME = 120  # characters of a file's name


class TracePlugin:
    """Writes the traces of one process.

    Args:
        config: the configuration of pytest.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._mode: str = config.getoption("sio_trace")
        self._folder = config.rootpath / config.getoption("sio_trace_dir")
        self._test: _Test | None = None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Record one test, its fixtures included."""
        path = self._folder / f"{_file_name(item.nodeid)}.html"
        with _Test(item.nodeid, path) as self._test:
            result = yield
        if self._test.transcripts and self._is_written(self._test):
            self._test.write()
        else:
            with suppress(OSError):
                path.unlink(missing_ok=True)  # the trace of an earlier run
        self._test = None
        return result

    def _is_written(self, test: _Test) -> bool:
        return self._mode == ALWAYS or test.failure is not None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Record the failure, and add the path of the trace to the report."""
        report = yield
        test = self._test
        if test is not None and report.failed and call.excinfo is not None:
            test.fail(call.excinfo, report)
        if test is not None and test.transcripts and report.failed:
            path = _relative(test.path, item.config.invocation_params.dir)
            report.sections.append((SECTION, f"open {path}"))
        return report

    def pytest_report_header(self) -> str:
        """Return a line with the directory of the traces."""
        return f"sio-trace: {self._mode}, to {self._folder}"


class _Test:
    """The recording of one test."""

    def __init__(self, title: str, path: Path) -> None:
        self.title = title
        self.path = path
        self.failure: Failure | None = None
        self.transcripts: list[Transcript] = []
        self._loop: Any = None
        self._recording = Recording()
        self._context = recording()

    def __enter__(self) -> Self:
        self._recording = self._context.__enter__()
        observers.append(self._observe)
        return self

    def __exit__(self, *exc: object) -> None:
        observers.remove(self._observe)
        self._context.__exit__(None, None, None)

    def _observe(self, transcript: Transcript) -> None:
        loop = asyncio._get_running_loop()
        if getattr(loop, "sio_explores", False) and loop is not self._loop:
            # An explored test runs each schedule in a new loop; the trace is of the last one.
            self._loop = loop
            self.transcripts.clear()
            self._recording.clear()
        self.transcripts.append(transcript)

    def fail(self, excinfo: pytest.ExceptionInfo[BaseException], report: pytest.TestReport) -> None:
        """Record the first failure, of the test or of a fixture."""
        if self.failure is None:
            crash = getattr(report.longrepr, "reprcrash", None)
            title = str(getattr(crash, "message", "") or excinfo.exconly()).partition("\n")[0]
            title = title.removeprefix("asgi_sio_testclient._exceptions.")
            if crash is not None:
                title += f"  ({Path(crash.path).name}:{crash.lineno})"
            self.failure = Failure(perf_counter(), title, report.longreprtext)

    def write(self) -> None:
        """Write the trace as HTML."""
        first = self.transcripts[0]
        trace = first.to_trace(
            title=self.title,
            outcome="passed" if self.failure is None else "failed",
            failure=self.failure,
            recording=self._recording,
            transcripts=self.transcripts,
        )
        trace.to_html(self.path)


def _file_name(nodeid: str) -> str:
    """Return a file name for a test: unique, with characters that file systems and shells allow."""
    name = re.sub(r"[^\w.=-]+", "-", nodeid).strip("-")
    if len(name) > _NAME or name != nodeid.replace("::", "-").replace("/", "-"):
        digest = hashlib.sha256(nodeid.encode()).hexdigest()[:8]
        name = f"{name[:_NAME]}-{digest}"
    return name


def _relative(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path
