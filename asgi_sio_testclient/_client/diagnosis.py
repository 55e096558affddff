"""The errors of failed waits: what was awaited, the likeliest cause, and what arrived instead.

The first line begins with the cause, within the first 34 characters: pytest's summary shows no more
at 80 columns. This module changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._client.missed_events import Missed, why_missed
from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._connection.transcript_entry import RECEIVED, shorten
from asgi_sio_testclient._error_texts import cause_first, printable
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import (
    ConnectionRefused,
    ConnectTimeout,
    EventTimeout,
    NotConnected,
)
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._server.ended_tasks import never_run

if TYPE_CHECKING:
    from asgi_sio_testclient._client.acks import Ack
    from asgi_sio_testclient._client.missed_events import Recipient
    from asgi_sio_testclient._server.emits import Emitted
    from asgi_sio_testclient._server.protocol import ServerInstrumentation
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["WaitDiagnostics", "near", "show_event"]

__tracebackhide__ = True

_TAIL = 8
_SHOWN_EVENTS = 10
_CONTEXT = 50  # packets in which the last event is searched for
_NOBODY_SERVES = "Unable to connect"  # AsyncServer._handle_connect


@dataclass
class WaitDiagnostics:
    """The facts about a failed wait.

    Attributes:
        instrumentation: the instrumented server; None if it is not detected.
        running: the handlers that run now, those of the client that waited first, then the oldest.
        at_work: the test's own handlers that run now, and other work of the app.
        received: events that arrived and are unread.
        errors: exceptions of the app that no call has raised yet.
        own_errors: exceptions of the test's own handlers and callbacks.
        app_exceptions: all exceptions of the app that were reported to clients.
        transcript: the transcript of the client that waited.
        emitted: the event that the client emitted last and its namespace.
        unanswered: events of the server that request an ack and have none.
        incomplete: a binary event with missing attachments: name, how many arrived, how many are
            announced.
        own_handler: returns the test's own handler for an event in a namespace, or None.
        late_by: seconds by which the loop was late for the wait's deadline.
        why_busy: returns why a connection is not idle; "" if all are idle.
        recipient: returns the client that waited, as a recipient of emits.
        other_emits: emits of servers to which this client is not connected, latest first.
        address: host and port of a server elsewhere; "" where the app is in this process.
    """

    instrumentation: ServerInstrumentation | None
    running: list[HandlerRun]
    at_work: list[str]
    received: list[ReceivedEvent]
    errors: list[BaseException]
    own_errors: list[BaseException]
    app_exceptions: list[BaseException]
    transcript: Transcript
    emitted: tuple[str, str] | None
    unanswered: list[ReceivedEvent]
    incomplete: tuple[str, int, int] | None
    own_handler: Callable[[str, str], Any]
    late_by: float
    recipient: Callable[[], Recipient]
    why_busy: Callable[[], str]
    other_emits: Iterable[Emitted]
    address: str

    # -- the errors

    def no_event(
        self, event: str | None, namespace: str, match: Any, limit: float, some: str = ""
    ) -> EventTimeout:
        """Return the error of `await_event` or `await_events` at their timeout; `some` is "2 of 3"
        if some of the events arrived.
        """
        wanted = "event" if event is None else f"event {event!r}"
        where = "any namespace" if namespace == ALL else f"namespace {namespace!r}"
        which = "" if match is None else f" that {getattr(match, '__qualname__', match)} takes"
        within = f"within {limit:g} s"
        if some:
            wanted = "events" if event is None else f"events {event!r}"
            headline = f"{some} {wanted} came in {where}{which} {within}"
            # Some events arrived, so the connection works: the only other cause is an emit to
            # another recipient.
            missed = self._missed(event, namespace)
            if missed is not None:
                headline = f"{missed.cause}: {headline}"
            return self._timeout(headline, event, namespace, limit, missed)
        missed = self._missed(event, namespace)
        cause = self._why_no_event(event, namespace, match, missed)
        headline = f"{cause}: no {wanted} in {where}{which} {within}"
        return self._timeout(headline, event, namespace, limit, missed)

    def no_ack(self, event: str, namespace: str, limit: float) -> EventTimeout:
        """Return the error of `call` at its timeout."""
        running = [run for run in self.running if run.event == event]
        if self.errors:
            cause = self._raised(self.errors[0])
        elif running:
            cause = self._awaited_by(running[0])
        else:
            cause = (
                self._blocked()
                or self._broker_failed()
                or self._server_logged()
                or "the server did not answer"
            )
        source = f" from {self.address}" if self.address else ""
        headline = f"{cause}: no ack for {event!r}{source} within {limit:g} s"
        return self._timeout(headline, event, namespace, limit)

    def never_acked(self, ack: Ack, run: HandlerRun) -> EventTimeout:
        """Return the error of `call` if the handler ended, all output arrived, and the ack is
        missing.
        """
        cause = self._nobody_handles(ack.event, run.namespace)
        if run.error is not None:
            cause = f"the handler raised {run.error!r} ({run.name})"
        cause = cause or f"the handler returned, and no ack followed ({run.name})"
        return self._timeout(f"{cause}: no ack for {ack.event!r}", ack.event, run.namespace, None)

    def still_running(self, what: str, limit: float) -> EventTimeout:
        """Return the error of `settle`, `disconnect` or `abort` at their timeout."""
        cause = self.why_busy() or "the app is still at work"
        if self.at_work:
            cause = f"still at work: {self.at_work[0]}"
        if self.running:
            cause = self._awaited_by(self.running[0])
        return self._timeout(f"{cause}: {what} did not end within {limit:g} s", None, None, limit)

    def settles_in_handler(self, handler: str) -> EventTimeout:
        """Return the error of a `settle` that would wait for its own caller."""
        headline = f"settle() waits for its own caller: {handler}, and can never end"
        return self._timeout(headline, None, None, None)

    def connect_timeout(self, waiting_for: str, limit: float, handshake: str) -> ConnectTimeout:
        """Return the error of `connect` at its timeout; `handshake`: why a handshake has not
        succeeded.
        """
        cause = handshake
        if self.errors:
            cause = self._raised(self.errors[0])
        elif self.running:
            cause = self._awaited_by(self.running[0])
        else:
            cause = self._server_logged() or cause
        return ConnectTimeout(waiting_for, limit, cause, self.details())

    def refused(self, refusals: dict[str, Any]) -> ConnectionRefused:
        """Return the error for refused namespaces, with the existing ones if one does not exist."""
        unknown = next((name for name in refusals if refusals[name] == _NOBODY_SERVES), None)
        if self.instrumentation is None or unknown is None:
            return ConnectionRefused(refusals, places=self._refused_at(refusals))
        known = self.instrumentation.handlers.known_namespaces()
        hint = f"the server knows {', '.join(map(repr, sorted(known)))}" if known else ""
        similar = near(unknown, known)
        return ConnectionRefused(
            refusals, hint=f"{hint}; did you mean {similar!r}?" if similar else hint
        )

    def _refused_at(self, refusals: dict[str, Any]) -> dict[str, str]:
        """Return, by namespace, the line of the connect handler that refused the client."""
        runs = [run for run in self.transcript.handlers if run.event == "connect"]
        latest = {run.namespace: run.refused_at for run in runs if run.namespace in refusals}
        return {namespace: place for namespace, place in latest.items() if place}

    def ended(self, reason: str, detail: str) -> NotConnected:
        """Return the error of a wait whose connection has ended."""
        text = f"the connection ended: {reason}"
        return NotConnected(f"{detail}: {text}" if detail else text, reason, self.details())

    # -- causes

    def _why_no_event(
        self, event: str | None, namespace: str, match: Any, missed: Missed | None
    ) -> str:
        """Return the likeliest cause as text: the first that applies, from the most certain on."""
        return (
            (self._raised(self.errors[0]) if self.errors else "")
            or self._why_not_taken(event, namespace, match)
            or self._broker_failed()
            or self._server_logged()
            or (missed.cause if missed is not None else "")
            or (self._why_no_task(event) if event else "")
            or self._why_not_in_inbox(event, namespace)
            or self._why_nothing_ran()
        )

    def _raised(self, exc: BaseException) -> str:
        """Return an exception as text, with the handler that raised it."""
        own = any(exc is other for other in self.own_errors)
        return f"{'a handler of this client' if own else 'the app'} raised {exc!r}"

    def _missed(self, event: str | None, namespace: str) -> Missed | None:
        """Return why an emit of the event did not reach this client."""
        if self.instrumentation is None or event is None:
            return None
        emits = [emit for emit in self.instrumentation.log.emits if emit.event == event]
        elsewhere = [] if emits else [emit for emit in self.other_emits if emit.event == event]
        missed = why_missed(emits, self.recipient(), event, namespace)
        if elsewhere:
            text = f"another server emitted {event!r}, not the one that this client is connected to"
            missed = Missed(text, elsewhere[0].time)
        if missed is None:
            return None
        if self.transcript.last_received(event, namespace) > missed.time:
            return None
        earlier = self.transcript.last_sent() > missed.time
        if earlier and self.emitted is not None and self._nobody_handles(*self.emitted):
            # The packets that the client has sent since then had no effect.
            return None
        return missed

    def _why_not_taken(self, event: str | None, namespace: str, match: Any) -> str:
        """Return the cause if the event, or one of a similar name, is among the unread events."""
        same_name = [seen for seen in self.received if seen.name == event]
        here = [seen for seen in same_name if seen.namespace == namespace]
        if match is not None and here:
            return f"{len(here)} arrived, and match= took none of them"
        if same_name and namespace != ALL:
            return f"it arrived in namespace {same_name[0].namespace!r} instead"
        similar = near(event, {seen.name for seen in self.received})
        text = f"{similar!r} did arrive"
        return cause_first("arrive", "a similar name", text) if similar else ""

    def _broker_failed(self) -> str:
        """Return the failure of the client manager's broker, if no event has arrived since."""
        failure = None if self.instrumentation is None else self.instrumentation.log.broker_failure
        if failure is None:
            return ""
        when, words = failure
        if self._arrived_since(when):
            return ""
        ago = perf_counter() - when
        return f"broker failed: the server's client manager logged {words!r} {ago:.1f} s ago"

    def _arrived_since(self, when: float) -> bool:
        """Return whether an event has arrived since a time."""
        latest = self.transcript[-_CONTEXT:]
        came = [entry.time for entry in latest if entry.direction == RECEIVED and entry.event]
        return bool(came) and self.transcript._origin + came[-1] > when

    def _server_logged(self) -> str:
        """Return the exception that the server has logged, if no event has arrived since."""
        for logged in reversed(
            self.instrumentation.log.logged if self.instrumentation is not None else ()
        ):
            known = any(logged.exc is exc for exc in self.app_exceptions)
            if not known and not self._arrived_since(logged.time):
                ago = perf_counter() - logged.time
                return f"the server logged {logged.message!r}: {logged.exc!r} {ago:.1f} s ago"
        return ""

    def _why_not_in_inbox(self, event: str | None, namespace: str) -> str:
        """Return the cause if the event was read before, was passed to a handler of the test, or
        lacks attachments.
        """
        if self.incomplete is not None:
            name, come, announced = self.incomplete
            return f"{announced - come} of {announced} attachments of {name!r} never came"
        arrived = 0 if event is None else self.transcript.count_received(event, namespace)
        if not arrived or event is None:
            return ""
        handler = self.own_handler(event, namespace)
        if handler is None:
            return f"{arrived} arrived, and {'was' if arrived == 1 else 'were'} read before"
        name = getattr(handler, "__qualname__", repr(handler))
        taken = "was" if arrived == 1 else "were"
        return f"{arrived} arrived, and {taken} taken by this client's handler {name}"

    def _why_nothing_ran(self) -> str:
        """Return what the server did with the last event, or why no handler ran."""
        cause = self._nobody_handles(*self.emitted) if self.emitted is not None else ""
        cause = cause or self._blocked()
        if cause:
            return cause
        if self.running:
            return self._awaited_by(self.running[0])
        ran = next((run for run in reversed(self.transcript.handlers) if run.name), None)
        if self.received:
            return self._why_no_task("") or f"{_count(self.received, 'other event')} arrived"
        if ran is None or ran.event == "connect":
            return self._why_no_task("") or "nothing arrived"
        return f"nothing arrived; {ran.name} ran and sent this client nothing"

    def _why_no_task(self, event: str) -> str:
        """Return the cause if a task of the app ended or never ran; if `event` is given, only a
        task whose code has the name of the event counts.
        """
        ended = [] if self.instrumentation is None else self.instrumentation.ended_before()
        for text, tasks in (
            ("a task ended with an earlier client", ended),
            ("a task never ran, as it was begun in another event loop", never_run()),
        ):
            for task in tasks:
                if not event or task.mentions(event):
                    return f"{text}: {task}; begin it in the lifespan, or anew with each client"
        return ""

    def _awaited_by(self, run: HandlerRun) -> str:
        """Return what a running handler waits for: an ack of the client, or the line it is at."""
        if self.unanswered and run.event != "disconnect":
            wanted = self.unanswered[0].name
            return f"no client.on({wanted!r}) gives the ack that {run.name} awaits"
        return f"still running: {run}"

    def _blocked(self) -> str:
        """Return the cause if a handler blocked the event loop beyond the deadline."""
        for run in reversed(self.transcript.handlers):
            if run.duration is not None and run.duration >= self.late_by > _BLOCKED:
                return f"a handler blocked the event loop for {run.duration:.1f} s ({run.name})"
        return ""

    def _nobody_handles(self, event: str, namespace: str) -> str:
        """Return the text for an event without a handler on the server; "" if there is a
        handler.
        """
        instrumentation = self.instrumentation
        if (
            instrumentation is None
            or instrumentation.sio is None
            or instrumentation.handlers.has_handler(event, namespace)
        ):
            return ""
        text = f"the server has no handler for {event!r} in namespace {namespace!r}"
        similar = near(event, instrumentation.handlers.known_events(namespace))
        if similar:
            return f"{text}; did you mean {similar!r}?"
        for other in sorted(instrumentation.handlers.known_namespaces() - {namespace}):
            if instrumentation.handlers.has_handler(event, other):
                return f"{text}; namespace {other!r} has one"
        known = sorted(instrumentation.handlers.known_events(namespace))[:_SHOWN_EVENTS]
        return f"{text}; it has {', '.join(map(repr, known))}" if known else text

    # -- the further lines

    def details(self) -> list[str]:
        """Return lines with events, errors, handlers and the end of the transcript."""
        lines = _block("arrived and not taken:", [show_event(event) for event in self.received])
        lines += _block("raised:", [self._raised(error) for error in self.errors])
        lines += _block("still running:", self._still_running())
        return lines + _block("last packets:", self.transcript.tail(_TAIL))

    def _still_running(self) -> list[str]:
        return [*map(str, self.running), *self.at_work]

    def _timeout(
        self,
        headline: str,
        event: str | None,
        namespace: str | None,
        limit: float | None,
        missed: Missed | None = None,
    ) -> EventTimeout:
        """Return an EventTimeout with all facts; `headline` is the first line."""
        rooms = [] if missed is None else [repr(room) for room in missed.rooms]
        return EventTimeout(
            headline,
            event=event,
            namespace=namespace,
            timeout=limit,
            received=self.received,
            running=self._still_running(),
            details=_block("this client is in the rooms:", rooms) + self.details(),
        )


_BLOCKED = 0.05  # seconds by which a deadline may be late although the loop was not blocked


def near(name: str | None, names: set[str]) -> str | None:
    """Return the name among `names` that `name` may be a misspelling of."""
    if name is None:
        return None
    others = sorted(names - {name})
    import difflib  # noqa: PLC0415 (a wait has failed: nobody else needs it)

    close = difflib.get_close_matches(name, others, n=1, cutoff=0.7)
    if close:
        return close[0]
    return next((other for other in others if other.lower() == name.lower()), None)


def show_event(event: ReceivedEvent) -> str:
    """Return an event on one line, its arguments shortened."""
    namespace = "" if event.namespace == "/" else f" in {event.namespace}"
    args = ", ".join(shorten(arg) for arg in event.args)
    return printable(f"{event.name}({args}){namespace}".replace("\n", "\\n"))


def _block(title: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line}" for line in lines[:_SHOWN_EVENTS]]
    if len(lines) > _SHOWN_EVENTS:
        shown.append(f"  ... and {len(lines) - _SHOWN_EVENTS} more")
    return [title, *shown]


def _count(things: Sequence[Any], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
