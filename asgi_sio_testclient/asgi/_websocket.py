"""`WebSocketConnection`: one websocket scope."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from asgi_sio_testclient.asgi._call import (
    DEFAULT_TIMEOUT,
    Headers,
    Message,
    _by_hand,
    _headers,
    _Mailbox,
    _Run,
)
from asgi_sio_testclient.asgi._http import Response

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, WebSocketScope

__tracebackhide__ = True


NORMAL_CLOSURE = 1000
NO_STATUS_RECEIVED = 1005
FORBIDDEN = 403


@dataclass(frozen=True, slots=True)
class WebSocketClosed:
    """The end of an accepted websocket, by the app.

    Attributes:
        code: the code of the app; 1000 without one (ASGI spec, "Close").
        reason: the reason of the app; "" without one.
    """

    code: int = NORMAL_CLOSURE
    reason: str = ""


class ClientDisconnected(OSError):
    """Raised in an app that sends to a websocket which is closed, as under uvicorn."""


class WebSocketListener(Protocol):
    """The interface of a listener of a `WebSocketConnection`. Its methods are called inside the
    app's own call.
    """

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        """Called when the app has accepted."""

    def websocket_refused(self, response: Response) -> None:
        """Called when the app has closed, or answered with a response, before it accepted."""

    def websocket_message(self, data: str | bytes) -> None:
        """Called with each message of the app."""

    def websocket_closed(self, closed: WebSocketClosed) -> None:
        """Called when the app has closed."""

    def websocket_ended(self, exc: BaseException | None) -> None:
        """Called when the app's callable has returned, or raised `exc`."""


class WebSocketConnection(_Run):
    """One websocket.

    Args:
        app: an ASGI callable.
        scope: see `websocket_scope`.
        listener: gets the messages of the app; without a listener, use `connect` and `receive`.
        on_receive: called each time the app is about to receive.

    For example::

        websocket = WebSocketConnection(app, websocket_scope("/chat"))
        await websocket.connect(timeout=1)
        websocket.send("hello")
        answer = await websocket.receive(timeout=1)
        websocket.close()

    Attributes:
        state: "connecting", "open", "refused" (by the app, before it accepted) or "closed".
        subprotocol: the subprotocol that the app has accepted, or None.
    """

    def __init__(
        self,
        app: ASGI3Application,
        scope: WebSocketScope,
        *,
        listener: WebSocketListener | None = None,
        on_receive: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(app, scope, on_receive)
        self.state = "connecting"
        self.subprotocol: str | None = None
        self._mailbox = _Mailbox() if listener is None else None
        self._listener = listener or _WebSocketMailbox(_by_hand(self._mailbox))
        self.deliver: Callable[[str | bytes], object] = self._listener.websocket_message
        self._refusal: Response | None = None
        self._gate: asyncio.Event | None = None
        self._next.append({"type": "websocket.connect"})

    async def connect(
        self, timeout: float = DEFAULT_TIMEOUT, context: contextvars.Context | None = None
    ) -> str | None:
        """Start the app, wait until it accepts, and return the subprotocol.

        Args:
            timeout: seconds.
            context: as in `start`.

        Raises:
            ConnectionRefusedError: the app closed, or answered with a response: ``.args[0]`` is the
                `Response`.
            TimeoutError: the app did not answer within `timeout` seconds.
            Exception: the exception of the app, unchanged.
        """
        self.start(context)
        answer = await _by_hand(self._mailbox).get(timeout)
        if isinstance(answer, Response):
            raise ConnectionRefusedError(answer)
        return cast("str | None", answer[0])

    def send(self, data: str | bytes) -> None:
        """Send one message to the app. A message to a connection that has ended is discarded,
        as on a network.
        """
        if self.state in {"refused", "closed"}:
            return
        message: Message = {"type": "websocket.receive"}
        if isinstance(data, str):
            message["text"] = data
        else:
            message["bytes"] = bytes(data)
        receivers = self._receivers
        if receivers and not receivers[0].done():
            receivers.pop(0).set_result(message)  # the usual case: the app waits for a message
        else:
            self._feed(message)

    async def receive(self, timeout: float = DEFAULT_TIMEOUT) -> str | bytes | WebSocketClosed:
        """Return the app's next message, or `WebSocketClosed` when it closes.

        Raises:
            TimeoutError: no message arrived within `timeout` seconds.
            Exception: the exception of the app, unchanged.
        """
        return cast("str | bytes | WebSocketClosed", await _by_hand(self._mailbox).get(timeout))

    def close(self, code: int = NORMAL_CLOSURE, reason: str = "") -> None:
        """Close the websocket in an orderly way."""
        self._disconnect({"type": "websocket.disconnect", "code": code, "reason": reason})

    def lose(self, code: int = NO_STATUS_RECEIVED) -> None:
        """Abort, like a lost network: the app gets a code and no reason, and its later ``send()``
        raises an OSError.
        """
        self._disconnect({"type": "websocket.disconnect", "code": code})

    @property
    def paused(self) -> bool:
        """Whether the app's next ``send()`` blocks."""
        return self._gate is not None

    def pause(self) -> None:
        """Stop reading: the app's next ``send()`` blocks, as with a client whose buffers are
        full.
        """
        if self._gate is None:
            self._gate = asyncio.Event()

    def resume(self) -> None:
        """Read again after `pause`."""
        if self._gate is not None:
            self._gate.set()
            self._gate = None

    def _disconnect(self, message: Message) -> None:
        if self.state in {"connecting", "open"}:
            self.state = "closed"
            self._feed(message)
        self.resume()

    async def _send(self, message: Any) -> None:
        """The app's ``send()``."""
        if self._gate is not None:
            await self._gate.wait()
        kind = message["type"]
        if kind == "websocket.send" and self.state == "open":
            data = message.get("text")
            if data is None:
                data = message["bytes"]
            # python-engineio's driver sends a bytearray as "text"; servers send bytes-like data as
            # binary.
            self.deliver(data if isinstance(data, str) else bytes(data))
        elif self.state == "connecting" and self._answer(kind, message):
            pass
        elif kind == "websocket.close" and self.state == "open":
            code, reason = message.get("code", NORMAL_CLOSURE), message.get("reason") or ""
            self._disconnect({"type": "websocket.disconnect", "code": code, "reason": reason})
            self._listener.websocket_closed(WebSocketClosed(code, reason))
        elif self.state == "closed":
            # python-engineio expects an OSError.
            raise ClientDisconnected(f"{kind} after the websocket was closed")
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r}, the websocket is {self.state}.")

    def _answer(self, kind: str, message: Any) -> bool:
        """Process the app's answer to the connection request; return whether `kind` is such an
        answer.
        """
        if kind == "websocket.accept":
            self.state = "open"
            self.subprotocol = message.get("subprotocol")
            headers = _headers(message.get("headers", ()))
            self._listener.websocket_accepted(self.subprotocol, headers)
        elif kind == "websocket.close":
            self._refuse(Response(FORBIDDEN, (), (message.get("reason") or "").encode()))
        elif kind in {"websocket.http.response.start", "http.response.start"}:
            self._refusal = Response(message["status"], _headers(message.get("headers", ())))
        elif kind == "websocket.http.response.body" and self._refusal is not None:
            self._add_to_refusal(message)
        elif kind == "http.response.body" and self._refusal is not None:
            # Servers raise RuntimeError for http.response.start (engineio.ASGIApp sends it for an
            # unknown path). It is raised here one message later, so that status and body of the
            # refusal are known.
            self._add_to_refusal(message)
            raise RuntimeError(f"Unexpected ASGI message {kind!r} on a websocket scope.")
        else:
            return False
        return True

    def _add_to_refusal(self, message: Any) -> None:
        refusal = cast("Response", self._refusal)
        body = refusal.body + bytes(message.get("body", b""))
        self._refusal = Response(refusal.status, refusal.headers, body)
        if not message.get("more_body", False):
            self._refuse(self._refusal)

    def _refuse(self, response: Response) -> None:
        self.state = "refused"
        self._feed({"type": "websocket.disconnect", "code": 1006})
        self._listener.websocket_refused(response)

    def _ended(self, exc: BaseException | None) -> None:
        if self._refusal is not None and self.state == "connecting":
            self._refuse(self._refusal)
        if self.state == "refused" and self._refusal is not None and isinstance(exc, RuntimeError):
            exc = None
        self._listener.websocket_ended(exc)


class _WebSocketMailbox:
    """The default listener, which stores messages."""

    def __init__(self, mailbox: _Mailbox) -> None:
        self._mailbox = mailbox
        self.websocket_message = mailbox.put
        self.websocket_closed = mailbox.put
        self.websocket_refused = mailbox.put

    def websocket_accepted(self, subprotocol: str | None, headers: Headers) -> None:
        self._mailbox.put((subprotocol, headers))

    def websocket_ended(self, exc: BaseException | None) -> None:
        self._mailbox.put(exc or WebSocketClosed(NO_STATUS_RECEIVED))
