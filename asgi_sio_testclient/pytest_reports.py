"""What the plugin makes of a failure's report: the lines of the test and of the app, and a summary
that begins with the cause.

It changes reports of exceptions that came through a client, and no others. `--full-trace` shows
every frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from asgi_sio_testclient._exceptions import TestClientError
from asgi_sio_testclient._waiting.suspended import is_library, is_own

__all__ = ["FailureReport"]

__tracebackhide__ = True

_HOOKS = "pytest_"  # begins the names of hooks, which every test runs in
_PACKETS = "last packets:"
_SHORTER = (
    (re.compile(r"^the server has (no handler for \S+) in namespace '/'"), r"\1"),
    (re.compile(r"^the (?:server|app) (?=has|raised)"), ""),
    (re.compile(r"^namespace (\S+) refused: "), r"refused by \1: "),
    (re.compile(r"^(\S+) did arrive: "), r"did arrive: \1, "),
    (re.compile(r"^(\d+): no Socket.IO server answers there"), r"wrong path: \1"),
)
_NOT_AWAITED = (
    (
        re.compile(r".*<coroutine object (TestClient\.\w+) at .*", re.DOTALL),
        r"not awaited: \1()",
    ),
    (re.compile(r"^\w+Error: ('coroutine' object .*)", re.DOTALL), r"not awaited: \1"),
)


class FailureReport:
    """The report of one failure: `begin` before pytest writes it, `finish` afterwards.

    Args:
        excinfo: pytest's, of what was raised.
        full_trace: show every frame.
        has_packets: the report has the packets in a section, so the message need not.
    """

    def __init__(self, excinfo: Any, *, full_trace: bool, has_packets: bool) -> None:
        self._excinfo = excinfo
        self._exc: BaseException = excinfo.value
        self._through_client = _came_through_client(self._exc)
        self._full_trace = full_trace
        self._has_packets = has_packets
        self._causes: list[tuple[BaseException, TracebackType]] = []

    def begin(self) -> None:
        """Leave the frames of libraries out of the tracebacks that pytest is about to write.

        They lie between the test and the app's handler, and below the app's last line.
        """
        if self._has_packets:
            _leave_out_packets(self._exc)
        if self._full_trace or not self._through_client:
            return
        self._excinfo.traceback = type(self._excinfo.traceback)(_shown(self._excinfo.tb))
        for cause in _causes(self._exc):
            if cause.__traceback__ is not None:
                self._causes.append((cause, cause.__traceback__))
                cause.__traceback__ = _shown(cause.__traceback__)

    def finish(self, report: Any) -> None:
        """Give the exceptions their tracebacks back, and begin the line of pytest's short summary
        with the cause.

        pytest's own line begins with the name of the exception's module, and is cut at the width of
        the terminal.
        """
        for cause, traceback in self._causes:
            cause.__traceback__ = traceback
        crash = getattr(report.longrepr, "reprcrash", None)
        if crash is None:
            return
        if isinstance(self._exc, TestClientError):
            crash.message = _replaced(_first_line(str(self._exc)), _SHORTER)
        elif self._through_client:
            crash.message = f"{type(self._exc).__name__}: {_first_line(str(self._exc))}"
        else:
            crash.message = _replaced(crash.message, _NOT_AWAITED)


def _came_through_client(exc: BaseException) -> bool:
    """Whether a frame of this package is in an exception's traceback, hooks apart."""
    codes = (entry.tb_frame.f_code for entry in _entries(exc.__traceback__))
    return any(is_own(code) and not code.co_name.startswith(_HOOKS) for code in codes)


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _shown(traceback: TracebackType) -> TracebackType:
    """A copy of a traceback without the frames of libraries; with the innermost frame of one that
    has no others.
    """
    entries = list(_entries(traceback))
    shown = [entry for entry in entries if not is_library(entry.tb_frame.f_code)]
    copy = None
    for entry in reversed(shown or entries[-1:]):
        copy = TracebackType(copy, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    assert copy is not None
    return copy


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """The exceptions that pytest shows before this one, each once."""
    seen = {id(exc)}
    while True:
        following = exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)
        if following is None or id(following) in seen:
            return
        seen.add(id(following))
        yield following
        exc = following


def _leave_out_packets(exc: BaseException) -> None:
    details = getattr(exc, "details", ())
    if isinstance(exc, TestClientError) and _PACKETS in details:
        exc.details = details[: details.index(_PACKETS)]  # type: ignore[attr-defined]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _replaced(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, short in rules:
        text = pattern.sub(short, text, count=1)
    return text
