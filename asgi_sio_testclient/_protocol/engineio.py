"""Engine.IO v4 for a client: decodes and encodes packets, and has the state of a session. No I/O,
no clock, no asyncio.

Source: https://github.com/socketio/engine.io-protocol (v4), sections "Handshake", "Heartbeat",
    "Upgrade", "Packet encoding".

    state      packet from the server        what follows
    -------    --------------------------    ------------------------------------------------
    opening    OPEN                          -> open
    open       MESSAGE, NOOP                 -
               PING                          the caller answers `pong(data)`
               PONG "probe"                  only while `probing`: the caller sends UPGRADE when its
               poll has ended
               CLOSE                         -> closed
    closed     anything                      ignored: sent before the server noticed the end

Everything else is a ProtocolError that carries the packet.
"""

from __future__ import annotations

import base64
import enum
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from engineio.packet import CLOSE, MESSAGE, NOOP, OPEN, PING, PONG, UPGRADE, Packet, packet_names
from engineio.payload import Payload

from asgi_sio_testclient._exceptions import ProtocolError
from asgi_sio_testclient._protocol.names import EncodedPacket, name_of

__all__ = [
    "CLOSE",
    "MESSAGE",
    "NOOP",
    "OPEN",
    "PING",
    "PONG",
    "PROBE",
    "UPGRADE",
    "EngineIO",
    "State",
    "batches",
    "decode",
    "encode",
    "encode_payload",
    "packet_name",
    "split_payload",
]

__tracebackhide__ = True


PROBE = "probe"
SEPARATOR = "\x1e"
_SEPARATOR = SEPARATOR.encode()
_BINARY = b"b"
MAX_PACKETS_PER_POST = (
    Payload.max_decode_packets
)  # a server ignores all packets of a longer payload, and answers "OK"


class State(enum.Enum):
    """The state of a session."""

    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"

    __hash__ = object.__hash__  # an Enum's own is written in Python


# In the hot path, where the attribute of an Enum takes ten times as long on Python 3.11.
IS_OPENING, IS_OPEN, IS_CLOSED = State


class EngineIO:
    """One Engine.IO session.

    Attributes:
        state: see the table above.
        sid: the session's id; "" before OPEN.
        upgrades: transports that the server offers to upgrade to.
        ping_interval: seconds; 0 if the server announces 0.
        ping_timeout: seconds.
        max_payload: the most bytes of one POST; None without a limit.
        probing: whether a probe was sent and is not answered yet.
    """

    def __init__(self) -> None:
        self.state = IS_OPENING
        self.sid = ""
        self.upgrades: tuple[str, ...] = ()
        self.ping_interval = 0.0
        self.ping_timeout = 0.0
        self.max_payload: int | None = None
        self.probing = False

    def receive(self, frame: EncodedPacket) -> tuple[int, Any]:
        """Process one packet from the server; return its type and data.

        Raises:
            ProtocolError: the packet is malformed, or not allowed now.
        """
        message = self.message(frame)
        if message is not None:
            return MESSAGE, message
        if self.state is IS_OPENING:
            data = _open_data(frame)
            if data is not None:
                self._open(data, frame)
                return OPEN, data
        packet = decode(frame)
        if self.state is not IS_CLOSED:
            self._check(packet.packet_type, packet.data, frame)
        return packet.packet_type, packet.data

    def message(self, frame: EncodedPacket) -> EncodedPacket | None:
        """Return the data of an ordinary MESSAGE; None for a packet that `receive` has to process.

        `Packet.decode` returns text for data that begins with a digit, as every Socket.IO packet
        does.
        """
        if self.state is not IS_OPEN:
            return None
        if frame.__class__ is not str:
            return frame
        return frame[1:] if frame[:1] == "4" and frame[1:2].isnumeric() else None

    def probe(self) -> str:
        """Return the packet that tests a second transport."""
        self.probing = True
        return str(encode(PING, PROBE))

    def close(self) -> None:
        """Mark the session as closed."""
        self.state = IS_CLOSED

    def _check(self, kind: int, data: Any, frame: EncodedPacket) -> None:
        if self.state is IS_OPENING:
            if kind != OPEN:
                raise ProtocolError(f"{packet_name(kind)} instead of OPEN", frame)
            self._open(data, frame)
        elif kind == CLOSE:
            self.close()
        elif kind == PONG and self.probing and data == PROBE:
            self.probing = False
        elif kind not in {MESSAGE, PING, NOOP}:
            raise ProtocolError(f"unexpected {packet_name(kind)}", frame)

    def _open(self, data: Any, frame: EncodedPacket) -> None:
        """Process the OPEN packet: store the parameters of the session.

        Raises:
            ProtocolError: a parameter is missing or has the wrong type.
        """
        try:
            sid, upgrades = data["sid"], data["upgrades"]
            if not isinstance(sid, str) or not isinstance(upgrades, list):
                raise TypeError("sid is a str and upgrades is a list")
            self.sid, self.upgrades = sid, tuple(map(str, upgrades))
            self.ping_interval = float(data["pingInterval"]) / 1000
            self.ping_timeout = float(data["pingTimeout"]) / 1000
            self.max_payload = int(data["maxPayload"]) if "maxPayload" in data else None
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise ProtocolError("malformed handshake", frame) from exc
        self.state = IS_OPEN


def _open_data(frame: EncodedPacket) -> dict[str, Any] | None:
    """Return the data of an OPEN packet in the form of python-engineio's servers; None for
    another packet.
    """
    if not isinstance(frame, str) or not frame.startswith(_OPEN_WITH_SID):
        return None
    sid, quote, rest = frame[len(_OPEN_WITH_SID) :].partition('"')
    parameters = _open_parameters(rest) if quote and _is_plain(sid) else None
    return None if parameters is None else {**parameters, "sid": sid}


@functools.lru_cache(maxsize=32)
def _open_parameters(rest: str) -> dict[str, Any] | None:
    """Return the parameters in the text after the session id of an OPEN packet, which is the same
    for all clients of a server; None if the whole packet has to be decoded.
    """
    try:
        data = decode(f'{_OPEN_WITH_SID}"{rest}').data
    except ProtocolError:
        return None
    return data if isinstance(data, dict) and data.get("sid") == "" else None


_OPEN_WITH_SID = '0{"sid":"'
_is_plain = re.compile(r"[-\w]+", re.ASCII).fullmatch  # characters that JSON does not escape


def packet_name(kind: int) -> str:
    """Return the name of a packet type, such as "OPEN", or the number if the protocol has no
    name for it.
    """
    return name_of(kind, packet_names)


def decode(frame: EncodedPacket) -> Packet:
    """Return one packet, decoded by python-engineio.

    Raises:
        ProtocolError: the packet can't be decoded.
    """
    try:
        packet = Packet(encoded_packet=frame)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("malformed Engine.IO packet", frame) from exc
    if packet.packet_type > NOOP:
        raise ProtocolError("unknown Engine.IO packet type", frame)
    return packet


def encode(kind: int, data: str | bytes | None = None) -> Any:
    """Return one packet as it is sent over a websocket: text, or bytes for a binary MESSAGE."""
    return Packet(kind, data).encode()


def encode_payload(frames: Sequence[EncodedPacket]) -> bytes:
    """Return the body of a POST: packets joined by the record separator, binary ones in base64."""
    if len(frames) == 1 and isinstance(frames[0], str):
        return frames[0].encode()
    parts: list[bytes] = []
    for frame in frames:
        if parts:
            parts.append(_SEPARATOR)
        if isinstance(frame, str):
            parts.append(frame.encode())
        else:
            # The same as Packet(MESSAGE, frame).encode(b64=True), with fewer copies.
            parts += (_BINARY, base64.b64encode(frame))
    return b"".join(parts)


def split_payload(body: bytes) -> list[EncodedPacket]:
    """Return the packets of a polling response; binary packets as bytes, as over a websocket.

    python-engineio's `Payload` is not used: it refuses more than 16 packets, and servers send more.
    """
    if _SEPARATOR not in body and not body.startswith(_BINARY):
        return [body.decode(errors="replace")] if body else []
    if not body.isascii():
        return [*body.decode(errors="replace").split(SEPARATOR)]
    frames: list[EncodedPacket] = []
    view, start, end = memoryview(body), 0, 0
    while end >= 0:
        end = body.find(_SEPARATOR, start)
        frames.append(_frame(view[start:] if end < 0 else view[start:end]))
        start = end + 1
    return frames


def _frame(part: memoryview) -> EncodedPacket:
    """Return one packet of a payload in ASCII; binary data that can't be decoded is returned
    unchanged.
    """
    if part[:1] == _BINARY:
        try:
            return base64.b64decode(part[1:])  # as Packet.decode() does, with one copy less
        except ValueError:
            pass
    return bytes(part).decode("ascii")


def batches(
    frames: Sequence[EncodedPacket], max_payload: int | None
) -> Iterator[Sequence[EncodedPacket]]:
    """Split packets into payloads that the server accepts: at most 16 packets, at most
    `max_payload` bytes.

    A packet that is larger than the limit is sent alone, so that the server refuses only that
    packet.
    """
    start = size = 0
    for index, frame in enumerate(frames):
        frame_size = _size(frame)
        full = index - start == MAX_PACKETS_PER_POST
        if max_payload is not None and index > start and size + 1 + frame_size > max_payload:
            full = True
        if full:
            yield frames[start:index]
            start, size = index, 0
        size += frame_size + (index > start)
    if start < len(frames):
        yield frames[start:]


def _size(frame: EncodedPacket) -> int:
    if isinstance(frame, str):
        return len(frame) if frame.isascii() else len(frame.encode())
    return 1 + 4 * -(-len(frame) // 3)
