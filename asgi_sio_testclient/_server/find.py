"""Finds an app's server: in the call stack, as a bare app, or through attributes."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from types import FrameType, FunctionType
from typing import Any

import engineio
import socketio

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._server.origins import frames

__tracebackhide__ = True

_ENTRY = engineio.AsyncServer.handle_request.__code__
_LIFESPAN = engineio.ASGIApp.lifespan
_ASGI_APP = engineio.ASGIApp.__call__.__code__
_ASGI = "asgi"
_SYNC_SERVERS = (socketio.Server, engineio.Server)
_ENGINE_PARTS = ("async_mode", "handlers", "logger", "sockets", "start_background_task")
_SERVER_PARTS = (
    "_binary_packet", "_get_event_handler", "_get_namespace_handler", "_trigger_event",
    "async_handlers", "eio", "environ", "handlers", "manager", "namespace_handlers",
    "packet_class", "rooms", "session",
)  # fmt: skip
# Up to Python 3.12 a frame's f_locals are a copy, which is kept as long as the frame.
_drop_copy: Any = dict.clear if sys.version_info < (3, 13) else id
_ONE_AT_A_TIME = ("asgiref.wsgi", "WsgiToAsgi")
_SEARCHED = 5_000  # the most objects that are searched for a server
_SERVERS = (socketio.Server, engineio.Server, socketio.AsyncServer, engineio.AsyncServer)


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
    if frame.f_code is _ENTRY:
        return True
    if frame.f_code.co_name != _ENTRY.co_name:
        return False
    server = frame.f_locals.get("self")
    return not _missing_parts(server, _ENGINE_PARTS)


def app_problem(exc: BaseException) -> str:
    """Return what is wrong with a `socketio.ASGIApp` around a server of another async_mode, or
    around another app that is no ASGI app; "" if that did not raise `exc`.
    """
    if not isinstance(exc, TypeError):
        return ""
    passed = list(frames(exc.__traceback__))
    for frame in passed:
        server: Any = None
        if is_entry(frame):
            server = frame.f_locals["self"]
        elif frame.f_code is _ASGI_APP:
            server = frame.f_locals["self"].engineio_server
        mode = getattr(server, "async_mode", _ASGI)
        if mode != _ASGI:
            made = "make the server a" if isinstance(server, _SYNC_SERVERS) else "make it"
            return (
                f"async_mode is {mode!r}; an ASGI app needs 'asgi': "
                f"{made} socketio.AsyncServer(async_mode='asgi')"
            )
    if passed and passed[-1].f_code is _ASGI_APP:
        # The object could not be called.
        other = passed[-1].f_locals["self"].other_asgi_app
        kind = type(other)
        name = getattr(other, "__qualname__", f"of type {kind.__module__}.{kind.__qualname__}")
        return f"no ASGI app in socketio.ASGIApp: its other_asgi_app is {name}"
    return ""


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


def is_server_entry(exc: BaseException) -> bool:
    """Return whether python-engineio raised for a scope that it does not support, such as a
    lifespan.
    """
    codes = [frame.f_code for frame in frames(exc.__traceback__)]
    return bool(codes) and codes[-1] is _ENTRY


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


def reachable(app: Any, *, thorough: bool = False) -> Iterator[Any]:
    """Yield the objects that can be reached through attributes, closures and lists of callables,
    nearest first.

    Args:
        app: the first object.
        thorough: whether to search dictionaries, too, such as that of a ProtocolTypeRouter of
            Channels, and the globals that a function names.
    """
    waiting, seen = deque([app]), {id(app)}
    while waiting and len(seen) < _SEARCHED:
        thing = waiting.popleft()
        yield thing
        for child in children_of(thing, thorough=thorough):
            if id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def children_of(thing: Any, *, thorough: bool) -> Iterator[Any]:
    if isinstance(thing, (type, *_SERVERS)):
        return
    values = list(getattr(thing, "__dict__", {}).values())
    values += [getattr(thing, "__self__", None), getattr(thing, "func", None)]
    values += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    if thorough:
        values += _named_globals(thing)
        values += [list(value.values()) for value in values if isinstance(value, dict)]
    for value in values:
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, _SERVERS) or callable(item):
                yield item


def _named_globals(thing: Any) -> Iterator[Any]:
    """Return the globals that a function names; for other functions only those of its own
    module.
    """
    if isinstance(thing, FunctionType):
        for name in thing.__code__.co_names:
            found = thing.__globals__.get(name)
            if not isinstance(found, FunctionType) or found.__globals__ is thing.__globals__:
                yield found
