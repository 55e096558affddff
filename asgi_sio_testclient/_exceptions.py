"""The errors and warnings of the package, in one tree.

Every error has its data as attributes, and builds its text from the attributes. This module does no
I/O and imports no protocol.

* TestClientError
    x HandshakeFailed       (also socketio.exceptions.ConnectionError)
    x ConnectionRefused     (also socketio.exceptions.ConnectionError)
    x ConnectTimeout        (also socketio.exceptions.ConnectionError)
    x NotConnected          (also socketio.exceptions.DisconnectedError)
    x EventTimeout          (also socketio.exceptions.TimeoutError, TimeoutError, AssertionError)
    x UnexpectedEvent       (also AssertionError)
    x LifespanFailed
    x ProtocolError
    x UsageError            (also RuntimeError)
    x Leak

`LeakWarning`, a UserWarning, is issued in the place of `Leak` without ``strict=True``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import socketio.exceptions

from asgi_sio_testclient._error_texts import advice_on, cause_first, printable

if TYPE_CHECKING:
    from asgi_sio_testclient._events import ReceivedEvent

__tracebackhide__ = True


class TestClientError(Exception):
    """Base of every error that the client raises.

    If the page *What went wrong?* has an entry for the error, the first note is its address.
    """

    __test__ = False
    _notes: list[str] | None = None

    @property
    def __notes__(self) -> list[str]:
        """The notes, as `BaseException.add_note` and tracebacks use them."""
        if self._notes is None:
            # Not in __init__: subclasses build the text from attributes.
            self._notes = advice_on(str(self))
        return self._notes

    @__notes__.setter
    def __notes__(self, notes: list[str]) -> None:
        self._notes = notes

    def __str__(self) -> str:
        return printable(super().__str__())


class UsageError(TestClientError, RuntimeError):
    """The client was used wrongly, for example outside of ``async with``."""


class HandshakeFailed(TestClientError, socketio.exceptions.ConnectionError):
    """The handshake failed: the app opened no Engine.IO session.

    Attributes:
        url: the URL that was requested.
        status: the HTTP status; for a websocket that was closed before it was accepted, 403 (ASGI
            spec, "Close").
        body: the response's body as text, or the reason of the close.
        reason: the message of the server in the body.
        hint: what to try next, or "".
    """

    def __init__(
        self, url: str, status: int | None, body: str = "", reason: str = "", *, hint: str = ""
    ) -> None:
        super().__init__(url, status, body, reason)
        self.url = url
        self.status = status
        self.body = body
        self.reason = reason
        self.hint = hint

    def __str__(self) -> str:
        status = "no response" if self.status is None else str(self.status)
        said = ": ".join(filter(None, (status, self.hint, self.reason)))
        return printable(f"{said} ({self.url})")


class ConnectionRefused(TestClientError, socketio.exceptions.ConnectionError):
    """The server refused the connection to one or more namespaces: with a CONNECT_ERROR packet, or
    with a DISCONNECT packet after CONNECT (``always_connect``).

    Attributes:
        namespace: the first namespace that was refused.
        data: the data of its refusal, as the app gave it.
        refusals: the data of each refusal, by namespace.
        places: the line of the app that refused, by namespace, if the line is known.
    """

    def __init__(
        self,
        refusals: Mapping[str, Any],
        *,
        hint: str = "",
        places: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(refusals)
        self.places = dict(places or {})
        self.refusals = dict(refusals)
        self.namespace, self.data = next(iter(self.refusals.items()))
        self.hint = hint

    def __str__(self) -> str:
        said = "; ".join(
            f"{name!r} refused: {_words(data)}" for name, data in self.refusals.items()
        )
        headline = cause_first("refused", "refused", f"namespace {said}")
        if self.hint:
            headline += f": {self.hint}"
        places = [f"  {name!r} refused at {place}" for name, place in self.places.items()]
        return "\n".join(map(printable, (headline, *places)))


class ConnectTimeout(TestClientError, socketio.exceptions.ConnectionError):
    """The handshake or a CONNECT packet was not answered in time.

    Attributes:
        waiting_for: what did not arrive.
        timeout: seconds waited; None if the wait ended early, because nothing could arrive.
        cause: the cause if it is known, else "".
        details: further lines: handlers that still run, the last packets.
    """

    def __init__(
        self,
        waiting_for: str,
        timeout: float | None = None,
        cause: str = "",
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(waiting_for, timeout)
        self.waiting_for = waiting_for
        self.timeout = timeout
        self.cause = cause
        self.details = tuple(details)

    def __str__(self) -> str:
        within = "" if self.timeout is None else f" within {self.timeout:g} s"
        headline = f"no {self.waiting_for}{within}"
        if self.cause:
            headline = f"{self.cause}: {headline}"
        return printable("\n".join((headline, *self.details)))


class NotConnected(TestClientError, socketio.exceptions.DisconnectedError):
    """There is no connection, or the connection ended during a wait.

    Attributes:
        reason: why the connection ended, in python-socketio's words; None without a connection
            before.
        details: further lines.
    """

    def __init__(self, text: str, reason: str | None = None, details: Sequence[str] = ()) -> None:
        super().__init__(text, reason)
        self.text = text
        self.reason = reason
        self.details = tuple(details)

    def __str__(self) -> str:
        return printable("\n".join((self.text, *self.details)))


class EventTimeout(TestClientError, socketio.exceptions.TimeoutError, TimeoutError, AssertionError):
    """An event, an ack or the end of a handler did not arrive in time.

    Attributes:
        headline: what was awaited, and the cause if it is known.
        event: the event's name; None for any event.
        namespace: the namespace of the event.
        timeout: seconds; None if the wait ended early, because nothing could arrive.
        received: the events that arrived and are unread.
        running: the handlers that still run, and where each is suspended.
        details: the further lines of the text.
    """

    def __init__(
        self,
        headline: str,
        *,
        event: str | None = None,
        namespace: str | None = None,
        timeout: float | None = None,
        received: Sequence[ReceivedEvent] = (),
        running: Sequence[str] = (),
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(headline)
        self.headline = headline
        self.event = event
        self.namespace = namespace
        self.timeout = timeout
        self.received = list(received)
        self.running = list(running)
        self.details = tuple(details)

    def __str__(self) -> str:
        return printable("\n".join((self.headline, *self.details)))


class UnexpectedEvent(TestClientError, AssertionError):
    """An event arrived although the test asserts that it does not.

    Attributes:
        events: the events that arrived, oldest first.
    """

    def __init__(self, headline: str, events: Sequence[ReceivedEvent]) -> None:
        super().__init__(headline, events)
        self.headline = headline
        self.events = list(events)

    def __str__(self) -> str:
        return printable("\n".join((self.headline, *(f"  {event}" for event in self.events))))


class LifespanFailed(TestClientError):
    """The app's startup or shutdown failed. If the app raised, its exception is the ``__cause__``.

    Attributes:
        phase: "startup" or "shutdown".
        message: the message of the app, or the text of its exception.
    """

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(phase, message)
        self.phase = phase
        self.message = message

    def __str__(self) -> str:
        return printable(f"lifespan {self.phase} failed: {self.message}")


class ProtocolError(TestClientError):
    """The server sent a packet that the protocol does not allow.

    Attributes:
        packet: the encoded packet, as received.
    """

    def __init__(self, problem: str, packet: str | bytes) -> None:
        super().__init__(problem, packet)
        self.problem = problem
        self.packet = packet

    def __str__(self) -> str:
        shown = repr(self.packet)
        if len(shown) > _SHOWN_CHARACTERS:
            shown = shown[:_SHOWN_CHARACTERS] + "..."
        return f"{self.problem}: {shown}"


class Leak(TestClientError):
    """Something was left over at exit, with ``strict=True``.

    Attributes:
        leaks: a line for each.
    """

    def __init__(self, leaks: Sequence[str]) -> None:
        super().__init__(leaks)
        self.leaks = list(leaks)

    def __str__(self) -> str:
        if len(self.leaks) == 1:
            return printable(f"left over at exit: {self.leaks[0]}")
        return printable("\n  ".join(("left over at exit:", *self.leaks)))


class LeakWarning(UserWarning):
    """Something was left over at exit. With ``strict=True`` a `Leak` is raised instead.

    Not a ResourceWarning, which Python's default filters hide.
    """


_SHOWN_CHARACTERS = 200


def _words(data: Any) -> str:
    """Return the message that python-socketio wraps into ``{"message": ...}``, or the data as
    it is.
    """
    if isinstance(data, dict) and set(data) == {"message"}:
        data = data["message"]
    return data if isinstance(data, str) else repr(data)
