"""Socket.IO v5, the client's side: Engine.IO messages in, packets out. No I/O, no clock, no
asyncio.

Source: https://github.com/socketio/socket.io-protocol (v5). Packets are python-socketio's own
    classes. Plain text events and acks of the
default class take a shorter way to the same bytes (`_FastText`): python-socketio builds a JSON
encoder and decoder for every packet, this keeps one of each. Whatever it can't take, or what raises
in it, goes to the packet class, so that results and errors are always theirs.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import engineio.json
from socketio.packet import (
    ACK,
    BINARY_ACK,
    BINARY_EVENT,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Packet,
    packet_names,
)

from asgi_sio_testclient._exceptions import ProtocolError

__all__ = [
    "ACK",
    "BINARY_ACK",
    "BINARY_EVENT",
    "CONNECT",
    "CONNECT_ERROR",
    "DISCONNECT",
    "EVENT",
    "Incoming",
    "SocketIO",
    "packet_class_for",
    "packet_name",
]

Message = str | bytes  # the data of one Engine.IO MESSAGE

ROOT = "/"
_new_ids = functools.partial(itertools.count, 1)
SERIALIZERS = ("default", "msgpack")


@dataclass(slots=True)
class Incoming:
    """A packet from the server, whole.

    Attributes:
        kind: CONNECT, DISCONNECT, EVENT, ACK or CONNECT_ERROR; binary kinds are given as EVENT and
            ACK.
        namespace: "/" by default.
        data: for EVENT the list of name and arguments, for ACK the list of values.
        id: of an ACK, or of an EVENT that wants one.
    """

    kind: int
    namespace: str
    data: Any
    id: int | None = None


class SocketIO:
    """The packets of one connection, coded with one packet class.

    Args:
        packet_class: python-socketio's `Packet`, `MsgPackPacket`, or a subclass of one.
    """

    def __init__(self, packet_class: type[Packet] = Packet) -> None:
        self.packet_class = packet_class
        self._fast = _FAST_TEXT if _is_stock(packet_class) else None
        self._incomplete: Any = None  # the packet whose attachments are still to come
        self._ids: dict[str, itertools.count[int]] = defaultdict(_new_ids)

    def next_id(self, namespace: str) -> int:
        """A fresh ack id of that namespace, counted from 1 as python-socketio's client does."""
        return next(self._ids[namespace])

    def connect(self, namespace: str, auth: Any) -> Sequence[Message]:
        """CONNECT. Without auth there is no payload at all, as python-socketio's client and the
        protocol have it.

        Raises:
            TypeError: the auth can't be serialised.
        """
        if auth is None and self._fast is not None:
            return ("0" if namespace == ROOT else f"0{namespace},",)
        return self._encode(CONNECT, namespace, None, auth, f"the auth of namespace {namespace!r}")

    def disconnect(self, namespace: str) -> Sequence[Message]:
        """DISCONNECT."""
        if self._fast is not None:
            return ("1" if namespace == ROOT else f"1{namespace},",)
        return self._encode(DISCONNECT, namespace, None, None, "")

    def event(
        self, event: str, args: tuple[Any, ...], namespace: str, id: int | None = None
    ) -> Sequence[Message]:
        """EVENT, or BINARY_EVENT and its attachments. A lone tuple expands to several arguments.

        Raises:
            TypeError: an argument can't be serialised, or the event is no str.
        """
        if not isinstance(event, str):
            raise TypeError(f"event is {event!r}; expected a str")
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
        """ACK of the server's `event`, or BINARY_ACK and its attachments.

        Raises:
            TypeError: a value can't be serialised.
        """
        return self._encode(ACK, namespace, id, list(values), f"the ack of {event!r}")

    def receive(self, message: Message) -> Incoming | None:
        """Take one message from the server; None while a packet's attachments are still to come.

        Raises:
            ProtocolError: it is malformed, or an attachment came that nobody announced, or another
                packet in its place.
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
        """Of a half-received packet: its event or type, how many attachments came, how many are
        due.
        """
        packet = self._incomplete
        if packet is None:
            return None
        is_event = packet.packet_type == BINARY_EVENT and isinstance(packet.data, list)
        name = packet.data[0] if is_event and packet.data else "ACK"
        return str(name), len(packet.attachments), packet.attachment_count

    def reset(self) -> None:
        """Forget a half-received packet: its connection is over."""
        self._incomplete = None

    def _receive(self, message: Message) -> Incoming | None:
        if self._incomplete is not None:
            packet = self._incomplete
            if isinstance(message, str):
                raise ValueError("text where an attachment was announced")
            if not packet.add_attachment(message):
                return None
            self._incomplete = None
            return _checked(packet)
        if self.packet_class.uses_binary_events and not isinstance(message, str):
            raise ValueError("an attachment that nobody announced")
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
            raise TypeError(f"{what} can't be serialised: {exc}") from exc
        return encoded if isinstance(encoded, list) else (encoded,)


def _json_encoder() -> Callable[[Any, int], Iterable[str]]:
    """What `json.dumps(..., separators=(",", ":"))` does, without a new encoder for each call."""
    encoder = json.JSONEncoder(separators=(",", ":"))
    make = json.encoder.c_make_encoder  # type: ignore[attr-defined]
    if make is None:
        return lambda data, _indent: (encoder.encode(data),)
    # JSONEncoder.iterencode() makes one of these each time. The first argument is its memory of
    # what it is inside of; without one, a circular structure ends in a RecursionError, and is
    # passed on.
    return make(  # type: ignore[no-any-return]
        None, encoder.default, json.encoder.encode_basestring_ascii, None,
        encoder.key_separator, encoder.item_separator, False, False, True,
    )  # fmt: skip


def _json_scanner() -> Callable[[str, int], tuple[Any, int]]:
    """What `engineio.json.loads` does from an index on, without a new decoder for each call.

    It limits integers, so that a hostile one can't stall the parser.
    """
    decoder: Any = json.JSONDecoder(parse_int=engineio.json._safe_int)  # the same limit
    return decoder.scan_once  # type: ignore[no-any-return]


@dataclass(slots=True)
class _FastText:
    """The short way for text EVENT and ACK packets of python-socketio's own `Packet` with its own
    JSON module.
    """

    _chunks: Callable[[Any, int], Iterable[str]] = field(default_factory=_json_encoder)
    _scan: Callable[[str, int], tuple[Any, int]] = field(default_factory=_json_scanner)

    def encode(self, kind: str, namespace: str, id: int | None, data: list[Any]) -> str | None:
        """The packet's text; None where the packet class has to do it: it holds bytes, or can't be
        serialised.
        """
        try:
            text = "".join(self._chunks(data, 0))
        except (TypeError, ValueError, RecursionError):
            return None
        if id is not None:
            text = f"{id}{text}"
        return f"{kind}{text}" if namespace == ROOT else f"{kind}{namespace},{text}"

    def decode(self, message: Message) -> Incoming | None:
        """The packet; None where the packet class has to read it."""
        if message.__class__ is not str:
            return None
        kind = _KINDS.get(message[:1])
        if kind is None:
            return None
        namespace, start = ROOT, 1
        if message[1:2] == "/":
            start = message.find(",") + 1
            namespace = message[1 : start - 1]
            if start == 0 or "?" in namespace:
                return None
        bracket = message.find(_OPENINGS[kind], start, start + _MAX_ID_DIGITS + 1)
        id_ = None
        if bracket != start:
            number = message[start:bracket]
            if bracket == -1 or not (number.isascii() and number.isdigit()):
                return None
            id_ = int(number)
        try:
            data, end = self._scan(message, bracket)
        except (ValueError, StopIteration, RecursionError):
            return None
        valid = id_ is not None if kind == ACK else _is_valid(kind, data, id_)
        return Incoming(kind, namespace, data, id_) if valid and end == len(message) else None


_KINDS = {"0": CONNECT, "2": EVENT, "3": ACK}
_OPENINGS = {CONNECT: "{", EVENT: "[", ACK: "["}
_MAX_ID_DIGITS = 18
_FAST_TEXT = _FastText()


def packet_class_for(serializer: Any, json_module: Any) -> type[Packet]:
    """The packet class for a `serializer` and a `json` argument, both as in python-socketio.

    python-socketio sets `json` on the class, for the whole process; here it goes on a subclass.

    Raises:
        ValueError: an unknown serializer.
        TypeError: not a serializer, or not a json-like module.
        ImportError: "msgpack" without the msgpack package.
    """
    packet_class: Any
    if serializer == "default":
        packet_class = Packet
    elif serializer == "msgpack":
        from socketio.msgpack_packet import MsgPackPacket  # noqa: PLC0415 (needs the [msgpack] extra)

        packet_class = MsgPackPacket
    elif isinstance(serializer, str):
        raise ValueError(
            f"serializer is {serializer!r}; expected one of {SERIALIZERS} or a Packet class"
        )
    elif isinstance(serializer, type) and issubclass(serializer, Packet):
        packet_class = serializer
    else:
        raise TypeError(
            f"serializer is {serializer!r}; expected one of {SERIALIZERS} or a Packet class"
        )
    if json_module is None:
        return packet_class  # type: ignore[no-any-return]
    if not callable(getattr(json_module, "dumps", None)) or not callable(
        getattr(json_module, "loads", None)
    ):
        raise TypeError(f"json is {json_module!r}; expected a module with dumps() and loads()")
    return type(packet_class.__name__, (packet_class,), {"json": json_module})


def packet_name(kind: int) -> str:
    """The name of a packet type, "EVENT" for example; the number where the protocol has no name for
    it.
    """
    return str(packet_names[kind]) if kind < len(packet_names) else str(kind)


def _is_stock(packet_class: type[Packet]) -> bool:
    return packet_class is Packet and packet_class.json is engineio.json


def _checked(packet: Any) -> Incoming:
    """`packet` as `Incoming`.

    Raises:
        ValueError: its type or data is none that the protocol allows.
    """
    kind = _PLAIN.get(packet.packet_type, packet.packet_type)
    namespace = packet.namespace or ROOT
    if not isinstance(namespace, str) or not isinstance(packet.id, int | None):
        # As msgpack can have it.
        raise TypeError("a namespace that is no str, or an id that is no int")
    if not _is_valid(kind, packet.data, packet.id):
        raise ValueError(f"no valid {packet_name(kind)}")
    return Incoming(kind, namespace, packet.data, packet.id)


def _is_valid(kind: int, data: Any, id_: int | None) -> bool:
    """Whether a packet's data is what the protocol has for its type."""
    if kind == ACK:
        return isinstance(data, list) and id_ is not None
    if kind == EVENT:
        return isinstance(data, list) and bool(data) and isinstance(data[0], str)
    if kind == CONNECT:
        return isinstance(data, dict) and "sid" in data
    return kind in {DISCONNECT, CONNECT_ERROR}


_PLAIN = {BINARY_EVENT: EVENT, BINARY_ACK: ACK}
