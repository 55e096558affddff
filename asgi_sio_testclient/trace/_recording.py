"""What only a server's instrumentation can see: emits, and where handlers were suspended.

The instrumentation records only while a `recording` is active, so that tests without a trace pay
nothing for it.
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
        time: when it was called, in seconds of `time.perf_counter`.
        event: the event's name.
        namespace: where.
        args: the event's arguments.
        room: the room or sid it was emitted to; None for everybody.
        skipped: the sids that were left out.
        run: the handler's run that called it; None where no handler did.
        place: the app's line that called it; "" where it is not known.
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
        start: when it was suspended, in seconds of `time.perf_counter`.
        end: when it was resumed; None where it still waits.
        what: what it waited for: the app's line, or the client's method and the event.
        run: the handler's run that waited; None for the test.
        client: the name of the client whose method the test awaited; "" for a handler.
        error: what ended the wait, such as a timeout; None where it succeeded.
        place: the test's line; "" where it is not known.
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
    """Something else that happened, such as a step that a schedule held.

    Attributes:
        time: when, in seconds of `time.perf_counter`.
        text: one line.
        kind: "hold", or any other.
    """

    time: float
    text: str
    kind: str = ""


@dataclass(eq=False, slots=True)
class Recording:
    """What was recorded.

    Attributes:
        runs: every run of a handler, those for disconnects included.
        emits: every call of a server's ``emit()``.
        waits: every await that suspended a handler, or the test in a client's method.
        notes: what a tool adds.
    """

    runs: list[Any] = field(default_factory=list)
    emits: list[Emit] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def clear(self) -> None:
        """Drop what was recorded so far."""
        self.runs.clear()
        self.emits.clear()
        self.waits.clear()
        self.notes.clear()


@contextlib.contextmanager
def recording() -> Iterator[Recording]:
    """Record, within the ``with`` block, what the instrumentation of servers sees.

    A server is recorded if its first client connects within the block.
    """
    current = Recording()
    recordings.append(current)
    try:
        yield current
    finally:
        recordings.remove(current)
