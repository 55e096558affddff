"""`HTTPExchange`: one http scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient.asgi._call import DEFAULT_TIMEOUT, _by_hand, _headers, _Mailbox, _Run

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application, HTTPScope

__tracebackhide__ = True


@dataclass(frozen=True, slots=True)
class Response:
    """The response of an app to a request, or to a websocket that it did not accept.

    Attributes:
        status: the HTTP status.
        headers: the headers, as the app has sent them.
        body: the whole body, in bytes, not decoded.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


class ExchangeListener(Protocol):
    """The interface of a listener of an `HTTPExchange`. Its methods are called inside the app's
    own call.
    """

    def responded(self, response: Response) -> None:
        """Called when the response is complete."""

    def exchange_ended(self, exc: BaseException | None) -> None:
        """Called when the app's callable has returned, or raised `exc`. `HTTPExchange.complete`
        is true if the response was complete.
        """


class HTTPExchange(_Run):
    """One HTTP request and its response.

    Args:
        app: an ASGI callable.
        scope: see `http_scope`.
        body: the request's body, in bytes.
        listener: gets the response; without a listener, use `response`.
        on_receive: called each time the app is about to receive.

    For example::

        exchange = HTTPExchange(app, http_scope("GET", "/"))
        exchange.start()
        response = await exchange.response(timeout=1)
    """

    def __init__(
        self,
        app: ASGI3Application,
        scope: HTTPScope,
        body: bytes = b"",
        *,
        listener: ExchangeListener | None = None,
        on_receive: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(app, scope, on_receive)
        self._mailbox = _Mailbox() if listener is None else None
        self._listener = listener
        self._status: int | None = None
        self._headers: tuple[tuple[bytes, bytes], ...] = ()
        self._parts: list[bytes] = []
        self.complete = False
        self._next.append({"type": "http.request", "body": body, "more_body": False})

    async def response(self, timeout: float = DEFAULT_TIMEOUT) -> Response:
        """Return the response, once it is complete.

        Raises:
            TimeoutError: the response is not complete after `timeout` seconds.
            UsageError: the app returned without a response.
            Exception: the exception of the app, unchanged.
        """
        return cast("Response", await _by_hand(self._mailbox).get(timeout))

    def disconnect(self) -> None:
        """Disconnect: the app's next ``receive()`` returns ``http.disconnect``."""
        if not self.complete:
            self._feed({"type": "http.disconnect"})

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._status is None:
            self._status = int(message["status"])
            self._headers = _headers(message.get("headers", ()))
        elif kind == "http.response.body" and self._status is not None and not self.complete:
            self._parts.append(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                self._respond(self._status)
        else:
            raise RuntimeError(f"Unexpected ASGI message {kind!r} on an http scope.")

    def _respond(self, status: int) -> None:
        self.complete = True
        self._feed({"type": "http.disconnect"})
        body = b"" if self.scope["method"] == "HEAD" else b"".join(self._parts)
        response = Response(status, self._headers, body)
        if self._mailbox is not None:
            self._mailbox.put(response)
        if self._listener is not None:
            self._listener.responded(response)

    def _ended(self, exc: BaseException | None) -> None:
        if self._listener is not None:
            self._listener.exchange_ended(exc)
        if self._mailbox is not None and (exc is not None or not self.complete):
            self._mailbox.put(exc or UsageError("the app returned without a whole response"))
