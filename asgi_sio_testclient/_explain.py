"""Texts for waits that failed: what was awaited, what is known of the cause, what did happen. Reads
the state of a client, changes nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._inbox import ALL
from asgi_sio_testclient._transcript import shorten

if TYPE_CHECKING:
    from asgi_sio_testclient._server import ServerWatch
    from asgi_sio_testclient._transcript import Transcript

__all__ = ["Situation", "near", "nobody_handles", "show_event"]

_TAIL = 8
_SHOWN_EVENTS = 10


class Situation:
    """What is known when a wait fails.

    Args:
        watch: the server under watch, None where it isn't known.
        running: the handlers that run now.
        received: events that arrived and were not taken.
        errors: what the app raised and no call has raised yet.
        transcript: of the client that waited.
        emitted: the event that the client emitted last and its namespace, None for none.
    """

    def __init__(
        self,
        watch: ServerWatch | None,
        running: Sequence[str],
        received: Sequence[ReceivedEvent],
        errors: Sequence[BaseException],
        transcript: Transcript,
        emitted: tuple[str, str] | None,
    ) -> None:
        self.watch = watch
        self.running = list(running)
        self.received = list(received)
        self.errors = list(errors)
        self.transcript = transcript
        self.emitted = emitted

    def cause_of_missing_event(self, event: str | None, namespace: str, match: Any) -> str:
        """The most likely reason why an event did not come, "" where there is none to name."""
        same_name = [seen for seen in self.received if seen.name == event]
        if self.errors:
            return f"the app raised {self.errors[0]!r}"
        if match is not None and any(seen.namespace == namespace for seen in same_name):
            return f"{len(same_name)} arrived, and match= took none of them"
        elsewhere = {seen.namespace for seen in same_name} - {namespace, ALL}
        if elsewhere and namespace != ALL:
            return f"it did arrive in namespace {min(elsewhere)!r}"
        similar = near(event, {seen.name for seen in self.received})
        if similar:
            return f"{similar!r} did arrive"
        if self.emitted is not None and self.watch is not None:
            unhandled = nobody_handles(self.watch, *self.emitted)
            if unhandled:
                return unhandled
        if self.running:
            return f"still running: {self.running[0]}"
        if self.received:
            return f"{len(self.received)} other {_plural('event', self.received)} arrived"
        return "nothing arrived"

    def details(self) -> list[str]:
        """The further lines: events, errors, handlers, the transcript's end."""
        lines = _block("arrived and not taken:", [show_event(event) for event in self.received])
        lines += _block("raised by the app:", [repr(error) for error in self.errors])
        lines += _block("still running:", self.running)
        return lines + _block("last packets:", self.transcript.tail(_TAIL), _TAIL)


def nobody_handles(watch: ServerWatch, event: str, namespace: str) -> str:
    """Why nothing came of `event`: the server has no handler for it; "" if it has one."""
    if watch.sio is None or watch.has_handler(event, namespace):
        return ""
    text = f"the server has no handler for {event!r} in namespace {namespace!r}"
    similar = near(event, watch.known_events(namespace))
    if similar:
        return f"{text}; did you mean {similar!r}?"
    for other in sorted(watch.known_namespaces() - {namespace}):
        if watch.has_handler(event, other):
            return f"{text}; namespace {other!r} has one"
    known = sorted(watch.known_events(namespace))
    return f"{text}; it has {', '.join(map(repr, known[:5]))}" if known else text


def near(name: str | None, names: set[str]) -> str | None:
    """The name among `names` that `name` may have meant."""
    if name is None:
        return None
    others = sorted(names - {name})
    close = difflib.get_close_matches(name, others, n=1, cutoff=0.7)
    if close:
        return close[0]
    return next((other for other in others if other.lower() == name.lower()), None)


def show_event(event: ReceivedEvent) -> str:
    """An event on one line, its arguments shortened."""
    namespace = "" if event.namespace == "/" else f" in {event.namespace}"
    return f"{event.name}({', '.join(shorten(arg) for arg in event.args)}){namespace}"


def _block(title: str, lines: Sequence[str], limit: int = _SHOWN_EVENTS) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line}" for line in lines[:limit]]
    if len(lines) > limit:
        shown.append(f"  ... and {len(lines) - limit} more")
    return [title, *shown]


def _plural(noun: str, things: Sequence[Any]) -> str:
    return noun if len(things) == 1 else f"{noun}s"
