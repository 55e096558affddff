"""`TestClient.connect`: CONNECT of one or several namespaces, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._client.connects import PendingConnect
from asgi_sio_testclient._client.options import connectable, resolve_auth
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
from asgi_sio_testclient._http.requests import Handshake
from asgi_sio_testclient._server.reach import hint_of_path
from asgi_sio_testclient._waiting.deadlines import EXPIRED
from asgi_sio_testclient.asgi._elsewhere import Elsewhere

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher
    from asgi_sio_testclient._http.identity import Identity

__all__ = ["ConnectCall"]

__tracebackhide__ = True

INTERNAL_SERVER_ERROR = 500
_UNTIL_IT_RAISES = 1.0  # seconds, from the response to the end of the app's call


class ConnectCall:
    """One call of `TestClient.connect`.

    Args:
        state: the client that connects.
        identity: its cookies and headers.
        names: the namespaces.
        transports: those of this connection, where the call opens one.
        limit: seconds, for the whole of it.
    """

    def __init__(
        self,
        state: Dispatcher,
        identity: Identity,
        names: Sequence[Any],
        transports: Sequence[str],
        limit: float,
    ) -> None:
        self._state = state
        self._runtime = state.runtime
        self._identity = identity
        self._names = connectable(names)
        self._transports = transports
        self._limit = limit
        self._pending: dict[str, PendingConnect] = {}

    async def run(self, auth: Any, headers: Any, query: Mapping[str, Any] | str | None) -> None:
        """Connect, and return when each namespace has answered.

        Raises:
            HandshakeFailed, ConnectionRefused, ConnectTimeout, UsageError, or what the app raised:
                see `TestClient.connect`.
        """
        state = self._state
        opens = not state.pending_connects and state.session is None
        if not opens:
            self._require_free_names()
            opens = state.session is None and not state.awaits_connect()
        create = self._runtime.loop.create_future
        for name in self._names:
            self._pending[name] = state.pending_connects[name] = PendingConnect(create())
        try:
            payload = await resolve_auth(state.options.auth if auth is None else auth)
            for name in self._names:
                self._pending[name].packets = state.socketio.connect(name, payload)
            state.disconnect_reason = None
            if opens:
                await self._open(headers, query)
            elif state.session is not None and state.session.ready:
                state.session_ready()
            await self._await_answers()
        except BaseException as exc:
            if opens:
                await self._clean_up(exc)
            if isinstance(exc, HandshakeFailed):
                await self._explain(exc)
            raise
        finally:
            self._remove_pending()

    def _remove_pending(self) -> None:
        pending_connects = self._state.pending_connects
        for name, pending in self._pending.items():
            # A refused namespace may have been asked for again by another call.
            if name in pending_connects and pending_connects[name] is pending:
                del pending_connects[name]

    def _require_free_names(self) -> None:
        """Raises:
        UsageError: a namespace is connected already, or another call connects to it.
        """
        state = self._state
        taken = [name for name in self._names if name in state.sids or state.awaits_connect(name)]
        if taken:
            raise UsageError(f"already connected to {', '.join(map(repr, taken))}")

    async def _open(
        self,
        headers: Any,
        query: Mapping[str, Any] | str | None,
    ) -> None:
        state, runtime = self._state, self._runtime
        state.transcript.begin()
        handshake = Handshake(
            self._identity,
            self._state.options.socketio_path,
            headers,
            query,
            runtime.state,
            remote_timeout=None if runtime.elsewhere is None else self._limit,
            isolate=self._state.options.isolate_context,
        )
        await handshake.authorize()
        state.socketio.reset()
        state.session = session = EngineSession(
            runtime, handshake, self._transports, state, state.transcript
        )
        runtime.add_session(session)
        session.start()

    async def _await_answers(self) -> None:
        """Wait for the answer to the CONNECT of each namespace.

        Raises:
            ConnectionRefused, ConnectTimeout, HandshakeFailed, or what the app raised.
        """
        state, deadlines = self._state, self._runtime.services.deadlines
        session = state.session
        deadline = deadlines.loop.time() + self._limit
        for name, pending in self._pending.items():
            try:
                answer = await deadlines.wait(pending.answer, deadline - deadlines.loop.time())
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
            # CONNECT comes first and the connect handler's no later, in a DISCONNECT with data. A
            # handler that runs on leaves the client connected, as over a network.
            handlers = session.connect_handlers()
            await wait_idle(state, lambda: [handlers], deadline - deadlines.loop.time())
            state.errors.raise_unraised()
        refusals = {name: one.refusal for name, one in self._pending.items() if one.is_refused}
        if refusals:
            raise state.situation().refused(refusals)

    def _check_serializer(self, namespace: str, exc: Exception) -> None:
        """Raise, in the place of what the server raised: that the two sides can't understand each
        other.
        """
        instrumentation = self._state.instrumentation
        if instrumentation is not None and not isinstance(exc, TestClientError):
            mismatch = instrumentation.clients.serializer_mismatch(self._state.options.packet_class)
            if mismatch:
                raise ConnectionRefused({namespace: mismatch}) from exc

    async def _explain(self, error: HandshakeFailed) -> None:
        """Say in the error where the app has its server, if it has one.

        Raises:
            Exception: what the app raised after it had responded with 500, as Starlette's error
                middleware does.
        """
        if error.status == INTERNAL_SERVER_ERROR:
            for session in list(self._state.ending):
                await session.wait_closed(_UNTIL_IT_RAISES)
            self._state.errors.raise_unraised()
        if not is_misplaced(error):
            return

        def scope_of(socketio_path: str) -> Any:
            requests = Handshake(self._identity, socketio_path, state=self._runtime.state)
            if self._transports[0] == "websocket":
                return requests.websocket_scope()
            return requests.http_scope("GET")

        if isinstance(self._runtime.app, Elsewhere):
            return  # to try paths there would be requests over the network
        path = self._state.options.socketio_path
        way = await hint_of_path(self._runtime.app, path, scope_of)
        if way:
            error.hint = f"{error.hint.partition(';')[0]}; {way}"

    async def _clean_up(self, exc: BaseException) -> None:
        """Leave nothing connected after a first connect that failed with `exc`."""
        session = self._state.release_failed_connect()
        if session is not None and isinstance(exc, ConnectionRefused):
            # Its connect handlers have ended, so it is over in a moment. Elsewhere a handler may be
            # at it for as long as it likes, and the exit waits for it.
            await session.wait_closed(self._limit)
        elif session is not None and isinstance(exc, ConnectTimeout):
            session.cancel_handshake()

    def _timed_out(self, namespace: str) -> ConnectTimeout:
        state = self._state
        waiting_for, handshake = f"answer to CONNECT of namespace {namespace!r}", ""
        if state.session is not None and not state.session.ready:
            waiting_for, handshake = "Engine.IO handshake", state.session.handshake_stands()
        return state.situation().connect_timeout(waiting_for, self._limit, handshake)
