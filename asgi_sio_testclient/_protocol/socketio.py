"""Socket.IO v5 for a client: decodes and encodes packets. No I/O, no clock, no asyncio.

Source: https://github.com/socketio/socket.io-protocol (v5). Packets are python-socketio's own
    classes. Plain text events and acks of the
default class are encoded and decoded by `_FastText`, with the same result: python-socketio creates
a JSON encoder and decoder for every packet, `_FastText` keeps one of each. The packet class handles
all other packets, and all errors, so that results and errors are always those of python-socketio.
"""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    DISCONNECT,
    EVENT,
    Packet,
)

from asgi_sio_testclient._error_texts import with_advice
from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._protocol.fast_text import FAST_TEXT, is_stock
from asgi_sio_testclient._protocol.names import ROOT
from asgi_sio_testclient._protocol.packets import (
    RESERVED,
    Incoming,
    Message,
    is_valid_packet,
    packet_name,
)

__all__ = ["SocketIO"]

__tracebackhide__ = True


_new_ids = functools.partial(itertools.count, 1)


class SocketIO:
    """Encodes and decodes the packets of one connection, with one packet class.

    Args:
        packet_class: python-socketio's `Packet`, `MsgPackPacket`, or a subclass of one.
    """

    def __init__(self, packet_class: type[Packet] = Packet) -> None:
        self.packet_class = packet_class
        self._fast = FAST_TEXT if is_stock(packet_class) else None
        self._incomplete: Any = None  # the packet whose attachments have not all arrived
        self._ids: dict[str, itertools.count[int]] = defaultdict(_new_ids)

    def next_id(self, namespace: str) -> int:
        """Return a new ack id of a namespace, counted from 1 as in python-socketio's client."""
        return next(self._ids[namespace])

    def connect(self, namespace: str, auth: Any) -> Sequence[Message]:
        """Return a CONNECT packet; without auth, the packet has no payload, as in python-socketio's
        client.

        Raises:
            TypeError: the auth can't be serialised.
        """
        if auth is None and self._fast is not None:
            return ("0" if namespace == ROOT else f"0{namespace},",)
        return self._encode(CONNECT, namespace, None, auth, f"the auth of namespace {namespace!r}")

    def disconnect(self, namespace: str) -> Sequence[Message]:
        """Return a DISCONNECT packet."""
        if self._fast is not None:
            return ("1" if namespace == ROOT else f"1{namespace},",)
        return self._encode(DISCONNECT, namespace, None, None, "")

    def event(
        self, event: str, args: tuple[Any, ...], namespace: str, id: int | None = None
    ) -> Sequence[Message]:
        """Return an EVENT packet, or a BINARY_EVENT packet and its attachments. A lone tuple
        expands to several arguments.

        Raises:
            TypeError: an argument can't be serialised, or the event is no str.
            ValueError: the event's name is reserved.
        """
        if event.__class__ is not str or event in RESERVED:
            _check_name(event)
        if len(args) == 1 and isinstance(args[0], tuple):
            args = args[0]
        data = [event, *args]
        if self._fast is not None:
            text = self._fast.encode("2", namespace, id, data)
            if text is not None:
                return (text,)
        return self._encode(EVENT, namespace, id, data, f"the arguments of {event!r}")

    def ack(
        self, event: str, values: tuple[Any, ...], namespace: str, id: int
    ) -> Sequence[Message]:
        """Return the ACK packet for the server's `event`, or a BINARY_ACK packet and its
        attachments.

        Raises:
            TypeError: a value can't be serialised.
        """
        return self._encode(ACK, namespace, id, list(values), f"the ack of {event!r}")

    def receive(self, message: Message) -> Incoming | None:
        """Process one message from the server; return the packet, or None while its attachments are
        missing.

        Raises:
            ProtocolError: the packet is malformed, or an attachment arrived without its packet, or
                another packet in place of an attachment.
        """
        if self._fast is not None and self._incomplete is None:
            incoming = self._fast.decode(message)
            if incoming is not None:
                return incoming
        try:
            return self._receive(message)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as exc:
            self._incomplete = None
            raise ProtocolError("malformed Socket.IO packet", message) from exc

    @property
    def incomplete(self) -> tuple[str, int, int] | None:
        """The event or type of a half-received packet, how many attachments have arrived, and how
        many it has; or None.
        """
        packet = self._incomplete
        if packet is None:
            return None
        is_event = packet.packet_type == BINARY_EVENT and isinstance(packet.data, list)
        name = packet.data[0] if is_event and packet.data else "ACK"
        return str(name), len(packet.attachments), packet.attachment_count

    def reset(self) -> None:
        """Remove a half-received packet: the connection has ended."""
        self._incomplete = None

    def _receive(self, message: Message) -> Incoming | None:
        """Decode one message; see `receive`. Errors are of any type."""
        if self._incomplete is not None:
            packet = self._incomplete
            if isinstance(message, str):
                raise ValueError("text where an attachment was announced")
            if not packet.add_attachment(message):
                return None
            self._incomplete = None
            return _checked(packet)
        if self.packet_class.uses_binary_events and not isinstance(message, str):
            raise ValueError("an attachment that no packet announced")
        try:
            packet = self.packet_class(encoded_packet=message)
        except Exception as exc:
            raise ValueError(str(exc)) from exc
        if packet.packet_type in {BINARY_EVENT, BINARY_ACK} and packet.attachment_count > 0:
            self._incomplete = packet
            return None
        return _checked(packet)

    def _encode(
        self, kind: int, namespace: str, id: int | None, data: Any, what: str
    ) -> Sequence[Message]:
        try:
            encoded = self.packet_class(kind, data=data, namespace=namespace, id=id).encode()
        except (TypeError, ValueError, OverflowError, RecursionError) as exc:
            raise with_advice(TypeError(f"can't serialise {what}: {exc}")) from exc
        return encoded if isinstance(encoded, list) else (encoded,)


def _checked(packet: Any) -> Incoming:
    """`packet` as `Incoming`.

    Raises:
        ValueError: the protocol does not allow its type or data.
    """
    kind = _PLAIN.get(packet.packet_type, packet.packet_type)
    namespace = packet.namespace or ROOT
    if not isinstance(namespace, str) or not isinstance(packet.id, int | None):
        # Possible with msgpack.
        raise TypeError("a namespace that is no str, or an id that is no int")
    if not is_valid_packet(kind, packet.data, packet.id):
        raise ValueError(f"no valid {packet_name(kind)}")
    return Incoming(kind, namespace, packet.data, packet.id)


_PLAIN = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}


def _check_name(event: Any) -> None:
    if not isinstance(event, str):
        raise with_advice(TypeError(f"event is {event!r}; expected its name, a str"))
    if event in RESERVED:
        raise with_advice(
            ValueError(
                f"a reserved name: event is {event!r}, which no client sends; call connect() "
                "or disconnect() instead"
            )
        )
