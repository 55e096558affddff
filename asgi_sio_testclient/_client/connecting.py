"""`TestClient.connect`: sends CONNECT for one or several namespaces and waits for the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._client.options import connectable, resolve_auth
from asgi_sio_testclient._client.pending_connect import PendingConnect
from asgi_sio_testclient._client.settling import wait_idle
from asgi_sio_testclient._connection.refusals import is_misplaced
from asgi_sio_testclient._connection.session import EngineSession
from asgi_sio_testclient._exceptions import (
    ConnectionRefused,
    ConnectTimeout,
    HandshakeFailed,
    TestClientError,
    UsageError,
)
from asgi_sio_testclient._http.requests import ConnectionRequests
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient._waiting.rest import middleware_at_rest
from asgi_sio_testclient.asgi._elsewhere import Elsewhere

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher
    from asgi_sio_testclient._http.identity import HTTPContext

__all__ = ["ConnectCall"]

__tracebackhide__ = True

INTERNAL_SERVER_ERROR = 500
_CALL_END_LIMIT = 1.0  # seconds from the response of status 500 until the app's call has raised


class ConnectCall:
    """One call of `TestClient.connect`.

    Args:
        dispatcher: the client that connects.
        http_context: the cookies and headers of the client.
        names: the namespaces.
        transports: the transports, if the call opens the connection.
        limit: seconds, for the whole call.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        http_context: HTTPContext,
        names: Sequence[Any],
        transports: Sequence[str],
        limit: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._running_app = dispatcher.running_app
        self._http_context = http_context
        self._names = connectable(names)
        self._transports = transports
        self._limit = limit
        self._pending: dict[str, PendingConnect] = {}

    async def run(self, auth: Any, headers: Any, query: Mapping[str, Any] | str | None) -> None:
        """Connect, and return when the server has answered for each namespace.

        Raises:
            HandshakeFailed, ConnectionRefused, ConnectTimeout, UsageError, Exception: see
                `TestClient.connect`.
        """
        dispatcher = self._dispatcher
        opens = not dispatcher.pending_connects and dispatcher.session is None
        if not opens:
            self._require_free_names()
            opens = dispatcher.session is None and not dispatcher.awaits_connect()
        create = self._running_app.loop.create_future
        for name in self._names:
            self._pending[name] = dispatcher.pending_connects[name] = PendingConnect(create())
        try:
            payload = await resolve_auth(dispatcher.options.auth if auth is None else auth)
            for name in self._names:
                self._pending[name].packets = dispatcher.socketio.connect(name, payload)
            dispatcher.disconnect_reason = None
            if opens:
                await self._open(headers, query)
            elif dispatcher.session is not None and dispatcher.session.ready:
                dispatcher.session_ready()
            await self._await_answers()
        except BaseException as exc:
            if opens:
                await self._clean_up(exc)
            if isinstance(exc, HandshakeFailed):
                await self._add_hint(exc)
            raise
        finally:
            self._remove_pending()

    def _remove_pending(self) -> None:
        pending_connects = self._dispatcher.pending_connects
        for name, pending in self._pending.items():
            # Another call may connect to a refused namespace already.
            if name in pending_connects and pending_connects[name] is pending:
                del pending_connects[name]

    def _require_free_names(self) -> None:
        """Require that no namespace is connected, or awaited by another call.

        Raises:
            UsageError: a namespace is connected already, or another call connects to it.
        """
        dispatcher = self._dispatcher
        taken = [
            name
            for name in self._names
            if name in dispatcher.sids or dispatcher.awaits_connect(name)
        ]
        if taken:
            raise UsageError(f"already connected to {', '.join(map(repr, taken))}")

    async def _open(
        self,
        headers: Any,
        query: Mapping[str, Any] | str | None,
    ) -> None:
        """Begin the Engine.IO session of a first connect."""
        dispatcher, running_app = self._dispatcher, self._running_app
        dispatcher.transcript.begin()
        requests = ConnectionRequests(
            self._http_context,
            self._dispatcher.options.socketio_path,
            headers,
            query,
            running_app.state,
            remote_timeout=None if running_app.elsewhere is None else self._limit,
            address=running_app.address,
            isolate=self._dispatcher.options.isolate_context,
        )
        if requests.has_auth:
            await requests.authorize()
        dispatcher.socketio.reset()
        dispatcher.session = session = EngineSession(
            running_app, requests, self._transports, dispatcher, dispatcher.transcript
        )
        running_app.add_session(session)
        session.start()

    async def _await_answers(self) -> None:
        """Wait for the answer to the CONNECT of each namespace.

        Raises:
            ConnectionRefused, ConnectTimeout, HandshakeFailed, Exception: see `TestClient.connect`.
        """
        dispatcher, deadlines = self._dispatcher, self._running_app.services.deadlines
        session = dispatcher.session
        deadline = deadlines.loop.time() + self._limit
        for name, pending in self._pending.items():
            try:
                answer = await deadlines.wait_until(pending.answer, deadline)
            except Exception as exc:
                self._check_serializer(name, exc)
                raise
            if answer is EXPIRED:
                raise self._timed_out(name)
        if (
            session is not None
            and session.instrumentation is not None
            and session.instrumentation.clients.always_connect
        ):
            # With always_connect, CONNECT comes first, and a refusal of the connect handler later,
            # as a DISCONNECT with data. While a handler runs on, the client is connected, as over a
            # network.
            handlers = session.connect_handlers()
            rest = middleware_at_rest(self._running_app.services.work)
            left = deadline - deadlines.loop.time()
            await wait_idle(dispatcher, lambda: [handlers], left, rest)
            dispatcher.errors.raise_unraised()
        refusals = {name: one.refusal for name, one in self._pending.items() if one.is_refused}
        if refusals:
            raise dispatcher.diagnostics().refused(refusals)

    def _check_serializer(self, namespace: str, exc: Exception) -> None:
        """Raise ConnectionRefused if the serializers of client and server differ.

        Raises:
            ConnectionRefused: they differ; `exc`, which the server raised, is its cause.
        """
        instrumentation = self._dispatcher.instrumentation
        if instrumentation is not None and not isinstance(exc, TestClientError):
            mismatch = instrumentation.clients.serializer_mismatch(
                self._dispatcher.options.packet_class
            )
            if mismatch:
                raise ConnectionRefused({namespace: mismatch}) from exc

    async def _add_hint(self, error: HandshakeFailed) -> None:
        """Add a hint to the error of a handshake: the path at which the app has its server.

        Raises:
            Exception: what the app raised after it had responded with 500, as Starlette's error
                middleware does.
        """
        if error.status == INTERNAL_SERVER_ERROR:
            for session in list(self._dispatcher.ending):
                await session.wait_closed(_CALL_END_LIMIT)
            self._dispatcher.errors.raise_unraised()
        if not is_misplaced(error):
            return

        def scope_of(socketio_path: str) -> Any:
            requests = ConnectionRequests(
                self._http_context, socketio_path, state=self._running_app.state
            )
            if self._transports[0] == "websocket":
                return requests.websocket_scope()
            return requests.http_scope("GET")

        if isinstance(self._running_app.app, Elsewhere):
            return  # trying paths of a remote server would need requests over the network
        from asgi_sio_testclient._server.server_path import (  # noqa: PLC0415 (where a connect failed)
            hint_of_path,
        )

        path = self._dispatcher.options.socketio_path
        hint = await hint_of_path(self._running_app.app, path, scope_of)
        if hint:
            error.hint = f"{error.hint.partition(';')[0]}; {hint}"

    async def _clean_up(self, exc: BaseException) -> None:
        """Close the connection of a first connect that failed with `exc`."""
        session = self._dispatcher.release_failed_connect()
        if session is not None and isinstance(exc, ConnectionRefused):
            # Its connect handlers have ended, so the session ends soon. Otherwise a handler may run
            # for any time, and the exit waits for it.
            await session.wait_closed(self._limit)
        elif session is not None and isinstance(exc, ConnectTimeout):
            session.cancel_handshake()

    def _timed_out(self, namespace: str) -> ConnectTimeout:
        dispatcher = self._dispatcher
        waiting_for, handshake = f"answer to CONNECT of namespace {namespace!r}", ""
        if dispatcher.session is not None and not dispatcher.session.ready:
            waiting_for, handshake = "Engine.IO handshake", dispatcher.session.why_no_handshake()
        if self._running_app.address:
            waiting_for += f" from {self._running_app.address}"
        return dispatcher.diagnostics().connect_timeout(waiting_for, self._limit, handshake)
