"""Changes pytest's report of a failure: without the frames of libraries, and with a summary line
that begins with the cause.

Only reports of exceptions that were raised through a client are changed. `--full-trace` shows every
frame.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import Any

import pytest

from asgi_sio_testclient._advice import BEGIN as ADVICE
from asgi_sio_testclient._exceptions import TestClientError
from asgi_sio_testclient._waiting.suspended import is_library, is_own

__all__ = ["FailureReport"]

__tracebackhide__ = True

_HOOKS = "pytest_"  # the prefix of hooks, which are in the traceback of every test
_ERROR = "E "  # the prefix of pytest's lines of the exception
_CALLERS = ("_trigger_event", "trigger_event")  # functions of python-socketio that call handlers
_PACKETS = "last packets:"
_SHORTER = (
    (re.compile(r"^the server has (no handler for \S+) in namespace '/'"), r"\1"),
    (re.compile(r"^the (?:server|app) (?=has|raised)"), ""),
    (re.compile(r"^namespace (\S+) refused: "), r"refused by \1: "),
    (re.compile(r"^(\S+) did arrive: "), r"did arrive: \1, "),
    (re.compile(r"^it (arrived in) namespace (\S+ instead)"), r"\1 \2"),
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
    """The report of one failure. Call `begin` before pytest makes its report, and `finish` after.

    Args:
        excinfo: pytest's `ExceptionInfo`.
        full_trace: whether to show every frame.
        has_packets: whether the report has a section with the packets; then the packets are left
            out of the error's message.
    """

    def __init__(self, excinfo: Any, *, full_trace: bool, has_packets: bool) -> None:
        self._excinfo = excinfo
        self._exc: BaseException = excinfo.value
        self._through_client = any(map(_came_through_client, (self._exc, *_parts(self._exc))))
        self._full_trace = full_trace
        self._has_packets = has_packets
        self._undo = contextlib.ExitStack()

    def begin(self) -> None:
        """Remove the frames of libraries from the tracebacks that pytest will show: the frames
        between the test and the app's handler, and below the app's last line.
        """
        if self._has_packets:
            _leave_out_packets(self._exc)
        if self._full_trace or not self._through_client:
            return
        self._excinfo.traceback = type(self._excinfo.traceback)(_shown(self._excinfo.tb))
        for part in _parts(self._exc):
            self._shorten(part)
        shown = [self._exc]
        for cause in list(_causes(self._exc)):
            traceback = cause.__traceback__
            if traceback is not None:
                if all(is_library(entry.tb_frame.f_code) for entry in _entries(traceback)):
                    # An exception within a library; pytest would show the library's function.
                    continue
                self._shorten(cause)
            shown.append(cause)
        for exc, cause in itertools.zip_longest(shown, shown[1:]):
            if _before(exc) is not cause:
                self._link(exc, cause)

    def _shorten(self, exc: BaseException) -> None:
        """Set a traceback without libraries on an exception, until `finish`."""
        if exc.__traceback__ is not None:
            self._set(exc, __traceback__=_shown(exc.__traceback__))

    def _link(self, exc: BaseException, cause: BaseException | None) -> None:
        """Set `cause` as the cause of an exception, until `finish`."""
        self._set(exc, __context__=None, __cause__=cause, __suppress_context__=True)

    def _set(self, exc: BaseException, **attributes: object) -> None:
        for name, value in attributes.items():
            # A frozen dataclass refuses setattr().
            self._undo.callback(BaseException.__setattr__, exc, name, getattr(exc, name))
            BaseException.__setattr__(exc, name, value)

    def finish(self, report: Any) -> None:
        """Restore the tracebacks of the exceptions, and change the report.

        The line in pytest's short summary begins with the cause: pytest's own line begins with the
        name of the exception's module, and is cut at the width of the terminal.
        """
        self._undo.close()
        if isinstance(self._exc, TestClientError):
            _change_lines(report.longrepr, _leave_out_module)
        _change_lines(report.longrepr, _advice_below_first_line)
        crash = getattr(report.longrepr, "reprcrash", None)
        if isinstance(self._exc, pytest.UsageError) and crash is None:
            # Raised by a fixture of the plugin: the report has no frame, and pytest no summary.
            report.longrepr = str(self._exc)
        if crash is None:
            return
        if self._through_client or isinstance(self._exc, TestClientError):
            crash.message = _summary(self._exc)
        else:
            crash.message = _replaced(crash.message, _NOT_AWAITED)


def _came_through_client(exc: BaseException) -> bool:
    """Return whether an exception's traceback has a frame of this package other than a hook's."""
    codes = (entry.tb_frame.f_code for entry in _entries(exc.__traceback__))
    return any(is_own(code) and not code.co_name.startswith(_HOOKS) for code in codes)


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _shown(traceback: TracebackType) -> TracebackType:
    """Return a copy of a traceback without the frames of libraries; if all frames are of libraries,
    with the innermost frame only.
    """
    entries = list(_entries(traceback))
    shown = [entry for entry, hidden in zip(entries, _hidden(entries), strict=True) if not hidden]
    copy = None
    for entry in reversed(shown or entries[-1:]):
        copy = TracebackType(copy, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    assert copy is not None
    return copy


def _hidden(entries: list[TracebackType]) -> list[bool]:
    """Return for each frame whether it is of a library.

    Generated code has no file, and counts like the frame that called it. An installed app looks
    like a library; its handler is the frame below python-socketio's, and is not hidden.
    """
    hidden: list[bool] = []
    for entry in entries:
        code = entry.tb_frame.f_code
        generated = code.co_filename.startswith("<") and bool(hidden)
        hidden.append(hidden[-1] if generated else is_library(code))
    calls = [i for i, entry in enumerate(entries[:-1]) if _calls_handler(entry.tb_frame)]
    if calls and all(hidden[calls[-1] + 1 :]):
        hidden[calls[-1] + 1] = False
    return hidden


def _calls_handler(frame: FrameType) -> bool:
    return frame.f_code.co_name in _CALLERS and "socketio" in str(frame.f_globals.get("__name__"))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield the causes and contexts of an exception that pytest shows, each once."""
    seen = {id(exc)}
    while True:
        following = _before(exc)
        if following is None or id(following) in seen:
            return
        seen.add(id(following))
        yield following
        exc = following


def _parts(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception group and all exceptions in it; nothing for any other exception."""
    if isinstance(exc, BaseExceptionGroup):
        yield exc
        for part in exc.exceptions:
            yield from _parts(part) if isinstance(part, BaseExceptionGroup) else (part,)


def _before(exc: BaseException) -> BaseException | None:
    return exc.__cause__ or (None if exc.__suppress_context__ else exc.__context__)


def _leave_out_packets(exc: BaseException) -> None:
    details = getattr(exc, "details", ())
    if isinstance(exc, TestClientError) and _PACKETS in details:
        exc.details = details[: details.index(_PACKETS)]  # type: ignore[attr-defined]


def _change_lines(longrepr: Any, change: Callable[[list[str]], list[str]]) -> None:
    for traceback, _, _ in getattr(longrepr, "chain", ()):
        for entry in traceback.reprentries:
            entry.lines = change(entry.lines)


def _leave_out_module(lines: list[str]) -> list[str]:
    """Remove the private module from an error's name, which moves the cause to the left."""
    return [
        line.replace(f"{TestClientError.__module__}.", "", 1) if line.startswith(_ERROR) else line
        for line in lines
    ]


def _advice_below_first_line(lines: list[str]) -> list[str]:
    """Move the address of the documentation's entry below an error's first line: pytest shows notes
    after the whole message.
    """
    of_error = [i for i, line in enumerate(lines) if line.startswith(_ERROR)]
    links = [i for i in of_error if lines[i].removeprefix(_ERROR).lstrip().startswith(ADVICE)]
    if not links:
        return lines
    first, link = of_error[0] + 1, links[0]
    return [*lines[:first], lines[link], *lines[first:link], *lines[link + 1 :]]


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _summary(exc: BaseException) -> str:
    """Return the cause as one line; for a group, the cause of its first exception."""
    if isinstance(exc, BaseExceptionGroup):
        return _summary(exc.exceptions[0])
    line = _first_line(str(exc))
    if isinstance(exc, TestClientError):
        return _replaced(line, _SHORTER)
    return ": ".join(filter(None, (type(exc).__name__, line)))


def _replaced(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    for pattern, short in rules:
        text = pattern.sub(short, text, count=1)
    return text
