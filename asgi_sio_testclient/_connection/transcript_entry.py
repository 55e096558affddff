"""One entry of a transcript: a packet or an HTTP request, as data and as a line of text."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._error_texts import printable
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient._protocol.names import EncodedPacket

if TYPE_CHECKING:
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["HTTP", "RECEIVED", "SENT", "TranscriptEntry", "shorten"]

__tracebackhide__ = True

SENT, RECEIVED = "sent", "received"
HTTP = "http"
_WIDTH = 100
_SHOWN_ARGUMENTS = 60
_MASK = "***"
_CONNECT = "0"
_ARROWS = {SENT: "->", RECEIVED: "<-"}


@dataclass(frozen=True)
class TranscriptEntry:
    """One packet, or one HTTP request of ``client.http``.

    Attributes:
        time: seconds since the client first connected or made a request.
        direction: "sent" or "received"; an HTTP request is "sent".
        transport: "websocket" or "polling"; "http" for a request.
        engineio_type: "OPEN", "MESSAGE", ...; "HTTP" for a request.
        socketio_type: "CONNECT", "EVENT", ...; None if the packet is not Socket.IO's; "ATTACHMENT"
            for an attachment.
        namespace: the namespace, or None.
        event: the name of an event, or None.
        args: the values of an event or an ack; the method, the URL (with masked values of its
            query) and the status of a request; else the data, if any.
        attachments: how many binary parts follow.
        id: the ack id.
        handler: the run of the app's handler that the packet started, with ``.name`` and
            ``.duration`` (seconds); or None.
        frame: the encoded packet.
        request: the HTTP request, with ``.method``, ``.url``, ``.status`` and ``.duration``
            (seconds); None for a packet.
    """

    time: float
    direction: str
    transport: str
    engineio_type: str
    socketio_type: str | None = None
    namespace: str | None = None
    event: str | None = None
    args: tuple[Any, ...] = ()
    attachments: int = 0
    id: int | None = None
    frame: EncodedPacket = field(default="", repr=False)
    handler: HandlerRun | None = field(default=None, compare=False)
    request: HTTPRequest | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        """Return one line that fits a terminal; possible secrets are masked."""
        line = (
            f"{self.time * 1000:9.2f} ms {_ARROWS[self.direction]} {self.transport:9} {self.label}"
        )
        if self.handler is not None and self.handler.duration is not None:
            line += (
                f"  [{self.handler.name or 'no handler'}: {self.handler.duration * 1000:.2f} ms]"
            )
        if self.request is not None and self.request.duration is not None:
            line += f"  [{self.request.duration * 1000:.2f} ms]"
        return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."

    @property
    def label(self) -> str:
        """Type, namespace, event and arguments, shortened."""
        if self.request is not None:
            return self.request.label
        if self.socketio_type is None:
            return " ".join((self.engineio_type, *(shorten(arg) for arg in self.args)))
        parts = [self.socketio_type]
        if self.namespace not in (None, "/"):
            parts.append(printable(str(self.namespace)).replace("\n", "\\n"))
        if self.id is not None:
            parts.append(f"#{self.id}")
        if self.event is not None:
            parts.append(repr(self.event))
        if self.attachments:
            parts.append(f"({self.attachments} attachment{'s' if self.attachments > 1 else ''})")
        parts.extend(_MASK if self.has_auth else shorten(arg) for arg in self.args)
        return " ".join(parts)

    def __repr__(self) -> str:
        """Return the repr of a dataclass, masked like the label: pytest shows it for a failed
        assert.
        """
        shown = {name: getattr(self, name) for name in _SHOWN_IN_REPR}
        shown["args"] = self.shown_args
        return f"TranscriptEntry({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    @property
    def shown_args(self) -> tuple[Any, ...]:
        """The arguments as the text shows them: an auth payload is masked."""
        return (_MASK,) * len(self.args) if self.has_auth else self.args

    @property
    def has_auth(self) -> bool:
        """Whether the arguments are an auth payload, which is masked in texts."""
        if self.direction != SENT:
            return False
        if self.socketio_type == "MALFORMED":
            return isinstance(self.args[0], str) and self.args[0].startswith(_CONNECT)
        return self.socketio_type == "CONNECT"


_SHOWN_IN_REPR = [attribute.name for attribute in fields(TranscriptEntry) if attribute.repr]


def shorten(value: Any, limit: int = _SHOWN_ARGUMENTS) -> str:
    """Return a value as text: as JSON if possible, cut to `limit` characters."""
    if isinstance(value, bytes | bytearray):
        text = f"<{len(value)} bytes>"
    else:
        try:
            text = json.dumps(value, ensure_ascii=False)
        except (TypeError, ValueError):
            text = repr(value)
    text = printable(text).replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 3] + "..."
