"""`SyncTestClient`: `TestClient` without ``await``, for tests that are plain functions.

Each call goes through anyio's blocking portal to one `TestClient` on an event loop in a thread of
its own. All clients of one app share one portal, and so one loop, while any of them is entered.
Nothing of Socket.IO or Engine.IO may be known here.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from asgiref.sync import AsyncToSync

from asgi_sio_testclient._client import TestClient
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import UsageError
from asgi_sio_testclient._inbox import Match
from asgi_sio_testclient._session import EngineSession
from asgi_sio_testclient._transcript import Transcript
from asgi_sio_testclient.asgi import Response
from asgi_sio_testclient.faults import Schedule

__all__ = ["SyncEngineSession", "SyncTestClient"]

Result = TypeVar("Result")
Handler = TypeVar("Handler", bound=Callable[..., Any])

_NOTHING: Any = object()


class _Loop:
    """The event loop of one app's sync clients: it runs while one of them is entered."""

    def __init__(self, app: Any) -> None:
        # The id that this is filed under stays the app's as long as this refers to the app.
        self._app = app
        self._context: AbstractContextManager[BlockingPortal] | None = None
        self._portal: BlockingPortal | None = None
        self._thread = 0
        self._tests_thread: _TestsThread | None = None
        self._lock = threading.Lock()
        self._users = 0

    def acquire(self) -> None:
        """One more user."""
        with self._lock:
            if self._context is None:
                self._tests_thread = _TestsThread() if _django_is_under_test() else None
                self._context = start_blocking_portal()
                self._portal = self._context.__enter__()
                self._thread = self._portal.call(self._keep)
            self._users += 1

    def _keep(self) -> int:
        """Let the event loop hold what would end it, for as long as it runs.

        A client that is never left, in a REPL say, would be collected when the interpreter ends.
        The loop's thread stands still by then, and anyio's portal would wait for it for ever.
        """
        vars(asyncio.get_running_loop())[type(self).__name__] = self
        return threading.get_ident()

    def release(self) -> None:
        """One less; the loop ends with the last, and cancels what still runs."""
        with self._lock:
            self._users -= 1
            if self._users or self._context is None or self._portal is None:
                return
            context, portal = self._context, self._portal
            self._context = self._portal = None
            portal.call(portal.stop, True)
            context.__exit__(None, None, None)

    def run(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` in the loop.

        Raises:
            UsageError: it does not run, or this is its own thread.
        """
        portal = self._running()
        if threading.get_ident() == self._thread:
            raise UsageError(
                "a SyncTestClient can't be called from its own event loop, where the handlers of "
                "on() run: return the ack, or write the test with the async TestClient"
            )
        thread = self._tests_thread
        if thread is None:
            future = portal.start_task_soon(function, *args)
        else:
            future = portal.start_task_soon(thread.begin, function, *args)
        try:
            if thread is not None:
                thread.work_until(future)
            return future.result()
        except BaseException:
            # Ctrl-C, or a test runner's timeout, raised right here: the call must not go on alone.
            future.cancel()
            raise

    def do(self, function: Callable[..., Result], *args: Any) -> Result:
        """Call ``function(*args)`` in the loop's thread, so that nothing arrives meanwhile; where
        the loop does not run, here.
        """
        if self._portal is None or threading.get_ident() == self._thread:
            return function(*args)

        async def call() -> Result:
            return function(*args)

        return self.run(call)

    def context(self, context: Any) -> AbstractContextManager[Any]:
        """An async context manager, without ``async``.

        Raises:
            UsageError: it does not run.
        """
        return self._running().wrap_async_context_manager(context)

    def _running(self) -> BlockingPortal:
        if self._portal is None:
            raise UsageError("use it within `with SyncTestClient(app) as client:`")
        return self._portal


class _TestsThread(Executor):
    """Runs what the app hands to ``sync_to_async()`` in the test's thread, while that waits here.

    Django's connections belong to a thread, and so does the transaction in which its TestCase wraps
    a test: Django's own test client keeps to that thread in this way.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def begin(self, function: Callable[..., Awaitable[Result]], *args: Any) -> Result:
        """Await ``function(*args)`` as if `async_to_sync` in the test's thread had begun it; the
        tasks that come of it are the same in this.
        """
        AsyncToSync.executors.current = self
        return await function(*args)

    def submit(self, function: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    result = function(*args, **options)
                except BaseException as exc:  # noqa: BLE001 (as any executor: it is the caller's)
                    future.set_exception(exc)
                else:
                    future.set_result(result)

        self._work.put(work)
        return future

    def work_until(self, future: Future[Any]) -> None:
        """Work until `future` is done; other threads than the test's just wait for it."""
        if threading.get_ident() != self._thread:
            return
        future.add_done_callback(lambda _: self._work.put(None))
        while (work := self._work.get()) is not None:
            work()


def _django_is_under_test() -> bool:
    """Whether an app's code may be bound to this thread. Where a loop runs in it, as in a notebook,
    Django refuses to work.
    """
    if "django.db" not in sys.modules:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return True
    return False


_LOOPS: weakref.WeakValueDictionary[int, _Loop] = weakref.WeakValueDictionary()
_LOOPS_LOCK = threading.Lock()


def _loop_of(app: Any) -> _Loop:
    with _LOOPS_LOCK:
        loop = _LOOPS.get(id(app))
        if loop is None:
            loop = _LOOPS[id(app)] = _Loop(app)
        return loop


class _PortalTransport(httpx.BaseTransport):
    """Carries a sync client's requests to an async one, and so to the app."""

    def __init__(self, loop: _Loop, http: Any) -> None:
        self._loop = loop
        self._http = http

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # The async side reads the body anew, which only works once it is here.
        request.read()
        return self._loop.run(self._send, request)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        auth = {"auth": None} if "authorization" in request.headers else {}
        response = await self._http.send(
            self._its_own(request), stream=True, follow_redirects=False, **auth
        )
        try:
            body = b"".join([chunk async for chunk in response.aiter_raw()])
        finally:
            await response.aclose()
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=httpx.ByteStream(body)
        )

    def _its_own(self, request: httpx.Request) -> Any:
        """httpx2's transports want httpx2's requests."""
        if isinstance(self._http, httpx.AsyncClient):
            return request
        return self._http.build_request(
            request.method,
            str(request.url),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )


class SyncEngineSession:
    """`EngineSession` without ``await``: what ``client.raw`` is on a `SyncTestClient`."""

    def __init__(self, loop: Any, session: EngineSession) -> None:
        self._loop: _Loop = loop
        self._session = session

    @property
    def sid(self) -> str:
        """The Engine.IO session id, "" before the handshake."""
        return self._session.sid

    @property
    def answer_pings(self) -> bool:
        """Set it to False and the client falls silent: the server's ping timeout comes."""
        return self._session.answer_pings

    @answer_pings.setter
    def answer_pings(self, answer: bool) -> None:
        self._session.answer_pings = answer

    def send_packet(self, packet_type: int, data: str | bytes | None = None) -> None:
        """See `EngineSession.send_packet`."""
        self._loop.do(self._session.send_packet, packet_type, data)

    def send_text(self, text: str) -> None:
        """See `EngineSession.send_text`."""
        self._loop.do(self._session.send_text, text)

    def send_bytes(self, data: bytes) -> None:
        """See `EngineSession.send_bytes`."""
        self._loop.do(self._session.send_bytes, data)

    def post(self, body: str | bytes, *, sid: str | None = None, timeout: float = 5.0) -> Response:
        """See `EngineSession.post`."""
        return self._loop.run(lambda: self._session.post(body, sid=sid, timeout=timeout))

    def poll(self, *, sid: str | None = None, timeout: float = 5.0) -> Response:
        """See `EngineSession.poll`."""
        return self._loop.run(lambda: self._session.poll(sid=sid, timeout=timeout))

    def disturb(self, schedule: Schedule | None) -> None:
        """See `EngineSession.disturb`."""
        self._loop.do(self._session.disturb, schedule)

    def drop(self, code: int | None = None) -> None:
        """See `EngineSession.drop`."""
        self._loop.do(self._session.drop, code)

    def pause_reading(self) -> None:
        """See `EngineSession.pause_reading`."""
        self._loop.do(self._session.pause_reading)

    def resume_reading(self) -> None:
        """See `EngineSession.resume_reading`."""
        self._loop.do(self._session.resume_reading)


class SyncTestClient:
    """`TestClient` without ``await``, in a ``with`` block: for plain test functions, Django's and
    Flask's test cases, a REPL, a notebook.

    The arguments, methods and errors are those of `TestClient`. The app runs in the event loop of a
    thread that starts with the block and ends with it; a loop that runs in the caller's thread, as
    in a notebook, does not matter. Clients of one app that are entered at the same time share one
    loop, whether they are clones or not.

    What the client calls runs in that loop's thread, not in the test's: handlers given to `on`,
    ``callback=``, ``match=``, and ``auth`` where it is callable. They may be sync or async as
    before, and can't call this client.
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
        transports: Sequence[str] | str = ("websocket",),
        serializer: Any = "default",
        json: Any = None,
        server: Any = None,
        lifespan: bool = True,
        root_path: str = "",
        client: tuple[str, int] | None = ("testclient", 50000),
        timeout: float = 5.0,
        raise_app_exceptions: bool = True,
        strict: bool = False,
    ) -> None:
        inner = TestClient(
            app, http=http, base_url=base_url, headers=headers, cookies=cookies, auth=auth,
            socketio_path=socketio_path, transports=transports, serializer=serializer, json=json,
            server=server, lifespan=lifespan, root_path=root_path, client=client, timeout=timeout,
            raise_app_exceptions=raise_app_exceptions, strict=strict,
        )  # fmt: skip
        self._set_up(inner, _loop_of(app), http)

    def __repr__(self) -> str:
        return repr(self._client).replace(type(self._client).__name__, type(self).__name__, 1)

    def _set_up(self, inner: TestClient, loop: _Loop, http: Any) -> None:
        self._client = inner
        self._loop = loop
        self._given_http = http
        self._own_http: httpx.Client | None = None

    # -- entering and leaving

    def __enter__(self) -> Self:
        """As `TestClient.__aenter__`."""
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
        """As `TestClient.__aexit__`."""
        try:
            self._loop.run(self._client.__aexit__, exc_type, exc, traceback)
        finally:
            self._own_http = None
            self._loop.release()

    # -- connecting

    def connect(
        self,
        *namespaces: str,
        auth: Any = None,
        headers: Any = None,
        query: Mapping[str, Any] | str | None = None,
        transports: Sequence[str] | str | None = None,
        timeout: float | None = None,
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

    def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """See `TestClient.emit`."""
        self._loop.run(
            lambda: self._client.emit(event, *args, namespace=namespace, callback=callback)
        )

    def send(
        self,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """See `TestClient.send`."""
        self._loop.run(lambda: self._client.send(*args, namespace=namespace, callback=callback))

    def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """See `TestClient.call`."""
        return self._loop.run(
            lambda: self._client.call(event, *args, namespace=namespace, timeout=timeout)
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
        return self._loop.do(self._client.get_received, namespace)

    def events(self, namespace: str | None = None) -> Iterator[ReceivedEvent]:
        """See `TestClient.events`."""
        stream = self._client.events(namespace)

        async def following() -> ReceivedEvent:
            return await anext(stream, _NOTHING)

        while (event := self._loop.run(following)) is not _NOTHING:
            yield event

    def settle(self, timeout: float | None = None) -> None:
        """See `TestClient.settle`."""
        self._loop.run(self._client.settle, timeout)

    def assert_not_received(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
    ) -> None:
        """See `TestClient.assert_not_received`."""
        self._loop.run(
            lambda: self._client.assert_not_received(event, namespace=namespace, match=match)
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

        It is the one handed in, where that is sync and does not run the app in a loop of its own,
        as Starlette's TestClient does.
        """
        if _is_plain_sync_client(self._given_http):
            return self._given_http  # type: ignore[no-any-return]
        if self._own_http is None:
            self._own_http = self._make_http()
        return self._own_http

    def _make_http(self) -> httpx.Client:
        http = self._client.http
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
        inner = self._loop.do(lambda: self._client.clone(**overrides))
        other = self.__new__(type(self))
        other._set_up(inner, self._loop, overrides.get("http"))
        return other

    @property
    def raw(self) -> SyncEngineSession:
        """See `TestClient.raw`."""
        return SyncEngineSession(self._loop, self._client.raw)

    def session(self, namespace: str | None = None) -> AbstractContextManager[dict[str, Any]]:
        """See `TestClient.session`."""
        return self._loop.context(self._loop.do(self._client.session, namespace))

    def rooms(self, namespace: str | None = None) -> set[str]:
        """See `TestClient.rooms`."""
        return self._loop.do(self._client.rooms, namespace)

    def time_travel(self) -> AbstractContextManager[None]:
        """See `TestClient.time_travel`."""
        return self._loop.context(self._client.time_travel())

    def advance(self, seconds: float) -> None:
        """See `TestClient.advance`."""
        self._loop.run(self._client.advance, seconds)

    @property
    def transcript(self) -> Transcript:
        """See `TestClient.transcript`."""
        return self._client.transcript

    @property
    def app_exceptions(self) -> list[BaseException]:
        """See `TestClient.app_exceptions`."""
        return self._client.app_exceptions


def _is_plain_sync_client(http: Any) -> bool:
    return http is not None and not hasattr(http, "aclose") and not hasattr(http, "portal")
