"""Encodes and decodes text events of the default Packet class faster than the class itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import engineio.json
from socketio.packet import (
    ACK,
    CONNECT,
    EVENT,
    Packet,
)

from asgi_sio_testclient._protocol.names import ROOT
from asgi_sio_testclient._protocol.packets import Incoming, Message, is_valid_packet

__tracebackhide__ = True

_KINDS = {"0": CONNECT, "2": EVENT, "3": ACK}
_OPENINGS = {CONNECT: "{", EVENT: "[", ACK: "["}
_MAX_ID_DIGITS = 18


def _json_encoder() -> Callable[[Any, int], Iterable[str]]:
    """Return a function that does the same as `json.dumps(..., separators=(",", ":"))`, without a
    new encoder for each call.
    """
    encoder = json.JSONEncoder(separators=(",", ":"))
    make = json.encoder.c_make_encoder  # type: ignore[attr-defined]
    if make is None:
        return lambda data, _indent: (encoder.encode(data),)
    # JSONEncoder.iterencode() creates such an object each time. The first argument detects circular
    # structures; without it, they end in a RecursionError, and the packet class handles them.
    return make(  # type: ignore[no-any-return]
        None, encoder.default, json.encoder.encode_basestring_ascii, None,
        encoder.key_separator, encoder.item_separator, False, False, True,
    )  # fmt: skip


def _json_scanner() -> Callable[[str, int], tuple[Any, int]]:
    """Return a function that does the same as `engineio.json.loads` from an index on, without a new
    decoder for each call.

    The size of integers is limited, so that a hostile packet can't stall the parser.
    """
    decoder: Any = json.JSONDecoder(parse_int=engineio.json._safe_int)  # the limit of engineio.json
    return decoder.scan_once  # type: ignore[no-any-return]


class _FastText:
    """Encodes and decodes text EVENT and ACK packets of python-socketio's own `Packet` with its own
    JSON module.
    """

    __slots__ = ("_chunks", "_scan")

    def __init__(self) -> None:
        self._chunks = _json_encoder()
        self._scan = _json_scanner()

    def encode(self, kind: str, namespace: str, id: int | None, data: list[Any]) -> str | None:
        """Return the packet's text; None if the packet class has to encode the packet, which has
        bytes or can't be serialised.
        """
        try:
            text = "".join(self._chunks(data, 0))
        except (TypeError, ValueError, RecursionError):
            return None
        if id is not None:
            text = f"{id}{text}"
        return f"{kind}{text}" if namespace == ROOT else f"{kind}{namespace},{text}"

    def decode(self, message: Message) -> Incoming | None:
        """Return the packet; None if the packet class has to decode the text."""
        if message.__class__ is not str:
            return None
        head = _PLAIN_EVENT if message[:2] == "2[" else _head(message)
        if head is None:
            return None
        kind, namespace, start, id_ = head
        try:
            data, end = self._scan(message, start)
        except (ValueError, StopIteration, RecursionError):
            return None
        if end != len(message):
            return None
        if kind == EVENT:
            # The same check as `is_valid_packet`, without a call, in the hot path; "[" begins a
            # list.
            if not data or data[0].__class__ is not str:
                return None
        elif kind == CONNECT and not is_valid_packet(kind, data, id_):
            return None
        return Incoming(kind, namespace, data, id_)


_Head = tuple[int, str, int, int | None]  # kind, namespace, index of the data, ack id
_PLAIN_EVENT: _Head = EVENT, ROOT, 1, None  # the usual case


def _head(message: str) -> _Head | None:
    """Return the fields before a packet's data; None if the packet class has to decode the text."""
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
    if bracket == start:
        return None if kind == ACK else (kind, namespace, bracket, None)
    number = message[start:bracket]
    if bracket == -1 or not (number.isascii() and number.isdigit()):
        return None
    return kind, namespace, bracket, int(number)


def is_stock(packet_class: type[Packet]) -> bool:
    return packet_class is Packet and packet_class.json is engineio.json


FAST_TEXT = _FastText()
