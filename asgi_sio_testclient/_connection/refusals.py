"""The texts of errors: why a handshake was refused, or why a session ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from asgi_sio_testclient._connection.websocket import WebSocketTransport
from asgi_sio_testclient._exceptions import HandshakeFailed
from asgi_sio_testclient._http.bodies import first_line
from asgi_sio_testclient._http.urls import masked_url
from asgi_sio_testclient._waiting.suspended import suspended_at
from asgi_sio_testclient.asgi import Response
from asgi_sio_testclient.asgi._websocket import FORBIDDEN

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.transport import Transport

__tracebackhide__ = True


NOT_FOUND = 404
BAD_REQUEST = 400
INTERNAL_SERVER_ERROR = 500
_JSON_STRING = '"'
_NO_SERVER = "no Socket.IO server answers there"
_ORIGIN = "is not an accepted origin."  # the end of python-engineio's message, after the origin
_NO_HANDSHAKE = "that is no Engine.IO handshake"


def unanswered(peer: str, transport: Transport | None, tasks: Iterable[asyncio.Task[None]]) -> str:
    """Return why a handshake has not succeeded yet, and where the app is suspended.

    Args:
        peer: "the app", or the address of the server.
        transport: the first transport.
        tasks: the calls of the app that run for the session.
    """
    if isinstance(transport, WebSocketTransport):
        if transport.connection.state == "open":
            return f"{peer} accepted the websocket and sent nothing"
        text = f"{peer} has not accepted the websocket"
    else:
        text = f"{peer} has not answered"
    places = [place for place in map(suspended_at, tasks) if place]
    return f"{text}, it is at {places[0]}" if places else text


def too_large(sizes: Iterable[int], limit: int | None) -> str:
    """Return the sentence about a packet that exceeds the server's limit; "" without one.

    Args:
        sizes: the sizes of the latest packets, in bytes.
        limit: the most bytes that the server accepts; None for no limit.
    """
    largest = max(sizes, default=0)
    if limit is None or largest <= limit:
        return ""
    return (
        f"too large: a packet of {largest} bytes was sent, the server takes {limit} "
        "(max_http_buffer_size)"
    )


class SessionClosed(Exception):
    """The reason why a session ended, for the text of an error."""


def is_misplaced(error: HandshakeFailed) -> bool:
    """Return whether the response is not from a Socket.IO server: the path or the app may be
    wrong.
    """
    return error.hint.startswith((_NO_SERVER, _NO_HANDSHAKE))


def handshake_failed(
    url: str, response: Response, socketio_path: str, *, behind_server: bool = False
) -> HandshakeFailed:
    """Return the error for a refused handshake: the server's response, and a hint if the path
    may be wrong.

    Args:
        url: the URL that was requested.
        response: the response of the server.
        socketio_path: the path of the client.
        behind_server: the handshake was a websocket's, to an app behind an ASGI server. That
            answers 500 in the place of an app that refuses with an HTTP response.
    """
    body = response.body.decode(errors="replace")
    reason = first_line(body)
    if reason.startswith(_JSON_STRING) and reason.endswith(_JSON_STRING):
        # engineio.BaseServer._bad_request() sends its message as JSON.
        reason = reason[1:-1].replace('\\"', '"')
    location = next((value for name, value in response.headers if name == b"location"), None)
    question = f"is socketio_path={socketio_path!r} right?"
    hint = ""
    if location is not None:
        hint = f"redirected to {masked_url(location.decode('latin-1'))}"
    elif response.status == NOT_FOUND or (response.status == FORBIDDEN and not reason):
        hint = f"{_NO_SERVER}; {question}"
    elif reason.endswith(_ORIGIN):
        hint = "origin refused"
    elif behind_server and response.status == INTERNAL_SERVER_ERROR:
        hint = question
    elif response.status < BAD_REQUEST:
        hint = f"{_NO_HANDSHAKE}; {question}"
    return HandshakeFailed(url, response.status, body, reason, hint=hint)
