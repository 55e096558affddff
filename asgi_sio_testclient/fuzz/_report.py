"""The report of a fuzzing run, as text and as data."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from asgi_sio_testclient.fuzz._targets import Call
from asgi_sio_testclient.fuzz._values import literal

__all__ = ["Failure", "Report"]

__tracebackhide__ = True

_LIBRARIES = ("socketio", "engineio", "asgi_sio_testclient", "asyncio", "concurrent")
_MESSAGE = 300  # characters of an error's message that are shown
_ENDS = 8  # frames of a long traceback that are shown at each end


@dataclass(frozen=True)
class Failure:
    """A handler that failed.

    Attributes:
        namespace: the namespace for which the handler is registered.
        event: the event for which the handler is registered.
        error: the exception that the handler raised; a `HandlerHang` if the handler never ended.
        calls: the smallest failing example that was found: the events that the client sent.
        examples: how many examples were run until the first failure.
        traceback: the traceback of the error.
    """

    namespace: str
    event: str
    error: BaseException
    calls: tuple[Call, ...]
    examples: int
    traceback: TracebackType | None = None

    @property
    def headline(self) -> str:
        """The line ``FAILED NAMESPACE EVENT - ExceptionType: message``."""
        text = " ".join(str(self.error).split())
        message = f": {text[:_MESSAGE]}" if text else ""
        return f"FAILED {self.namespace} {self.event} - {type(self.error).__name__}{message}"

    @property
    def lines(self) -> list[str]:
        """The calls as lines of Python, to be pasted into a test."""
        return [_line(call) for call in self.calls]

    def __str__(self) -> str:
        trace = "".join(_formatted(self.error, _app_frames(self.traceback))).rstrip()
        pasted = "\n".join(f"    {line}" for line in self.lines)
        return _printable(f"{self.headline}\n{pasted}\n{trace}")


@dataclass(frozen=True)
class Report:
    """The result of a run.

    Attributes:
        failures: one for each handler that failed.
        examples: how many examples were sent to each handler, by namespace and event; the number
            of sequences has the key ``("*", "*")``.
    """

    failures: tuple[Failure, ...]
    examples: dict[tuple[str, str], int]

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self.failures), self.summary])

    @property
    def summary(self) -> str:
        """One line: how many handlers were fuzzed, with how many examples, and how many failed."""
        total = sum(self.examples.values())
        failed = len(self.failures)
        handlers = f"{len(self.examples)} handler{'' if len(self.examples) == 1 else 's'}"
        if ("*", "*") in self.examples and len(self.examples) == 1:
            handlers = "sequences of events"
        verdict = f"{failed} failed" if failed else "all held"
        return f"{handlers}, {total} examples: {verdict}"


def _line(call: Call) -> str:
    namespace = "" if call.namespace == "/" else f", namespace={call.namespace!r}"
    if call.event == "connect":
        where = "" if call.namespace == "/" else f"{call.namespace!r}, "
        return f"await client.connect({where}auth={literal(call.args) or None})"
    args = f", {literal(call.args)}" if call.args else ""
    return f"await client.call({call.event!r}{args}{namespace})"


def _formatted(error: BaseException, frames: TracebackType | None) -> Iterator[str]:
    """Yield the lines of a traceback; of a long traceback, only its first and last frames."""
    lines = traceback.format_tb(frames)
    if len(lines) > 2 * _ENDS:
        lines[_ENDS:-_ENDS] = [f"  ... {len(lines) - 2 * _ENDS} frames ...\n"]
    yield "Traceback (most recent call last):\n"
    yield from lines
    yield from traceback.format_exception_only(error)


def _app_frames(whole: TracebackType | None) -> TracebackType | None:
    """Return the traceback from the first frame of the app on; without such a frame, all of it."""
    for frame in _frames(whole):
        module = frame.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in _LIBRARIES:
            return frame
    return whole


def _frames(found: TracebackType | None) -> Iterator[TracebackType]:
    while found is not None:
        yield found
        found = found.tb_next


def _printable(text: str) -> str:
    """Escape lone surrogates, which can't be written to a terminal or a file."""
    return text.encode("utf-8", "backslashreplace").decode()
