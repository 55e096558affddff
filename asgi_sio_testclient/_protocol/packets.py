"""Packets of Socket.IO: a received packet, packet classes, and the validity of a packet's data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
    packet_names,
)

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._protocol.names import name_of

__tracebackhide__ = True

Message = str | bytes  # the data of one Engine.IO MESSAGE
SERIALIZERS = ("default", "msgpack")
# Names of the client's own handlers, which no event may have, as in the JavaScript client.
RESERVED = frozenset({"connect", "connect_error", "disconnect"})


@dataclass(slots=True)
class Incoming:
    """A packet from the server, with its attachments.

    Attributes:
        kind: CONNECT, DISCONNECT, EVENT, ACK or CONNECT_ERROR; EVENT and ACK for binary packets,
            too.
        namespace: "/" by default.
        data: the list of name and arguments of an EVENT, the list of values of an ACK, else the
            payload.
        id: the ack id, or None.
    """

    kind: int
    namespace: str
    data: Any
    id: int | None = None


def packet_class_for(serializer: Any, json_module: Any) -> type[Packet]:
    """Return the packet class for a `serializer` and a `json` argument, both as in python-socketio.

    python-socketio sets `json` on the class, for the whole process; here `json` is set on a
    subclass.

    Raises:
        ValueError: `serializer` is an unknown name.
        TypeError: `serializer` is no serializer, or `json` is no json-like module.
        ImportError: `serializer` is "msgpack", and msgpack is not installed.
    """
    packet_class: Any
    if serializer == "default":
        packet_class = Packet
    elif serializer == "msgpack":
        from socketio.msgpack_packet import MsgPackPacket  # noqa: PLC0415 (needs the [msgpack] extra)

        packet_class = MsgPackPacket
    elif isinstance(serializer, str):
        raise with_advice(
            ValueError(
                f"serializer is {serializer!r}; expected one of {SERIALIZERS} or a Packet class"
            )
        )
    elif isinstance(serializer, type) and issubclass(serializer, Packet):
        packet_class = serializer
    else:
        raise with_advice(
            TypeError(
                f"serializer is {serializer!r}; expected one of {SERIALIZERS} or a Packet class"
            )
        )
    if json_module is None:
        return packet_class  # type: ignore[no-any-return]
    if not callable(getattr(json_module, "dumps", None)) or not callable(
        getattr(json_module, "loads", None)
    ):
        raise TypeError(f"json is {json_module!r}; expected a module with dumps() and loads()")
    return type(packet_class.__name__, (packet_class,), {"json": json_module})


def packet_name(kind: int) -> str:
    """Return the name of a packet type, such as "EVENT"; the number if the protocol has no name for
    it.
    """
    return name_of(kind, packet_names)


def is_valid_packet(kind: int, data: Any, id_: int | None) -> bool:
    """Return whether a packet's data is valid for its type."""
    if kind == ACK:
        return isinstance(data, list) and id_ is not None
    if kind == EVENT:
        return isinstance(data, list) and bool(data) and isinstance(data[0], str)
    if kind == CONNECT:
        return isinstance(data, dict) and "sid" in data
    return kind in {DISCONNECT, CONNECT_ERROR}
