"""Functions for the exploration of schedules: a server's session ids that are the same in every
run, clients and handlers.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable
from typing import Any

import socketio

from asgi_sio_testclient._server.find import find_server

__all__ = ["eio_sid_of", "find_server", "handler_of", "number_ids"]

__tracebackhide__ = True

_LENGTH = 15  # bytes: 20 characters, as engineio.BaseServer.generate_id makes them


def number_ids(eio: Any, numbers: itertools.count[int]) -> Callable[[], None]:
    """Make a server generate session ids from `numbers`, and not at random; return a function that
    undoes this.

    The method is replaced on the instance, as python-socketio's instrumentation does.
    """

    def generate_id() -> str:
        digest = hashlib.sha256(b"%d" % next(numbers)).digest()
        return base64.urlsafe_b64encode(digest[:_LENGTH]).decode().replace("-", "_")

    def undo() -> None:
        if eio.__dict__.get("generate_id") is generate_id:
            del eio.generate_id

    if "generate_id" not in eio.__dict__:
        eio.generate_id = generate_id
    return undo


def eio_sid_of(sio: Any, sid: str, namespace: str) -> str | None:
    """Return the Engine.IO session id of a client; None for a client that is not connected."""
    found: str | None = sio.manager.eio_sid_from_sid(sid, namespace)
    return found


def handler_of(eio: Any, event: str, namespace: str) -> Any:
    """Return the function of the app that handles an event, or None."""
    # These entries are hooked by the instrumentation.
    sio = getattr(eio.handlers.get("connect"), "__self__", None)
    if not isinstance(sio, socketio.AsyncServer):
        return None
    handler, _ = sio._get_event_handler(event, namespace, ())
    if handler is None:
        space, _ = sio._get_namespace_handler(namespace, ())
        handler = getattr(space, f"on_{event}", None)
    return handler
