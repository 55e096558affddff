"""`ASGIClientSession`: aiohttp's `ClientSession` with connections to an app in memory.

Requests, cookies, redirects, timeouts and errors are aiohttp's. This module adds the app's lifespan
and shutdown, and the headers, the auth and the cookie jar of `http`. Engine.IO is not used here.
"""

from __future__ import annotations

import asyncio
import warnings
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.client import _RequestContextManager, _WSRequestContextManager
from multidict import CIMultiDict
from yarl import URL

from asgi_sio_testclient._connection.arguments import (
    DEFAULT_BASE_URL,
    _check_app,
    check_timeout,
    checked_http,
)
from asgi_sio_testclient._exceptions import LeakWarning
from asgi_sio_testclient._http.identity import HTTPContext
from asgi_sio_testclient._http.wsgi import is_wsgi
from asgi_sio_testclient.asgi import single_callable
from asgi_sio_testclient.stock._app import App
from asgi_sio_testclient.stock._connector import ASGIConnector
from asgi_sio_testclient.stock._cookies import HTTPXCookieJar

__all__ = ["ASGIClientSession"]

__tracebackhide__ = True

TURNS = 10  # turns of the event loop in which the tasks of the stock client end


class ASGIClientSession:
    """A replacement for `aiohttp.ClientSession`, for ``socketio.AsyncClient(http_session=...)`` and
    ``socketio.AsyncSimpleClient(http_session=...)``. Requests to any URL go to `app`.

    The app's lifespan starts with ``async with``, or else with the first request. `close`, or the
    end of the ``async with``, shuts the lifespan down and ends the tasks of the app.

    Args:
        app: an ASGI callable.
        http: an httpx or httpx2 client, or Starlette's or FastAPI's TestClient. Its cookie jar,
            headers and auth are used, and cookies that the app sets are stored in its jar.
        lifespan: whether to run the app's lifespan.
        base_url: the base of relative URLs; the base URL of `http` replaces the default.
        headers: headers of every request.
        cookies: cookies that are added to the jar.
        server: the `socketio.AsyncServer`, if it can't be found from `app`.
        client: host and port of the client, for the scopes.
        timeout: seconds for the app's startup and shutdown, and for running handlers to end when
            the session is closed. Requests have aiohttp's default timeout, unless one is given.
        raise_app_exceptions: whether to raise exceptions of the app at the end of the ``async
            with``; if not, they are in `app_exceptions` only. The request gets a response of status
            500 in both cases, as from a server.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: an argument has a wrong value.

    Attributes:
        closed: whether `close` was called.
    """

    __test__ = False
    _made: tuple[aiohttp.ClientSession, ASGIConnector] | None = None

    def __init__(
        self,
        app: Any,
        http: Any = None,
        lifespan: bool = True,
        *,
        base_url: Any = DEFAULT_BASE_URL,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        server: Any = None,
        client: tuple[str, int] | None = ("testclient", 50000),
        timeout: float = 5.0,
        raise_app_exceptions: bool = True,
    ) -> None:
        _check_app(app)
        if is_wsgi(app):
            raise TypeError(
                f"app is {app!r}, a WSGI app; expected ASGI: a2wsgi.WSGIMiddleware(app)"
            )
        http = checked_http(http)
        check_timeout(timeout)
        if http is not None and str(base_url) == DEFAULT_BASE_URL and str(http.base_url):
            base_url = http.base_url
        self.closed = False
        self._closing = False
        self._app = App(single_callable(app), server, lifespan=lifespan, timeout=timeout)
        self._http_context = HTTPContext(http, str(base_url), None, None, "", client)
        self._base_url = URL(self._http_context.origin.url + "/")
        self._headers = CIMultiDict(headers or {})
        self._cookies = cookies
        self._jar: Any = None if http is None else HTTPXCookieJar(self._http_context)
        self._client = client
        self._raise = raise_app_exceptions
        self._responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    # -- beginning and end

    async def __aenter__(self) -> Self:
        self._check_open()
        await self._app.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; then raise the exceptions of the app, unless the block has raised.

        Raises:
            Exception: the exception of the app; several exceptions as an ExceptionGroup.
            LifespanFailed: the app's shutdown failed.
        """
        await self.close()
        raised = [error for error in self._app.exceptions if isinstance(error, Exception)]
        if exc is None and raised and self._raise:
            raise raised[0] if len(raised) == 1 else ExceptionGroup("the app raised", raised)

    def __del__(self) -> None:
        # After a failed startup nothing has to be closed; aiohttp would warn of an open session.
        if self._made is not None and not self._app.running:
            self._made[0].detach()

    async def close(self) -> None:
        """Abort every connection, and shut the app down.

        Raises:
            LifespanFailed: the app's shutdown failed.
        """
        if self._closing:
            return
        self._closing = True
        session, connector = self._made if self._made is not None else (None, None)
        try:
            if connector is not None:
                connector.abort_connections()
            late = await self._app.stop()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        finally:
            # Not before: if this session is closed, python-engineio's client creates a session of
            # aiohttp, which would use the network.
            self.closed = True
            # aiohttp's timer for a whole request runs until its response is released.
            for response in list(self._responses):
                response.close()
            if session is not None:
                await session.close()
        for line in late:
            warnings.warn(line, LeakWarning, stacklevel=2)

    @property
    def app_exceptions(self) -> list[BaseException]:
        """The exceptions that the app has raised so far."""
        return list(self._app.exceptions)

    @property
    def cookie_jar(self) -> Any:
        """An `aiohttp.CookieJar`; with `http`, the jar of `http` with the same interface."""
        return self._session.cookie_jar

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers of every request."""
        return self._headers

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Aiohttp's session, which is created on its first use: it needs a running event loop."""
        if self._made is None:
            connector = ASGIConnector(self._app, self._client)
            session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=self._jar,
                cookies=self._cookies,
                middlewares=(self._authorize,),
            )
            self._made = session, connector
        return self._made[0]

    # -- requests

    def request(self, method: str, url: str | URL, **options: Any) -> _RequestContextManager:
        """Send a request. Await the result, or use it with ``async with``, for the
        `aiohttp.ClientResponse`.

        Args:
            method: "GET", "POST", ...
            url: absolute, or relative to the base URL.
            options: see `aiohttp.ClientSession.request`; `auth` is an object whose ``encode()``
                returns the value of an Authorization header, such as `aiohttp.BasicAuth`.

        Raises:
            TimeoutError: the response is not complete in time, as in aiohttp.
            aiohttp.ClientError: ServerDisconnectedError, ClientPayloadError, ..., as in aiohttp.
            RuntimeError: the session is closed.
        """
        self._check_open()
        options["headers"] = self._headers_of(options.get("headers"), options.pop("auth", None))
        return self._session.request(method, self._url(url), **options)

    def get(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("DELETE", url, **options)

    def head(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`; redirects are not followed by default, as in aiohttp."""
        return self.request("HEAD", url, **{"allow_redirects": False, **options})

    def options(self, url: str | URL, **options: Any) -> _RequestContextManager:
        """See `request`."""
        return self.request("OPTIONS", url, **options)

    def ws_connect(self, url: str | URL, **options: Any) -> _WSRequestContextManager:
        """Open a websocket. Await the result, or use it with ``async with``, for the
        `aiohttp.ClientWebSocketResponse`.

        Args:
            url: a URL with the scheme ws, wss, http or https, or relative to the base URL.
            options: see `aiohttp.ClientSession.ws_connect`; `auth` as in `request`.

        Raises:
            aiohttp.WSServerHandshakeError: the app did not accept the websocket.
            TimeoutError: the app has not answered within aiohttp's timeout.
            RuntimeError: the session is closed.
        """
        self._check_open()
        headers = self._headers_of(options.pop("headers", None), options.pop("auth", None))
        # An httpx client has a Connection header, which aiohttp would not replace by "Upgrade".
        headers.popall("Connection", None)
        return self._session.ws_connect(self._url(url), headers=headers, **options)

    def _check_open(self) -> None:
        if self.closed:
            raise RuntimeError("Session is closed")
        if self._closing:
            raise aiohttp.ClientConnectionError("Connector is closed")

    def _url(self, url: str | URL) -> URL:
        target = URL(url)
        return target if target.absolute else self._base_url.join(URL(str(target).lstrip("/")))

    def _headers_of(self, given: Any, auth: Any) -> CIMultiDict[str]:
        """Return the headers of `http`, of the session and of the request; later headers replace
        earlier ones of the same name.
        """
        headers: CIMultiDict[str] = CIMultiDict()
        for more in (self._inherited(), self._headers, CIMultiDict(given or {})):
            for name in set(more):
                headers.popall(name, None)
            headers.extend(more)
        if auth is not None:
            headers["Authorization"] = auth.encode()
        return headers

    def _inherited(self) -> CIMultiDict[str]:
        raw = () if self._http_context.http is None else self._http_context.base_headers()
        return CIMultiDict((name.decode(), value.decode("latin-1")) for name, value in raw)

    async def _authorize(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Add the Authorization header of `http` to a request that has none."""
        if "Authorization" not in request.headers:
            for name, value in await self._http_context.authorization(_http_url(request.url)):
                request.headers[name.decode()] = value.decode("latin-1")
        response = await handler(request)
        self._responses.add(response)
        return response


def _http_url(url: URL) -> str:
    """Return the URL of a websocket with the scheme http or https."""
    return str(url.with_scheme({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)))
