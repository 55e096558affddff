"""What was found, for people and for tests."""

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
_MESSAGE = 300
_ENDS = 8  # frames


@dataclass(frozen=True)
class Failure:
    """A handler that failed.

    Attributes:
        namespace: where the handler is registered.
        event: the event it is registered for.
        error: what it raised, or what says that it never ended.
        calls: the smallest example that was found: what a client sent.
        examples: how many examples were run until then.
        traceback: of the error, from the app's first frame on.
    """

    namespace: str
    event: str
    error: BaseException
    calls: tuple[Call, ...]
    examples: int
    traceback: TracebackType | None = None

    @property
    def headline(self) -> str:
        """``FAILED NAMESPACE EVENT - ExceptionType: message``."""
        text = " ".join(str(self.error).split())
        message = f": {text[:_MESSAGE]}" if text else ""
        return f"FAILED {self.namespace} {self.event} - {type(self.error).__name__}{message}"

    @property
    def lines(self) -> list[str]:
        """Lines to paste into a test."""
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
        examples: how many examples each handler got, by namespace and event; of sequences, all
            under the key ``("*", "*")``.
    """

    failures: tuple[Failure, ...]
    examples: dict[tuple[str, str], int]

    def __str__(self) -> str:
        return "\n\n".join([*map(str, self.failures), self.summary])

    @property
    def summary(self) -> str:
        """How many handlers held, and after how many examples."""
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
    """A traceback; of one that is long, the ends."""
    lines = traceback.format_tb(frames)
    if len(lines) > 2 * _ENDS:
        lines[_ENDS:-_ENDS] = [f"  ... {len(lines) - 2 * _ENDS} frames ...\n"]
    yield "Traceback (most recent call last):\n"
    yield from lines
    yield from traceback.format_exception_only(error)


def _app_frames(whole: TracebackType | None) -> TracebackType | None:
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
    """Lone surrogates can't be written to a terminal or a file."""
    return text.encode("utf-8", "backslashreplace").decode()
