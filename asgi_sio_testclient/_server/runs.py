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
        """Called when the app has raised because of a packet of this connection, in `run` if the
        run is known.
        """


class HandlerNames(Protocol):
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
        event: the name of the event, "connect" or "disconnect".
        namespace: the namespace of the event.
        sid: the client's session id in that namespace; None while it is unknown.
        id: the ack id of the event, or None.
        started: when the run started, in seconds of `time.perf_counter`; infinite before the start.
        ended: when the run ended; None while it runs.
        task: the task of the run.
        error: the exception that the handler raised, or None.
        refused_at: the line of a connect handler that refused the client; else "".
    """

    __slots__ = (
        "_server", "ended", "error", "event", "id", "namespace", "owner", "refused_at", "sid",
        "started", "task",
    )  # fmt: skip

    def __init__(
        self,
        server: HandlerNames,
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
        """Record the start of the run."""
        self.started = perf_counter()

    @property
    def name(self) -> str:
        """The handler's qualified name, "" if the app has none for the event."""
        return self._server.handler_name(self.event, self.namespace)

    @property
    def source(self) -> str:
        """The file and line of the handler's definition; "" if they are unknown."""
        return self._server.handler_source(self.event, self.namespace)

    @property
    def awaits_client(self) -> bool:
        """Whether the run is suspended in ``AsyncServer.call()``, which waits for a client's
        ack.
        """
        return self.task is not None and _CALL in suspended_codes(self.task)

    def waits_outside(self, work: Work) -> bool:
        """Return whether the run waits for a thread or a socket; `work` is the work of its event
        loop.
        """
        return work.waits_outside(self.task)

    @property
    def place(self) -> str:
        """The line of the app at which the run is suspended; "" without such a line."""
        return "" if self.task is None else suspended_at(self.task)

    @property
    def duration(self) -> float | None:
        """The duration in seconds; None while the handler runs."""
        return None if self.ended is None else self.ended - self.started

    def __str__(self) -> str:
        where = self.place
        name = self.name or "handler"
        return (
            f"{name} (event {self.event!r}, namespace {self.namespace!r}){where and f' at {where}'}"
        )
