"""The pytest hooks of event coverage: the table after the run, the threshold, the JSON file.

The pytest plugin registers `CoveragePlugin` if one of the options is given. Under pytest-xdist each
worker counts, and the controller adds the counts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from asgi_sio_testclient.coverage._data import Coverage
from asgi_sio_testclient.coverage._recorder import Recorder

__all__ = ["CoveragePlugin"]

__tracebackhide__ = True

_KEY = "sio_coverage"


class CoveragePlugin:
    """Counts during the session of one process.

    Args:
        config: the configuration of pytest.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._recorder = Recorder()
        self._total = Coverage()
        self._threshold: float | None = config.getoption("sio_coverage_fail_under")
        self._file: str | None = config.getoption("sio_coverage_json")
        self._output: dict[str, Any] | None = getattr(config, "workeroutput", None)
        self._problem = ""
        self._recorder.start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Add the counts of an xdist worker; a worker that crashed has no counts."""
        counts = getattr(node, "workeroutput", {}).get(_KEY)
        if counts is not None:
            self._total.add(Coverage.from_dict(counts))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Pass the counts of a worker to the controller; else write the file and check the
        threshold.
        """
        self._total.add(self._recorder.coverage)
        if self._output is not None:
            self._output[_KEY] = self._total.to_dict()
            return
        if self._file is not None:
            try:
                Path(self._file).write_text(self._total.to_json(), encoding="utf-8")
            except OSError as error:
                self._problem = f"cannot write {self._file}: {error.strerror}"
        if self._threshold is not None and self._total.percent < self._threshold:
            self._problem = (
                f"event coverage of {self._total.percent:.4g} % is below "
                f"--sio-coverage-fail-under={self._threshold:g}"
            )
        if self._problem and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the table."""
        terminalreporter.write_sep("-", "Socket.IO event coverage")
        terminalreporter.write_line(self._total.report())
        if self._problem:
            terminalreporter.write_line(f"FAIL {self._problem}", red=True)

    def pytest_unconfigure(self) -> None:
        """Stop counting."""
        self._recorder.stop()
