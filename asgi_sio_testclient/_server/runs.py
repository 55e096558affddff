"""`HandlerRun`: one run of one handler of the app."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import socketio

from asgi_sio_testclient._waiting.suspended import suspended_at, suspended_codes

if TYPE_CHECKING:
    from asgi_sio_testclient._waiting.work import Work

__tracebackhide__ = True

_CALL = socketio.AsyncServer.call.__code__
_NOT_YET = float("inf")


class InstrumentedConnection(Protocol):
    """A connection to an instrumented server."""

    receiving: object | None
    handled: int

    def handler_started(self, run: HandlerRun) -> None:
        """Called when a packet of this connection has started a handler."""

    def handler_ended(self, run: HandlerRun) -> None:
        """Called when a handler has returned or raised, at least if its event wanted an ack."""

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Called when the app has raised because of a packet of this connection, in `run` if
        that is known.
        """


class NamesHandlers(Protocol):
    """The part of the server's instrumentation that a `HandlerRun` uses."""

    def handler_name(self, event: str, namespace: str) -> str:
        """Return the handler's qualified name, or "" if the app has none for the event."""
        ...

    def handler_source(self, event: str, namespace: str) -> str:
        """Return the handler's file and line, or ""."""
        ...


class HandlerRun:
    """One run of one handler of the app.

    Attributes:
        event: what started it: an event's name, "connect" or "disconnect".
        namespace: where.
        sid: the client's id in that namespace; None where it isn't known yet.
        id: the ack id that the client gave, or None.
        started: when, in seconds of `time.perf_counter`; infinite until then.
        ended: when; None while it runs.
        task: the task it runs in.
        error: what it raised.
        refused_at: of a connect handler that refused, the line that did; "" else.
    """

    __slots__ = (
        "_server", "ended", "error", "event", "id", "namespace", "owner", "refused_at", "sid",
        "started", "task",
    )  # fmt: skip

    def __init__(
        self,
        server: NamesHandlers,
        owner: InstrumentedConnection | None,
        event: str,
        namespace: str,
        sid: str | None,
        id: int | None,
    ) -> None:
        self._server = server
        self.owner = owner
        self.event = event
        self.namespace = namespace
        self.sid = sid
        self.id = id
        self.started = _NOT_YET
        self.ended: float | None = None
        self.task: asyncio.Task[Any] | None = None
        self.error: BaseException | None = None
        self.refused_at = ""

    def begin(self) -> None:
        """Note the beginning."""
        self.started = perf_counter()

    @property
    def name(self) -> str:
        """The handler's qualified name, "" if the app has none for the event."""
        return self._server.handler_name(self.event, self.namespace)

    @property
    def source(self) -> str:
        """The file and line of the handler's definition, "" if that is not known."""
        return self._server.handler_source(self.event, self.namespace)

    @property
    def awaits_client(self) -> bool:
        """Whether it is suspended in ``AsyncServer.call()``: it waits for a client's ack."""
        return self.task is not None and _CALL in suspended_codes(self.task)

    def is_outside(self, work: Work) -> bool:
        """Return whether the run waits for a thread or a socket; `work` is that of its event
        loop.
        """
        return work.waits_outside(self.task)

    @property
    def place(self) -> str:
        """Where it is suspended; "" where that is in no line of the app's own."""
        return "" if self.task is None else suspended_at(self.task)

    @property
    def duration(self) -> float | None:
        """Seconds that it took; None while it runs."""
        return None if self.ended is None else self.ended - self.started

    def __str__(self) -> str:
        where = self.place
        name = self.name or "handler"
        return (
            f"{name} (event {self.event!r}, namespace {self.namespace!r}){where and f' at {where}'}"
        )
