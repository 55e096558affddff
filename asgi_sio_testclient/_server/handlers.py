"""Which events and namespaces an app handles."""

from __future__ import annotations

from typing import Any

import socketio

__tracebackhide__ = True

_STOCK_DISPATCHES = (socketio.AsyncNamespace.trigger_event, socketio.Namespace.trigger_event)
_STOCK_NAMES = {dispatch.__qualname__ for dispatch in _STOCK_DISPATCHES}


def _dispatches(namespace_handler: Any, event: str) -> bool:
    """Whether a class-based namespace does anything with an event: it has the method, or a dispatch
    of its own.
    """
    dispatch = type(namespace_handler).trigger_event
    stock = dispatch in _STOCK_DISPATCHES or dispatch.__qualname__ in _STOCK_NAMES  # a fork's
    own = not stock and dispatch.__module__ != "flask_socketio.namespace"
    return own or hasattr(namespace_handler, f"on_{event}")
