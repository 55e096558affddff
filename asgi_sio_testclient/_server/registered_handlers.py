"""The handlers that are registered with a server, as the app registered them.

References are to python-socketio 5.18.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import socketio

from asgi_sio_testclient._protocol.names import ALL

__all__ = ["RegisteredHandler", "code_of", "handler_for", "registered_handlers"]

__tracebackhide__ = True


@dataclass(frozen=True)
class RegisteredHandler:
    """A handler as the app registered it.

    Attributes:
        namespace: the namespace, or "*".
        event: the event, or "*".
        function: the function, the method of a class-based namespace, or another callable.
    """

    namespace: str
    event: str
    function: Any = field(compare=False)

    @property
    def name(self) -> str:
        """The qualified name of the function."""
        function = getattr(self.function, "func", self.function)
        return str(getattr(function, "__qualname__", None) or type(function).__qualname__)

    @property
    def code(self) -> CodeType | None:
        """The code of the innermost function within decorators that use ``functools.wraps``."""
        return code_of(self.function)


def registered_handlers(sio: Any) -> Iterator[RegisteredHandler]:
    """Return every handler of a server: functions, and the methods of class-based namespaces."""
    for namespace, by_event in sio.handlers.items():
        for event, function in by_event.items():
            yield RegisteredHandler(namespace, event, function)
    for namespace, instance in sio.namespace_handlers.items():
        for name in dir(type(instance)):
            method = getattr(instance, name) if name.startswith("on_") else None
            if callable(method):
                yield RegisteredHandler(namespace, name[3:], method)
        if _dispatches_itself(instance):
            yield RegisteredHandler(namespace, ALL, instance.trigger_event)


def handler_for(sio: Any, event: str, namespace: str) -> RegisteredHandler | None:
    """Return the handler that the server would call for an event, as registered, or None.

    The order is that of ``BaseServer._get_event_handler`` and ``_get_namespace_handler``.
    """
    reserved = event in sio.reserved_events
    for space in (namespace, ALL):
        by_event = sio.handlers.get(space, {})
        for name in (event,) if reserved else (event, ALL):
            if by_event.get(name) is not None:
                return RegisteredHandler(space, name, by_event[name])
    for space in (namespace, ALL):
        instance = sio.namespace_handlers.get(space)
        if instance is not None:
            method = getattr(instance, f"on_{event}", None)
            if method is not None:
                return RegisteredHandler(space, event, method)
            own = _dispatches_itself(instance)
            return RegisteredHandler(space, ALL, instance.trigger_event) if own else None
    return None


_STOCK_DISPATCHES = (socketio.AsyncNamespace.trigger_event, socketio.Namespace.trigger_event)


def _dispatches_itself(instance: Any) -> bool:
    dispatch = type(instance).trigger_event
    return dispatch not in _STOCK_DISPATCHES and dispatch.__module__ != "flask_socketio.namespace"


_CALL = "__call__"  # the function of a handler that is an instance of a class


def code_of(function: Any) -> CodeType | None:
    """Return the code that runs when `function` is called, below ``partial`` and
    ``functools.wraps``.
    """
    while True:
        inner = getattr(function, "__wrapped__", None) or getattr(function, "func", None)
        if inner is None:
            break
        function = inner
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        code = getattr(getattr(type(function), _CALL, None), "__code__", None)
    return code if isinstance(code, CodeType) else None
