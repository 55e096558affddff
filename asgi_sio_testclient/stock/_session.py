"""`ASGIClientSession`: aiohttp's `ClientSession`, as far as a Socket.IO client uses one, before an
app.

From aiohttp's arguments to an ASGI scope, and back to aiohttp's answers and errors. Which headers a
request has, and in which order, is what aiohttp 3.14 sends. Knows nothing of Engine.IO.
"""

from __future__ import annotations

import asyncio
import base64
import warnings
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from asgi_sio_testclient._connection.arguments import (
    DEFAULT_BASE_URL,
    _check_app,
    _check_http,
    check_timeout,
)
from asgi_sio_testclient._http.identity import Identity
from asgi_sio_testclient.asgi import Response, http_scope, single_callable, websocket_scope
from asgi_sio_testclient.stock._app import App
from asgi_sio_testclient.stock._cookies import HTTPXCookieJar
from asgi_sio_testclient.stock._requests import (
    AUTOMATIC_HEADERS,
    DEFAULT_PORTS,
    UNSET,
    Pending,
    Timeout,
    body_of,
    check_known,
    encoded,
    host_of,
    http_url,
    merge_cookies,
    redirected,
    websocket_headers,
)
from asgi_sio_testclient.stock._response import ASGIResponse, headers_of
from asgi_sio_testclient.stock._websocket import WebSocket

__all__ = ["ASGIClientSession"]

WEBSOCKET_TIMEOUT = aiohttp.ClientWSTimeout(ws_close=10.0)  # aiohttp's default
MAX_MESSAGE = 4 * 1024 * 1024  # bytes; aiohttp's default
REDIRECTS = frozenset({301, 302, 303, 307, 308})
SWITCHING_PROTOCOLS = 101
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
        _check_http(http)
        check_timeout(timeout)
        if http is not None and str(base_url) == DEFAULT_BASE_URL and str(http.base_url):
            base_url = http.base_url
        self.closed = False
        self._closing = False
        self._app = App(single_callable(app), server, lifespan=lifespan, timeout=timeout)
        self._identity = Identity(http, str(base_url), None, None, "", client)
        self._base_url = URL(self._identity.origin.url + "/")
        self._headers = CIMultiDict(headers or {})
        self._cookies = cookies
        self._jar: Any = None if http is None else HTTPXCookieJar(self._identity)
        self._client = client
        self._raise = raise_app_exceptions
        self._websockets: set[WebSocket] = set()

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

    async def close(self) -> None:
        """End every connection, as a lost network does, and then the app.

        Raises:
            LifespanFailed: the app's shutdown failed.
        """
        if self._closing:
            return
        self._closing = True
        try:
            for websocket in list(self._websockets):
                websocket.lose()
            late = await self._app.stop()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        finally:
            # Not before: python-engineio's client makes a session of aiohttp's own where it finds
            # this one closed, and goes out into the network with it.
            self.closed = True
        for line in late:
            warnings.warn(line, ResourceWarning, stacklevel=2)

    @property
    def app_exceptions(self) -> list[BaseException]:
        """What the app raised so far."""
        return list(self._app.exceptions)

    @property
    def cookie_jar(self) -> Any:
        """An `aiohttp.CookieJar`; with `http`, its jar with the same face."""
        if self._jar is None:
            self._jar = aiohttp.CookieJar()  # wants a running event loop
        cookies, self._cookies = self._cookies, None
        if cookies:
            self._jar.update_cookies(cookies)
        return self._jar

    @property
    def headers(self) -> CIMultiDict[str]:
        """The headers that go with every request."""
        return self._headers

    # -- requests

    def request(self, method: str, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """Make a request; awaited, or entered with ``async with``, it gives the response.

        Args:
            method: "GET", "POST", ...
            url: absolute, or relative to the base URL.
            options: aiohttp's: params, data, json, headers, cookies, auth, timeout,
                allow_redirects, max_redirects, raise_for_status, auto_decompress. Those that
                concern the network do nothing.

        Raises:
            TimeoutError: as aiohttp, when the response is not whole in time.
            aiohttp.ClientError: as aiohttp: ServerDisconnectedError, ClientPayloadError, ...
            RuntimeError: the session is closed.
        """
        return Pending(self._request(method, url, **options))

    def get(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("DELETE", url, **options)

    def head(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`; redirects are not followed by default, as in aiohttp."""
        return self.request("HEAD", url, **{"allow_redirects": False, **options})

    def options(self, url: str | URL, **options: Any) -> Pending[ASGIResponse]:
        """See `request`."""
        return self.request("OPTIONS", url, **options)

    async def _request(
        self,
        method: str,
        url: str | URL,
        *,
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        cookies: Mapping[str, str] | None = None,
        auth: Any = None,
        timeout: Any = UNSET,
        allow_redirects: bool = True,
        max_redirects: int = 10,
        raise_for_status: bool = False,
        auto_decompress: bool = True,
        **of_the_network: Any,
    ) -> ASGIResponse:
        check_known(of_the_network)
        method, target = method.upper(), self._url(url, params)
        given = _given(headers, auth)
        body, content_type = await encoded(method, data, json)
        limit = Timeout(timeout)
        history: tuple[Any, ...] = ()
        async with limit.total():
            while True:
                response = await self._exchange(
                    method, target, given, (body, content_type), cookies or {}, limit,
                    history=history, decompress=auto_decompress,
                )  # fmt: skip
                location = response.headers.get("Location")
                if not allow_redirects or response.status not in REDIRECTS or location is None:
                    break
                history += (response,)
                if len(history) >= max_redirects:
                    raise aiohttp.TooManyRedirects(history[0].request_info, history)
                method, body = redirected(method, response.status, body)
                target = target.join(URL(location))
        if raise_for_status:
            response.raise_for_status()
        return response

    async def _exchange(
        self,
        method: str,
        url: URL,
        given: CIMultiDict[str],
        body: tuple[bytes | None, str],
        cookies: Mapping[str, str],
        limit: Timeout,
        *,
        history: tuple[ASGIResponse, ...],
        decompress: bool,
    ) -> ASGIResponse:
        await self._ready()
        headers = await self._request_headers(url, given, cookies)
        data, content_type = body
        if data is not None:
            headers.setdefault("Content-Length", str(len(data)))
            headers.setdefault("Content-Type", content_type)
        scope = http_scope(method, url.raw_path, **self._scope_of(url, headers))
        info = aiohttp.RequestInfo(url, method, CIMultiDictProxy(headers), url)
        call = self._app.request(scope, data or b"")
        try:
            response = await limit.read(call.answer)
        finally:
            # Nothing but an end of the wait leaves it open: the connection is closed with it.
            call.exchange.disconnect()
        if call.lost:
            raise aiohttp.ServerDisconnectedError
        if response is None:
            raise aiohttp.ClientPayloadError("Response payload is not completed")
        answer = ASGIResponse(response, body_of(response, decompress=decompress), info, history)
        self._store_cookies(answer, url)
        return answer

    # -- websockets

    def ws_connect(
        self, url: str | URL, **options: Any
    ) -> Pending[aiohttp.ClientWebSocketResponse]:
        """Open a websocket; awaited, or entered with ``async with``, it gives aiohttp's
        `ClientWebSocketResponse`.

        Args:
            url: with the scheme ws, wss, http or https, or relative to the base URL.
            options: aiohttp's: protocols, params, headers, origin, auth, timeout, autoclose,
                autoping, heartbeat, max_msg_size. Those that concern the network do nothing.

        Raises:
            aiohttp.WSServerHandshakeError: the app did not accept.
            TimeoutError: the app has not answered in the time that aiohttp gives it.
            RuntimeError: the session is closed.
        """
        return Pending(self._ws_connect(url, **options))

    async def _ws_connect(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        protocols: Iterable[str] = (),
        timeout: aiohttp.ClientWSTimeout | float = WEBSOCKET_TIMEOUT,
        receive_timeout: float | None = None,
        autoclose: bool = True,
        autoping: bool = True,
        heartbeat: float | None = None,
        auth: Any = None,
        origin: str | None = None,
        params: Any = None,
        headers: Any = None,
        max_msg_size: int = MAX_MESSAGE,
        **of_the_network: Any,
    ) -> aiohttp.ClientWebSocketResponse:
        check_known(of_the_network)
        target = self._url(url, params)
        given = websocket_headers(_given(headers, auth), protocols, origin)
        if not isinstance(timeout, aiohttp.ClientWSTimeout):
            timeout = aiohttp.ClientWSTimeout(ws_receive=receive_timeout, ws_close=timeout)
        await self._ready()
        websocket = WebSocket(
            max_msg_size, lambda data: self._websocket_message(target, data), self._websocket_ended
        )
        real_headers = await self._request_headers(target, given, {})
        scope = websocket_scope(
            target.raw_path,
            subprotocols=tuple(protocols),
            **self._scope_of(target, real_headers, websocket=True),
        )
        self._websockets.add(websocket)
        websocket.connection = self._app.websocket(scope, websocket)
        info = aiohttp.RequestInfo(target, method, CIMultiDictProxy(real_headers), target)
        await self._accepted(websocket, info)
        self._app.engine_upgrades(target.query.get("sid", ""))
        return websocket.stock(timeout, autoclose=autoclose, autoping=autoping, heartbeat=heartbeat)

    async def _accepted(self, websocket: WebSocket, info: aiohttp.RequestInfo) -> None:
        try:
            async with Timeout().total():
                answer = await websocket.answer
        except BaseException:
            websocket.lose()
            raise
        refused = isinstance(answer, Response)
        response = (
            answer if isinstance(answer, Response) else Response(SWITCHING_PROTOCOLS, tuple(answer))
        )
        self._store_cookies(ASGIResponse(response, b"", info), info.url)
        if refused:
            raise aiohttp.WSServerHandshakeError(
                info,
                (),
                status=response.status,
                message="Invalid response status",
                headers=headers_of(response),
            )

    def _websocket_message(self, url: URL, data: str | bytes) -> None:
        if isinstance(data, str) and "sid" not in url.query:
            self._app.engine_opened(data, polling=False)

    def _websocket_ended(self, websocket: WebSocket, exc: BaseException | None) -> None:
        self._websockets.discard(websocket)
        self._app.ended(websocket.connection, exc)

    # -- what requests and websockets share

    async def _ready(self) -> None:
        self._check_open()
        await self._app.start()

    def _check_open(self) -> None:
        if self.closed:
            raise RuntimeError("Session is closed")
        if self._closing:
            raise aiohttp.ClientConnectionError("Connector is closed")

    def _url(self, url: str | URL, params: Any) -> URL:
        target = URL(url)
        if not target.absolute:
            target = self._base_url.join(URL(str(target).lstrip("/")))
        if target.scheme not in DEFAULT_PORTS:
            raise aiohttp.NonHttpUrlClientError(target)
        return (target.extend_query(params) if params else target).with_fragment(None)

    def _scope_of(
        self, url: URL, headers: CIMultiDict[str], *, websocket: bool = False
    ) -> dict[str, Any]:
        secure = url.scheme in {"https", "wss"}
        scheme = ("wss" if secure else "ws") if websocket else ("https" if secure else "http")
        return {
            "query_string": url.raw_query_string.encode("ascii"),
            "headers": [
                (name.lower().encode("ascii"), value.encode("utf-8"))
                for name, value in headers.items()
            ],
            "scheme": scheme,
            "client": self._client,
            "server": (url.host or "", url.port or DEFAULT_PORTS[url.scheme]),
            "state": self._app.state,
        }

    async def _request_headers(
        self, url: URL, given: CIMultiDict[str], cookies: Mapping[str, str]
    ) -> CIMultiDict[str]:
        """What aiohttp makes of a request's headers: ClientRequest.update_headers() and so on."""
        headers: CIMultiDict[str] = CIMultiDict({"Host": host_of(url)})
        for more in (self._inherited(), self._headers, given):
            for name in set(more):
                headers.popall(name, None)
            headers.extend(more)
        for name, value in AUTOMATIC_HEADERS.items():
            headers.setdefault(name, value)
        found = self.cookie_jar.filter_cookies(http_url(url))
        if found or cookies:
            headers["Cookie"] = merge_cookies(headers.pop("Cookie", ""), found, cookies)
        if "Authorization" not in headers:
            await self._authorize(headers, url)
        return headers

    def _inherited(self) -> CIMultiDict[str]:
        raw = () if self._identity.http is None else self._identity.base_headers()
        return CIMultiDict((name.decode(), value.decode("latin-1")) for name, value in raw)

    async def _authorize(self, headers: CIMultiDict[str], url: URL) -> None:
        if url.user is not None:
            userinfo = f"{url.user}:{url.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(userinfo).decode()}"
            return
        for name, value in await self._identity.authorization(str(http_url(url))):
            headers[name.decode()] = value.decode("latin-1")

    def _store_cookies(self, answer: ASGIResponse, url: URL) -> None:
        values = answer.headers.getall("Set-Cookie", ())
        if values:
            self.cookie_jar.update_cookies_from_headers(list(values), http_url(url))


def _given(headers: Any, auth: Any) -> CIMultiDict[str]:
    given: CIMultiDict[str] = CIMultiDict(headers or {})
    if auth is not None:
        given["Authorization"] = auth.encode()
    return given
