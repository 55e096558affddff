"""Calls of a client that need the server in this process: its sessions, its rooms, its idleness."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._exceptions import UsageError

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher
    from asgi_sio_testclient._connection.app import RunningApp
    from asgi_sio_testclient._server.protocol import ServerInstrumentation

__all__ = ["require_local_server", "require_server", "rooms_of", "server_session"]

__tracebackhide__ = True


def require_local_server(running_app: RunningApp, what: str, instead: str = "") -> None:
    """Require that the server runs in this process.

    Args:
        running_app: the app of the client.
        what: the call that needs the server, for the error.
        instead: what to do if the server is elsewhere, for the error.

    Raises:
        UsageError: the server is elsewhere.
    """
    url = running_app.elsewhere
    if url is not None:
        raise UsageError(f"{what} needs the server in this process; {url} is elsewhere{instead}")


def require_server(dispatcher: Dispatcher) -> ServerInstrumentation:
    """Return the instrumentation of the server that a client is or was connected to.

    Raises:
        UsageError: no server was detected; or the server is no Socket.IO server, or another one
            than ``server=``.
    """
    instrumentation = dispatcher.instrumentation
    if instrumentation is None:
        raise UsageError(
            "server not found: the app's socketio.AsyncServer was not found in the app's call "
            "stack; pass server= to the TestClient, or, if the app's server is not "
            "python-socketio's, await an event or an ack instead of this call"
        )
    if instrumentation.sio is None:
        raise UsageError(
            "no Socket.IO server: the app's Engine.IO server passes its messages to an object that "
            "is no socketio.AsyncServer, and does not have its attributes; await an event or an "
            "ack instead of this call"
        )
    given = dispatcher.running_app.given_instrumentation
    if given is not None and given is not instrumentation and not given.sessions:
        raise UsageError("the server given as server= is not the one that the app uses")
    return instrumentation


def server_session(
    dispatcher: Dispatcher, namespace: str
) -> AbstractAsyncContextManager[dict[str, Any]]:
    """See `TestClient.session`."""
    require_local_server(dispatcher.running_app, "session()")
    dispatcher.connected_session(namespace)
    session: Any = require_server(dispatcher).session(dispatcher.sids[namespace], namespace)
    return session  # type: ignore[no-any-return]


def rooms_of(dispatcher: Dispatcher, namespace: str) -> set[str]:
    """See `TestClient.rooms`."""
    require_local_server(dispatcher.running_app, "rooms()")
    dispatcher.connected_session(namespace)
    return set(require_server(dispatcher).clients.rooms(dispatcher.sids[namespace], namespace))
