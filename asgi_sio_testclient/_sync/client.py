"""`SyncTestClient`: `TestClient` without ``await``, for tests that are plain functions.

Each call goes through anyio's blocking portal to a `TestClient` on an event loop in another thread.
All clients of one app share one portal, and so one loop, while any of them is entered. This module
uses nothing of Socket.IO or Engine.IO.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, NoReturn, Self, TypeVar, overload

import httpx

from asgi_sio_testclient._client.client import TestClient
from asgi_sio_testclient._client.foreign_names import raise_no_attribute, without_unknown
from asgi_sio_testclient._client.inbox import Match
from asgi_sio_testclient._client.options import DEFAULT_TRANSPORTS, Serializer, Transport
from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._sync.http import _is_plain_sync_client, _PortalTransport
from asgi_sio_testclient._sync.portal import _Loop, _loop_of
from asgi_sio_testclient._sync.session import SyncEngineSession
from asgi_sio_testclient._waiting.rest import DEFAULT_GRACE

__all__ = ["SyncTestClient"]

__tracebackhide__ = True

Handler = TypeVar("Handler", bound=Callable[..., Any])

_NOTHING: Any = object()


class SyncTestClient:
    """`TestClient` without ``await``, in a ``with`` block: for plain test functions, Django's and
    Flask's test cases, a REPL, a notebook.

    The arguments, methods and errors are those of `TestClient`. The app runs in the event loop of a
    new thread, which starts and ends with the block. The caller's thread may have a running event
    loop, as in a notebook. Clients of one app that are entered at the same time share one loop,
    also if they are no clones.

    Functions that the client calls run in the thread of that loop, not of the test: handlers given
    to `on`, ``callback=``, ``match=``, and a callable ``auth``. These functions may be sync or
    async, and can't call this client.
    """

    __test__ = False

    def __init__(
        self,
        app: Any,
        *,
        http: Any = None,
        base_url: str = "http://testserver",
        headers: Any = None,
        cookies: Any = None,
        auth: Any = None,
        socketio_path: str = "socket.io",
        transports: Sequence[Transport] | Transport = DEFAULT_TRANSPORTS,
        serializer: Serializer = "default",
        json: Any = None,
        server: Any = None,
        lifespan: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = ("testclient", 50000),
        timeout: float = 5.0,
        raise_app_exceptions: bool = True,
        grace: float = DEFAULT_GRACE,
        strict: bool = False,
        isolate_context: bool = False,
    ) -> None:
        inner = TestClient(
            app, http=http, base_url=base_url, headers=headers, cookies=cookies, auth=auth,
            socketio_path=socketio_path, transports=transports, serializer=serializer, json=json,
            server=server, lifespan=lifespan, root_path=root_path, client=client, timeout=timeout,
            raise_app_exceptions=raise_app_exceptions, grace=grace, strict=strict,
            isolate_context=isolate_context,
        )  # fmt: skip
        self._set_up(inner, _loop_of(app))

    def __repr__(self) -> str:
        return repr(self._client).replace(type(self._client).__name__, type(self).__name__, 1)

    def _set_up(self, inner: TestClient, loop: _Loop) -> None:
        self._client = inner
        self._loop = loop
        # The latest result of `http`, and the async client behind it.
        self._http: tuple[httpx.Client, httpx.AsyncClient] | None = None

    # -- start and end

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Raise AttributeError; name the equivalent of an attribute of another client."""
            raise_no_attribute(self, name)

    def __enter__(self) -> Self:
        """See `TestClient.__aenter__`."""
        self._loop.acquire()
        try:
            self._loop.run(self._client.__aenter__)
        except BaseException:
            self._loop.release()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """See `TestClient.__aexit__`."""
        try:
            self._loop.run(self._client.__aexit__, exc_type, exc, traceback)
        finally:
            self._loop.release()

    # -- connecting

    @without_unknown
    def connect(
        self,
        *namespaces: str,
        auth: Any = None,
        headers: Any = None,
        query: Mapping[str, Any] | str | None = None,
        transports: Sequence[Transport] | Transport | None = None,
        timeout: float | None = None,
        **unknown: Never,
    ) -> Self:
        """See `TestClient.connect`."""
        self._loop.run(
            lambda: self._client.connect(
                *namespaces,
                auth=auth,
                headers=headers,
                query=query,
                transports=transports,
                timeout=timeout,
                **unknown,
            )
        )
        return self

    def disconnect(self, namespace: str | None = None) -> None:
        """See `TestClient.disconnect`."""
        self._loop.run(self._client.disconnect, namespace)

    def abort(self) -> None:
        """See `TestClient.abort`."""
        self._loop.run(self._client.abort)

    def is_connected(self, namespace: str | None = None) -> bool:
        """See `TestClient.is_connected`."""
        return self._client.is_connected(namespace)

    def get_sid(self, namespace: str | None = None) -> str | None:
        """See `TestClient.get_sid`."""
        return self._client.get_sid(namespace)

    @property
    def sid(self) -> str | None:
        """See `TestClient.sid`."""
        return self._client.sid

    @property
    def transport(self) -> str | None:
        """See `TestClient.transport`."""
        return self._client.transport

    @property
    def disconnect_reason(self) -> str | None:
        """See `TestClient.disconnect_reason`."""
        return self._client.disconnect_reason

    # -- sending

    @without_unknown
    def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **unknown: Never,
    ) -> None:
        """See `TestClient.emit`."""
        self._loop.run(
            lambda: self._client.emit(
                event, *args, namespace=namespace, callback=callback, **unknown
            )
        )

    @without_unknown
    def send(
        self,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        **unknown: Never,
    ) -> None:
        """See `TestClient.send`."""
        self._loop.run(
            lambda: self._client.send(*args, namespace=namespace, callback=callback, **unknown)
        )

    @without_unknown
    def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        timeout: float | None = None,
        **unknown: Never,
    ) -> Any:
        """See `TestClient.call`."""
        return self._loop.run(
            lambda: self._client.call(event, *args, namespace=namespace, timeout=timeout, **unknown)
        )

    # -- receiving

    def await_event(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
    ) -> ReceivedEvent:
        """See `TestClient.await_event`."""
        return self._loop.run(
            lambda: self._client.await_event(
                event, namespace=namespace, match=match, timeout=timeout
            )
        )

    def await_events(
        self,
        count: int,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
    ) -> list[ReceivedEvent]:
        """See `TestClient.await_events`."""
        return self._loop.run(
            lambda: self._client.await_events(
                count, event, namespace=namespace, match=match, timeout=timeout
            )
        )

    def get_received(self, namespace: str | None = None) -> list[ReceivedEvent]:
        """See `TestClient.get_received`."""
        return self._loop.call(self._client.get_received, namespace)

    def events(self, namespace: str | None = None) -> Iterator[ReceivedEvent]:
        """See `TestClient.events`."""
        stream = self._client.events(namespace)

        async def following() -> ReceivedEvent:
            return await anext(stream, _NOTHING)

        while (event := self._loop.run(following)) is not _NOTHING:
            yield event

    def settle(self, timeout: float | None = None, *, grace: float | None = None) -> None:
        """See `TestClient.settle`."""
        self._loop.run(lambda: self._client.settle(timeout, grace=grace))

    def assert_not_received(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        within: float | None = None,
        grace: float | None = None,
    ) -> None:
        """See `TestClient.assert_not_received`."""
        self._loop.run(
            lambda: self._client.assert_not_received(
                event, namespace=namespace, match=match, within=within, grace=grace
            )
        )

    # -- answering the server

    @overload
    def on(
        self, event: str, handler: None = None, *, namespace: str | None = None
    ) -> Callable[[Handler], Handler]: ...

    @overload
    def on(self, event: str, handler: Handler, *, namespace: str | None = None) -> Handler: ...

    def on(self, event: str, handler: Any = None, *, namespace: str | None = None) -> Any:
        """See `TestClient.on`. The handler runs in the event loop's thread."""
        return self._client.on(event, handler, namespace=namespace)

    # -- the rest of the app

    @property
    def http(self) -> httpx.Client:
        """An httpx.Client on the same app and in the same event loop, with the same cookie jar and
        base_url.

        If the constructor's ``http=`` is a sync client, this is that client, unless it runs the app
        in another event loop, as Starlette's TestClient does.
        """
        if _is_plain_sync_client(self._client._options.http):
            return self._client._options.http  # type: ignore[no-any-return]
        http = self._client.http
        if self._http is None or self._http[1] is not http:
            self._http = self._make_http(http), http
        return self._http[0]

    def _make_http(self, http: httpx.AsyncClient) -> httpx.Client:
        return httpx.Client(
            transport=_PortalTransport(self._loop, http),
            base_url=str(http.base_url),
            headers=http.headers.raw,
            cookies=http.cookies.jar,
            follow_redirects=http.follow_redirects,
            trust_env=False,
        )

    @property
    def cookies(self) -> httpx.Cookies:
        """See `TestClient.cookies`."""
        return self._client.cookies

    @property
    def headers(self) -> httpx.Headers:
        """See `TestClient.headers`."""
        return self._client.headers

    def clone(self, **overrides: Any) -> Self:
        """See `TestClient.clone`."""
        inner = self._loop.call(lambda: self._client.clone(**overrides))
        other = self.__new__(type(self))
        other._set_up(inner, self._loop)
        return other

    @property
    def raw(self) -> SyncEngineSession:
        """See `TestClient.raw`."""
        return SyncEngineSession(self._loop, self._client.raw)

    def session(self, namespace: str | None = None) -> AbstractContextManager[dict[str, Any]]:
        """See `TestClient.session`."""
        return self._loop.context(self._loop.call(self._client.session, namespace))

    @contextmanager
    def session_transaction(self) -> Iterator[Any]:
        """See `TestClient.session_transaction`."""
        transaction = self._client.session_transaction()
        session = self._loop.run(transaction.__aenter__)
        try:
            yield session
        except BaseException as exc:
            self._loop.run(transaction.__aexit__, type(exc), exc, exc.__traceback__)
            raise
        self._loop.run(transaction.__aexit__, None, None, None)

    def rooms(self, namespace: str | None = None) -> set[str]:
        """See `TestClient.rooms`."""
        return self._loop.call(self._client.rooms, namespace)

    def time_travel(self) -> AbstractContextManager[None]:
        """See `TestClient.time_travel`."""
        return self._loop.context(self._client.time_travel())

    def advance(self, seconds: float, *, timeout: float | None = None) -> None:
        """See `TestClient.advance`."""
        self._loop.run(lambda: self._client.advance(seconds, timeout=timeout))

    @property
    def transcript(self) -> Transcript:
        """See `TestClient.transcript`."""
        return self._client.transcript

    @property
    def app_exceptions(self) -> list[BaseException]:
        """See `TestClient.app_exceptions`."""
        return self._client.app_exceptions
