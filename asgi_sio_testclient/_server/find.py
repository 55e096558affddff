"""Finds an app's server: in the call stack, as a bare app, or through attributes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import FrameType
from typing import Any

import engineio
import socketio

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._server.reachable import reachable

__tracebackhide__ = True

ENTRY = engineio.AsyncServer.handle_request.__code__
_LIFESPAN = engineio.ASGIApp.lifespan
_ENGINE_PARTS = ("async_mode", "handlers", "logger", "sockets", "start_background_task")
_SERVER_PARTS = (
    "_binary_packet", "_get_event_handler", "_get_namespace_handler", "_trigger_event",
    "async_handlers", "eio", "environ", "handlers", "manager", "namespace_handlers",
    "packet_class", "rooms", "session",
)  # fmt: skip
# Up to Python 3.12 a frame's f_locals are a copy, which is kept as long as the frame.
_drop_copy: Any = dict.clear if sys.version_info < (3, 13) else id
_ONE_AT_A_TIME = ("asgiref.wsgi", "WsgiToAsgi")


def find_server() -> Any:
    """Return the Engine.IO server that waits for the caller's ``receive()`` or ``send()``, or None.

    The server is the `self` of ``engineio.AsyncServer.handle_request`` in the call stack, for any
    wrapper: mounts, middleware, closures. A search through the app's attributes would need a rule
    for each kind of wrapper, and would not find a server in a closure.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_entry(frame):
            values = frame.f_locals
            eio = values["self"]
            _drop_copy(values)
            return eio
        frame = frame.f_back
    return None


def is_entry(frame: FrameType) -> bool:
    """Return whether a frame is an Engine.IO server's ``handle_request``: python-engineio's, or
    that of a fork whose server has the same parts.
    """
    if frame.f_code is ENTRY:
        return True
    if frame.f_code.co_name != ENTRY.co_name:
        return False
    server = frame.f_locals.get("self")
    return not _missing_parts(server, _ENGINE_PARTS)


def bare_server(app: Any) -> Any:
    """Return the Engine.IO server of an app that is python-socketio's own ASGIApp and nothing more,
    or None.

    For such an app the call stack is not searched; and its lifespan, without hooks and around no
    other app, only answers (engineio.ASGIApp.lifespan).
    """
    if type(app) is not socketio.ASGIApp:
        return None
    server = app.engineio_server
    bare = (
        isinstance(server, socketio.AsyncServer)
        and type(server).handle_request is socketio.AsyncServer.handle_request
        and getattr(app.lifespan, "__func__", None) is _LIFESPAN
        and app.other_asgi_app is None
        and app.on_startup is None
        and app.on_shutdown is None
    )
    return server.eio if bare else None


def engineio_server_of(server: Any) -> Any:
    """Return the Engine.IO server of the argument ``server=``.

    Raises:
        TypeError: `server` is neither a server of python-socketio or python-engineio, nor has the
            same parts, nor is Flask-SocketIO's object.
    """
    if isinstance(getattr(server, "server", None), socketio.Server):
        server = server.server
    if isinstance(server, socketio.AsyncServer | socketio.Server):
        return server.eio
    if isinstance(server, engineio.AsyncServer | engineio.Server):
        return server
    eio = getattr(server, "eio", server)
    missing = _missing_parts(server, _SERVER_PARTS) if eio is not server else []
    missing += _missing_parts(eio, _ENGINE_PARTS)
    if not missing and not isinstance(server, type):
        return eio
    raise with_advice(
        TypeError(
            f"server is {server!r}; expected a socketio.AsyncServer, or an object with its "
            f"attributes: {', '.join(missing)} are missing"
        )
    )


def socketio_server_of(eio: Any) -> Any:
    """Return the Socket.IO server on top of an Engine.IO server that has no hooks yet, or None."""
    handler = eio.handlers.get("message")
    sio = getattr(handler, "__self__", None)
    known = isinstance(sio, socketio.AsyncServer | socketio.Server)
    return sio if known or (sio is not None and not _missing_parts(sio, _SERVER_PARTS)) else None


def _missing_parts(thing: Any, parts: Iterable[str]) -> list[str]:
    """Return the parts of a server that `thing` does not have."""
    return [part for part in parts if not hasattr(thing, part)]


def find_threaded_server(app: Any) -> Any:
    """Return the Engine.IO server in threading mode of a WSGI app behind an ASGI app, or None.

    Requests to such a server run in other threads, so the server is in no call stack of the loop's
    thread. The server is searched for in the attributes of the bridge, of Flask and of wrappers.
    """
    one_at_a_time = False
    for thing in reachable(app):
        kind = type(thing)
        one_at_a_time |= (kind.__module__, kind.__name__) == _ONE_AT_A_TIME
        if isinstance(thing, socketio.Server | engineio.Server):
            if one_at_a_time:
                raise UsageError(
                    "asgiref's WsgiToAsgi handles one request at a time: a long poll blocks all "
                    "others; use a2wsgi: WSGIMiddleware(app)"
                )
            return thing.eio if isinstance(thing, socketio.Server) else thing
        if isinstance(thing, socketio.AsyncServer | engineio.AsyncServer):
            return None
    return None
