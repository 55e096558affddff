"""Exceptions of a `socketio.ASGIApp`, and what is wrong with the app."""

from __future__ import annotations

from typing import Any

import engineio
import socketio

from asgi_sio_testclient._server.find import ENTRY, is_entry
from asgi_sio_testclient._server.origins import frames

__all__ = ["app_problem", "is_server_entry"]

__tracebackhide__ = True

_ASGI_APP = engineio.ASGIApp.__call__.__code__
_ASGI = "asgi"
_SYNC_SERVERS = (socketio.Server, engineio.Server)


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


def is_server_entry(exc: BaseException) -> bool:
    """Return whether python-engineio raised for a scope that it does not support, such as a
    lifespan.
    """
    codes = [frame.f_code for frame in frames(exc.__traceback__)]
    return bool(codes) and codes[-1] is ENTRY
