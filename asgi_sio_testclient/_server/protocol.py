"""`ServerInstrumentation`: the interface of an instrumented server for the rest of the package.

`asyncio_server.AsyncioInstrumentation` and `threaded_server.ThreadedInstrumentation` implement it.
Both are composed of the same parts, `Handlers`, `Clients`, `ServerLog` and `ServerHooks`, and of
sockets of their own kind.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from asgi_sio_testclient._server.clients import Clients
    from asgi_sio_testclient._server.ended import AppTask
    from asgi_sio_testclient._server.handlers import Handlers
    from asgi_sio_testclient._server.hooks import ServerHooks
    from asgi_sio_testclient._server.log import ServerLog
    from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection
    from asgi_sio_testclient._waiting.services import LoopServices

__all__ = ["ServerInstrumentation", "ServerSockets", "ThreadedServerInstrumentation"]

__tracebackhide__ = True


class ServerSockets(Protocol):
    """The Engine.IO connections of one server, by session id. An unknown id is a closed one."""

    def has_connection(self, eio_sid: str) -> bool:
        """Return whether the server has a connection with that id."""
        ...

    def is_open(self, eio_sid: str) -> bool:
        """Return whether the server counts a connection as open."""
        ...

    def has_output(self, eio_sid: str) -> bool:
        """Return whether the server still has something to send to a connection."""
        ...

    def sends(self, eio_sid: str) -> bool:
        """Return whether the server may be sending what it has taken out of the queue."""
        ...

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """Take note of a NOOP packet that arrived over a connection."""

    def release_poll(self, eio_sid: str) -> None:
        """Let the pending GET of a closed session answer now: the server would hold it for 45 s."""

    def expire_poll(self, eio_sid: str) -> None:
        """Let the pending GET answer as it would after those 45 s: with 400."""

    async def time_out(self, eio_sid: str) -> None:
        """Do now what the server does with a client that answers no ping:
        ``check_ping_timeout()``.
        """

    def pass_time(self, seconds: float) -> None:
        """Let the server find that it sent its last pings `seconds` earlier: it reads
        ``time.time()``.
        """


class ServerInstrumentation(Protocol):
    """One instrumented server, in one event loop.

    Attributes:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it; None where there is none.
        services: of the event loop.
        users: how many clients' apps use the instrumentation.
        shares: whether the server may be instrumented in another loop as well, while that one
            stands still.
        threaded: whether handlers run in threads.
        output_shows: whether what the server puts out is sent in tasks of the event loop.
        sessions: the instrumented connections, by Engine.IO sid.
        runs: the handlers that run now.
        handlers: the app's handlers.
        clients: the rooms and ids of the server's clients.
        sockets: the server's Engine.IO connections.
        log: what the server emitted and logged lately.
        hooks: the hooks on the server.
    """

    eio: Any
    sio: Any
    services: LoopServices
    users: int
    shares: bool
    threaded: bool
    output_shows: bool
    sessions: dict[str, InstrumentedConnection]
    runs: set[HandlerRun]
    handlers: Handlers
    clients: Clients
    log: ServerLog
    hooks: ServerHooks

    @property
    def sockets(self) -> ServerSockets:
        """The server's Engine.IO connections."""
        ...

    def install(self, below: ServerHooks | None) -> None:
        """Put the hooks in place; `below` are those of the same server in another loop."""

    def restore(self) -> None:
        """Leave the server as it was found; a hook that somebody else has replaced since stays."""

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """Return the server's session dictionary of a client."""
        ...

    def handle_failure(self, exc: BaseException) -> bool:
        """Report the failure of a task that nobody waits for to the client it was begun for.

        Returns:
            whether there is such a client.
        """
        ...

    def ended_before(self) -> list[AppTask]:
        """Return the app's tasks that ended with an earlier client, and do not run again."""
        ...

    def track_started_tasks(self) -> None:
        """Track the tasks that the server began before it was instrumented."""

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """End what the server keeps of a closed connection.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        ...

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """End the server's service task, if this is its last user and saw it begin.

        Returns:
            the task, to be waited for.
        """
        ...

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """Cancel what the server and the app began and nobody else ends.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        ...

    def release(self) -> None:
        """Clean up what the server remembers of an event loop that is gone."""

    async def close_brokers(self) -> None:
        """Close the connections to brokers that were opened in this event loop."""


class ThreadedServerInstrumentation(ServerInstrumentation, Protocol):
    """One instrumented server that runs in threads."""

    def shielded_app(self, app: Any, connection: InstrumentedConnection) -> Any:
        """Return `app` so that its calls, which threads serve, are not cancelled half-way.

        Raises:
            UsageError: the app's bridge has no thread left for one more client.
        """
        ...
