"""The clients of a Socket.IO server, as the server's manager has them."""

from __future__ import annotations

from typing import Any

__all__ = ["Clients"]

__tracebackhide__ = True


class Clients:
    """The clients of one server: their rooms, session ids and serializers.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.
    """

    def __init__(self, eio: Any, sio: Any) -> None:
        self._eio = eio
        self._sio = sio

    @property
    def related(self) -> set[Any]:
        """The server, and the broker that it shares with other nodes: other clients of these may
        cause work, too.
        """
        medium = getattr(getattr(self._sio, "manager", None), "medium", None)
        return {self._eio} if medium is None else {self._eio, medium}

    @property
    def always_connect(self) -> bool:
        """Whether the server sends CONNECT before it calls the connect handler."""
        return self._sio is not None and bool(self._sio.always_connect)

    def rooms(self, sid: str, namespace: str) -> list[Any]:
        """Return the rooms that the server has a client in."""
        return list(self._sio.manager.get_rooms(sid, namespace)) if self._sio is not None else []

    def connected_sids(self, eio_sid: str) -> list[tuple[str, str]]:
        """Return the namespaces in which the server still counts a connection as connected, with
        its sid there.
        """
        if self._sio is None:
            return []
        manager = self._sio.manager
        sids = [
            (namespace, manager.sid_from_eio_sid(eio_sid, namespace))
            for namespace in manager.get_namespaces()
        ]
        return [(namespace, sid) for namespace, sid in sids if sid is not None]

    def release(self, eio_sid: str) -> None:
        """Remove the entries of a closed connection: after a failed connect handler, the manager
        would keep them for ever.
        """
        self._eio.sockets.pop(eio_sid, None)
        if self._sio is None:
            return
        self._sio.environ.pop(eio_sid, None)
        self._sio._binary_packet.pop(eio_sid, None)
        manager = self._sio.manager
        for namespace in list(manager.get_namespaces()):
            sid = manager.sid_from_eio_sid(eio_sid, namespace)
            if sid is not None:
                manager.basic_disconnect(sid, namespace)

    def serializer_mismatch(self, packet_class: Any) -> str:
        """Return the problem if server and client use different serializers, else ""."""
        if self._sio is None:
            return ""
        theirs = self._sio.packet_class
        if theirs.uses_binary_events == packet_class.uses_binary_events:
            return ""
        wanted = "default" if theirs.uses_binary_events else "msgpack"
        return (
            f"serializer mismatch: the server's serializer is {theirs.__name__}, this client's is "
            f"{packet_class.__name__}: pass serializer={wanted!r}"
        )
