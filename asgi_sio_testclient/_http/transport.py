"""`TestClient.http`: an httpx.AsyncClient on the same app, without Socket.IO."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import httpx

from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._http.exchanges import HTTPRequest
from asgi_sio_testclient._http.identity import check_headers
from asgi_sio_testclient._http.urls import SCHEMES, Origin, masked_url
from asgi_sio_testclient._protocol.names import DEFAULT_PORTS
from asgi_sio_testclient._test_endings import ends_test, ungrouped
from asgi_sio_testclient.asgi import HTTPExchange, Response, http_scope
from asgi_sio_testclient.asgi._elsewhere import EXTENSION, Elsewhere, RemoteFailure

if TYPE_CHECKING:
    from asgiref.typing import ASGI3Application


__all__ = ["AppTransport"]

__tracebackhide__ = True

_SERVER_ERROR = 500


class AppTransport(httpx.AsyncBaseTransport):
    """An httpx transport that calls an app, with the lifespan's state. Exceptions of the app are
    raised in the request.

    Args:
        app: an ASGI callable.
        state: returns the lifespan's present state.
        keep: called with the app's task, which may run on after its response.
        owner: the client of the requests.
        root_path: the root_path of the scopes.
        client: host and port of the client, for the scopes.
        raise_app_exceptions: whether an exception of the app is raised; if not, the request gets a
            response of status 500.
        timeout: seconds for a request that sets no timeout of its own.
        origin: the origin of the app.
        note: called with each request when it begins.
        explain: returns what is wrong with the app that raised an exception; "" if unknown.
        isolate: whether each request is handled in a new context.
        admit: called before each request; its exceptions are raised in the request.
    """

    def __init__(
        self,
        app: ASGI3Application,
        *,
        state: Callable[[], Mapping[str, Any] | None],
        keep: Callable[[asyncio.Task[None]], None],
        owner: object,
        root_path: str,
        client: tuple[str, int] | None,
        raise_app_exceptions: bool,
        timeout: float,
        origin: Origin,
        note: Callable[[HTTPRequest], None],
        explain: Callable[[BaseException], str],
        isolate: bool = False,
        admit: Callable[[], object] = bool,
    ) -> None:
        self._note = note
        self._app = app
        self._is_elsewhere = isinstance(cast("object", app), Elsewhere)
        self._admit = admit
        self._explain = explain
        self._state = state
        self._keep = keep
        self._owner = owner
        self._root_path = root_path
        self._client = client
        self._raise = raise_app_exceptions
        self._timeout = timeout
        self._origin = origin
        self._isolate = isolate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the app once.

        Raises:
            httpx.ReadTimeout: the response is not complete in time.
            httpx.ConnectError, httpx.ReadError: a remote server can't be reached, or the connection
                was lost.
            Exception: what the app raised.
        """
        if request.url.scheme not in SCHEMES:
            raise httpx.UnsupportedProtocol(
                f"{request.url}: expected http or https", request=request
            )
        body = await request.aread()
        noted = HTTPRequest(request.method, _shown(request.url), str(request.url))
        noted.sent(request.headers.get("content-type", ""), body)
        self._note(noted)
        try:
            response = await self._exchange(request, body)
        except BaseException as exc:
            noted.failed(exc)
            raise
        kind = next((value for name, value in response.headers if name == b"content-type"), b"")
        noted.answered(response.status, kind.decode("latin-1"), response.body)
        return httpx.Response(
            response.status, headers=list(response.headers), stream=httpx.ByteStream(response.body)
        )

    async def _exchange(self, request: httpx.Request, body: bytes) -> Response:
        """Call the app with the scope of a request, and return its response."""
        self._admit()
        check_headers(request.headers.raw)
        url = request.url
        path, _, query = url.raw_path.partition(b"?")
        port = url.port or DEFAULT_PORTS[url.scheme]
        scope = http_scope(
            request.method,
            path.decode("ascii"),
            query_string=query,
            headers=[(name.lower(), value) for name, value in request.headers.raw],
            scheme=url.scheme,
            root_path=self._root_path,
            client=self._client,
            server=(url.host, port),
            state=self._state(),
        )
        if self._is_elsewhere:
            leaves = (url.scheme, scope["server"]) != (self._origin.scheme, self._origin.server)
            scope["extensions"] = {EXTENSION: {"other_origin": leaves}}
        exchange = HTTPExchange(self._app, scope, body)
        exchange.origin = f"{request.method} {path.decode('ascii')}", self._owner
        self._keep(exchange.start(contextvars.Context() if self._isolate else None))
        limit = request.extensions.get("timeout", {}).get("read")
        try:
            response = await self._response(exchange, self._timeout if limit is None else limit)
        except asyncio.CancelledError:
            exchange.disconnect()
            raise
        except RemoteFailure as exc:
            kind = httpx.ReadError if exc.connected else httpx.ConnectError
            raise kind(str(exc), request=request) from exc
        if response is None:
            exchange.disconnect()
            raise httpx.ReadTimeout(
                f"no response to {request.method} {masked_url(str(url))}", request=request
            )
        return response

    async def _response(self, exchange: HTTPExchange, timeout: float) -> Response | None:
        """Return the app's response; None if there was none in time.

        Raises:
            UsageError: the exception of the app shows that it is no ASGI app.
            Exception: the exception of the app, also after its response: Starlette's
                ServerErrorMiddleware sends status 500 and raises the exception.
        """
        try:
            response = await exchange.response(timeout)
        except Exception as exc:
            if not exchange.ended:
                return None
            problem = self._explain(exc)
            if problem:
                raise UsageError(problem) from exc
            if self._raise or isinstance(exchange.error, RemoteFailure):
                raise
            return Response(_SERVER_ERROR, (), b"Internal Server Error")
        except BaseExceptionGroup as group:
            raise ungrouped(group) from None
        error = exchange.error
        if error is not None and (self._raise or ends_test(error)):
            raise ungrouped(error)
        return response


def _shown(url: httpx.URL) -> str:
    """Return the path and query of a URL without its fragment, which may be secret."""
    return masked_url(url.raw_path.decode("ascii"))
