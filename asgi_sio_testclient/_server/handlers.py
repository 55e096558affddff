"""The events and namespaces that an app handles, and the handler that a packet starts."""

from __future__ import annotations

from typing import Any

import socketio

from asgi_sio_testclient._server.origins import (
    RESERVED,
    packet_event,
    qualified_name,
    reserved_namespace,
    source_of,
)

__all__ = ["Handlers"]

__tracebackhide__ = True

_STOCK_DISPATCHES = (socketio.AsyncNamespace.trigger_event, socketio.Namespace.trigger_event)
_STOCK_NAMES = {dispatch.__qualname__ for dispatch in _STOCK_DISPATCHES}


class Handlers:
    """The handlers that an app has registered with its server.

    Args:
        sio: the Socket.IO server; None for a server without Socket.IO, which has no handlers.
    """

    def __init__(self, sio: Any) -> None:
        self._sio = sio

    def find(self, event: str, namespace: str) -> Any:
        """Return the handler that the server would call, or None."""
        if self._sio is None:
            return None
        handler, _ = self._sio._get_event_handler(event, namespace, ())
        if handler is None:
            handler, _ = self._sio._get_namespace_handler(namespace, ())
            if handler is not None and not _dispatches(handler, event):
                handler = None
        return handler

    def has_handler(self, event: str, namespace: str) -> bool:
        """Return whether the app has a handler for an event in a namespace, by name or a
        catch-all.
        """
        return self.find(event, namespace) is not None

    def handler_name(self, event: str, namespace: str) -> str:
        """Return the qualified name of the handler, or ""."""
        handler = self.find(event, namespace)
        return "" if handler is None else qualified_name(handler, event)

    def handler_source(self, event: str, namespace: str) -> str:
        """Return file and line of the handler; "" if it has none or is not written in Python."""
        return source_of(self.find(event, namespace), event)

    def known_events(self, namespace: str) -> set[str]:
        """Return the events for which the app has handlers in a namespace, catch-all namespaces
        included.
        """
        if self._sio is None:
            return set()
        names = {name for space in (namespace, "*") for name in self._sio.handlers.get(space, {})}
        for space in (namespace, "*"):
            handler = self._sio.namespace_handlers.get(space)
            names.update(name[3:] for name in dir(handler) if name.startswith("on_"))
        return names - {"*", "connect", "disconnect"}

    def known_namespaces(self) -> set[str]:
        """Return the namespaces that a client can connect to."""
        sio = self._sio
        if sio is None:
            return set()
        named = () if sio.namespaces == "*" else sio.namespaces
        return {*sio.handlers, *sio.namespace_handlers, *named} - {"*"}

    @property
    def handle_disconnects(self) -> bool:
        """Whether code of the app may run when a connection ends."""
        return self._sio is None or self._may_handle("disconnect")

    def _may_handle(self, reserved: str) -> bool:
        """Return whether the app may have a handler for "connect" or "disconnect" in any
        namespace.
        """
        sio = self._sio
        if sio.namespace_handlers:
            return True
        for handlers in sio.handlers.values():  # noqa: SIM110 (asked at each connect and exit; a generator costs as much again)
            if reserved in handlers:
                return True
        return False

    def started_by(self, eio_sid: str, data: Any) -> tuple[str, str, str | None, int | None] | None:
        """Return event, namespace, sid and ack id of the handler that the message `data` is about
        to start within the server's own call; None if it starts none.
        """
        sio = self._sio
        if sio is None:
            return None
        packet, started = sio._binary_packet.get(eio_sid), None
        if packet is None and sio.packet_class.uses_binary_events:
            event = RESERVED.get(data[:1]) if data.__class__ is str else None
            if event is not None:
                if not self._may_handle(event):
                    return None
                started = event, reserved_namespace(data), None
        if started is None:
            if packet is None:
                try:
                    packet = sio.packet_class(encoded_packet=data)
                except Exception:  # noqa: BLE001 (a message that can't be read starts no handler; the server says so itself)
                    return None
            event = packet_event(packet, inline=not sio.async_handlers)
            if event is None:
                return None
            started = event, packet.namespace or "/", packet.id
        event, namespace, id_ = started
        if self.find(event, namespace) is None:
            return None
        return event, namespace, sio.manager.sid_from_eio_sid(eio_sid, namespace), id_


def _dispatches(namespace_handler: Any, event: str) -> bool:
    """Return whether a class-based namespace handles an event: it has the method, or overrides the
    dispatch.
    """
    dispatch = type(namespace_handler).trigger_event
    stock = dispatch in _STOCK_DISPATCHES or dispatch.__qualname__ in _STOCK_NAMES  # of a fork
    own = not stock and dispatch.__module__ != "flask_socketio.namespace"
    return own or hasattr(namespace_handler, f"on_{event}")
