"""`ASGIClientSession`: aiohttp's own `ClientSession` before an app.

The requests, their cookies, redirects, timeouts and errors are aiohttp's. What is added: the
connections lead into an app, whose lifespan and whose end go with the session's, and `http` brings
its headers, its auth and its cookie jar. Engine.IO is not used here.
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

TURNS = 10  # of the loop, in which the stock client's tasks notice the end


class ASGIClientSession:
    """Goes where an `aiohttp.ClientSession` goes: ``socketio.AsyncClient(http_session=...)``,
    ``socketio.AsyncSimpleClient(http_session=...)``. Whatever the URL, the requests go to `app`.

    The app's lifespan starts with ``async with``, or else with the first request; `close`, or the
    end of the ``async with``, ends it and all that the app began.

    Args:
        app: an ASGI callable.
        http: an httpx or httpx2 client, or Starlette's or FastAPI's TestClient: its cookie jar,
            headers and auth are used, and cookies that the app sets go back into its jar.
        lifespan: run the app's lifespan.
        base_url: what a relative URL is relative to; that of `http` goes before the default.
        headers: go with every request.
        cookies: put into the jar.
        server: the `socketio.AsyncServer`, where it can't be found from `app`.
        client: host and port of the client, for the scopes.
        timeout: seconds for the app's startup and shutdown, and for running handlers to end when
            the session is closed. Requests have aiohttp's own default, or what they are given.
        raise_app_exceptions: raise what the app raised at the end of the ``async with``; else
            collect it in `app_exceptions` only. A request gets a 500 for it either way, as from a
            server.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument with a value that can't be.

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
        """Close; then raise what the app raised, unless the block raised itself.

        Raises:
            Exception: what the app raised; several as an ExceptionGroup.
            LifespanFailed: the app's shutdown failed.
        """
        await self.close()
        raised = [error for error in self._app.exceptions if isinstance(error, Exception)]
        if exc is None and raised and self._raise:
            raise raised[0] if len(raised) == 1 else ExceptionGroup("the app raised", raised)

    def __del__(self) -> None:
        # Where the app's startup failed there is nothing to close, and aiohttp need not ask for it.
        if self._made is not None and not self._app.running:
            self._made[0].detach()

    async def close(self) -> None:
        """End every connection, as a lost network does, and then the app.

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
            # Not before: python-engineio's client makes a session of aiohttp's own where it finds
            # this one closed, and goes out into the network with it.
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
        """What the app raised so far."""
        return list(self._app.exceptions)

    @property
    def cookie_jar(self) -> Any:
        """An `aiohttp.CookieJar`; with `http`, its jar with the same face."""
        return self._session.cookie_jar

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers that go with every request."""
        return self._headers

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Aiohttp's session, made when it is first needed: it needs a running event loop."""
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
        """Make a request; awaited, or entered with ``async with``, it gives an
        `aiohttp.ClientResponse`.

        Args:
            method: "GET", "POST", ...
            url: absolute, or relative to the base URL.
            options: those of `aiohttp.ClientSession.request`; `auth` is whatever encodes itself as
                the value of an Authorization header, such as `aiohttp.BasicAuth`.

        Raises:
            TimeoutError: as aiohttp, when the response is not whole in time.
            aiohttp.ClientError: as aiohttp: ServerDisconnectedError, ClientPayloadError, ...
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
        """Open a websocket; awaited, or entered with ``async with``, it gives an
        `aiohttp.ClientWebSocketResponse`.

        Args:
            url: with the scheme ws, wss, http or https, or relative to the base URL.
            options: those of `aiohttp.ClientSession.ws_connect`; `auth` as in `request`.

        Raises:
            aiohttp.WSServerHandshakeError: the app did not accept.
            TimeoutError: the app has not answered in the time that aiohttp gives it.
            RuntimeError: the session is closed.
        """
        self._check_open()
        headers = self._headers_of(options.pop("headers", None), options.pop("auth", None))
        # An httpx client has one of its own, and aiohttp would leave it in the place of "Upgrade".
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
        """Those of `http`, the session's and the request's: the later ones replace the earlier."""
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
        """Authorize a request as `http` does, where it carries no authorization of its own."""
        if "Authorization" not in request.headers:
            for name, value in await self._http_context.authorization(_http_url(request.url)):
                request.headers[name.decode()] = value.decode("latin-1")
        response = await handler(request)
        self._responses.add(response)
        return response


def _http_url(url: URL) -> str:
    """A websocket's URL, as an HTTP client writes it."""
    return str(url.with_scheme({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)))
