"""`ServerInstrumentation`: the interface of an instrumented server for the rest of the package.

`asyncio_server.AsyncioInstrumentation` and `threaded_server.ThreadedInstrumentation` implement it.
Both are composed of the same parts, `Handlers`, `Clients`, `ServerLog` and `ServerHooks`, and each
of its own kind of sockets.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio

    from asgi_sio_testclient._server.clients import Clients
    from asgi_sio_testclient._server.ended_tasks import AppTask
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
        """Return whether the server may be sending a packet that it has taken out of the queue."""
        ...

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """Note a NOOP packet that arrived over a connection."""

    def release_poll(self, eio_sid: str) -> None:
        """End the pending GET of a closed session now: the server would hold the GET for 45 s."""

    def expire_poll(self, eio_sid: str) -> None:
        """End the pending GET as the server would after 45 s, with status 400."""

    async def time_out(self, eio_sid: str) -> None:
        """Run the server's ``check_ping_timeout()`` as for a client that has answered no ping."""

    def pass_time(self, seconds: float) -> None:
        """Move the server's record of its last pings `seconds` into the past: the server compares
        it with ``time.time()``.
        """


class ServerInstrumentation(Protocol):
    """One instrumented server, in one event loop.

    Attributes:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.
        services: the services of the event loop.
        users: how many running apps use the instrumentation.
        shares: whether the server may also be instrumented in another loop that does not run.
        threaded: whether handlers run in threads.
        output_shows: whether the server sends its output in tasks of the event loop.
        sessions: the instrumented connections, by Engine.IO sid.
        runs: the handlers that run now.
        handlers: the app's handlers.
        clients: the rooms and ids of the server's clients.
        sockets: the server's Engine.IO connections.
        log: the latest emits and logged exceptions of the server.
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
        """Restore the server; a hook that other code has replaced since then stays."""

    def session(
        self, sid: str, namespace: str
    ) -> AbstractAsyncContextManager[MutableMapping[str, Any]]:
        """Return the server's session dictionary of a client."""
        ...

    def handle_failure(self, exc: BaseException) -> bool:
        """Report the exception of a task that is not awaited to the client that caused the task.

        Returns:
            Whether such a client was found.
        """
        ...

    def ended_before(self) -> list[AppTask]:
        """Return the app's tasks that ended with an earlier client, and do not run again."""
        ...

    def track_started_tasks(self) -> None:
        """Track the tasks that the server began before the instrumentation."""

    def release_connection(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """Remove a closed connection from the server, and end its tasks.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        ...

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """End the server's service task, if this is the last user and the task began in this loop.

        Returns:
            The task, to be waited for.
        """
        ...

    def stop_tasks(self) -> list[asyncio.Task[Any]]:
        """Cancel the remaining tasks that the server and the app began.

        Returns:
            the tasks that were cancelled and should be waited for.
        """
        ...

    def release(self) -> None:
        """Remove all state of a closed event loop from the server."""

    async def close_brokers(self) -> None:
        """Close the connections to brokers that were opened in this event loop."""


class ThreadedServerInstrumentation(ServerInstrumentation, Protocol):
    """One instrumented server that runs in threads."""

    def shielded_app(self, app: Any, connection: InstrumentedConnection) -> Any:
        """Return `app` with calls that are not cancelled half-way: threads wait for them.

        Raises:
            UsageError: the app's bridge has no thread left for one more client.
        """
        ...
