"""The recording of a server's emits and of the waits of handlers.

The instrumentation of a server records only while a `recording` is active: a test without a trace
has no cost.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from asgi_sio_testclient.trace._active import recordings

__all__ = ["Emit", "Note", "Recording", "Wait", "recording"]

__tracebackhide__ = True


@dataclass(eq=False, slots=True)
class Emit:
    """A call of the server's ``emit()``, ``send()`` or ``call()``.

    Attributes:
        time: when the method was called, in seconds of `time.perf_counter`.
        event: the event's name.
        namespace: the namespace.
        args: the event's arguments.
        room: the room or sid that gets the event; None for all clients.
        skipped: the sids that do not get the event.
        run: the run of the handler that called the method; None if no handler did.
        place: the line of the app that called the method; "" if the line is unknown.
    """

    time: float
    event: str
    namespace: str
    args: tuple[Any, ...]
    room: Any = None
    run: Any = None
    place: str = ""
    skipped: tuple[Any, ...] = ()


@dataclass(eq=False, slots=True)
class Wait:
    """One ``await`` that suspended its task.

    Attributes:
        start: when the task was suspended, in seconds of `time.perf_counter`.
        end: when the task was resumed; None if the task still waits.
        what: the awaited thing: the app's line, or the client's method and the event.
        run: the run of the handler that waited; None for the test.
        client: the name of the client whose method the test awaited; "" for a handler.
        error: the exception that ended the wait, such as a timeout; None if the wait succeeded.
        place: the line of the test; "" if the line is unknown.
    """

    start: float
    what: str
    end: float | None = None
    run: Any = None
    client: str = ""
    error: BaseException | None = None
    place: str = ""


@dataclass(eq=False, slots=True)
class Note:
    """An entry of a tool, such as a step that a schedule has held.

    Attributes:
        time: when it happened, in seconds of `time.perf_counter`.
        text: one line.
        kind: "hold", or any other kind.
    """

    time: float
    text: str
    kind: str = ""


@dataclass(eq=False, slots=True)
class Recording:
    """The recorded runs, emits and waits.

    Attributes:
        runs: every run of a handler, runs for disconnects included.
        emits: every call of a server's ``emit()``.
        waits: every await that suspended a handler, or the test in a client's method.
        notes: entries of tools.
    """

    runs: list[Any] = field(default_factory=list)
    emits: list[Emit] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def clear(self) -> None:
        """Remove all recorded entries."""
        self.runs.clear()
        self.emits.clear()
        self.waits.clear()
        self.notes.clear()


@contextlib.contextmanager
def recording() -> Iterator[Recording]:
    """Record emits, and waits of handlers and of the test, within the ``with`` block.

    A server is recorded if its first client connects within the block.
    """
    current = Recording()
    recordings.append(current)
    try:
        yield current
    finally:
        recordings.remove(current)
