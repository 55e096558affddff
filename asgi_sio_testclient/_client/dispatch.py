"""The state of one client: its namespaces, inbox and acks, and the errors of the app because of it.

The session calls a `Dispatcher` from inside the app's own ``send()``; `TestClient` reads it.
Nothing in this module waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpx
from socketio.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from asgi_sio_testclient._client.acks import Ack, Acks
from asgi_sio_testclient._client.app_errors import AppErrors
from asgi_sio_testclient._client.handlers import HandlerRunner, Handlers
from asgi_sio_testclient._client.inbox import Inbox
from asgi_sio_testclient._client.pending_connect import PendingConnect
from asgi_sio_testclient._connection.arguments import check_namespace
from asgi_sio_testclient._connection.transcript import Transcript
from asgi_sio_testclient._error_texts import add_note
from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._exceptions import (
    ConnectTimeout,
    NotConnected,
    ProtocolError,
    TestClientError,
    UsageError,
)
from asgi_sio_testclient._protocol.names import ALL, CLIENT_DISCONNECT, SERVER_DISCONNECT
from asgi_sio_testclient._protocol.packets import Incoming
from asgi_sio_testclient._protocol.socketio import SocketIO
from asgi_sio_testclient._test_endings import ends_test, ungrouped
from asgi_sio_testclient._waiting.deadlines import fail
from asgi_sio_testclient._waiting.rest import middleware_at_rest

if TYPE_CHECKING:
    from asgi_sio_testclient._client.diagnosis import WaitDiagnostics
    from asgi_sio_testclient._client.missed_events import Recipient
    from asgi_sio_testclient._client.options import Options
    from asgi_sio_testclient._connection.app import RunningApp
    from asgi_sio_testclient._connection.session import EngineSession
    from asgi_sio_testclient._server.emits import Emitted
    from asgi_sio_testclient._server.protocol import ServerInstrumentation
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["Dispatcher"]

__tracebackhide__ = True

_REMEMBERED = 20  # former session ids that are kept
NEVER_CONNECTED = "not connected: connect() first"


class Dispatcher:
    """The state of one client, and the `SessionListener` of its session.

    Attributes:
        session: the Engine.IO session; None without one.
        sids: the Socket.IO session ids of the connected namespaces, by namespace.
        asked: the namespaces to which a CONNECT was sent since the client was entered.
        pending_connects: each CONNECT that a call waits for, by namespace.
        emitted: name and namespace of the event that was sent last.
        errors: the exceptions of the app because of this client, and of the test's own handlers.
        former_sids: session ids that were disconnected, the latest ones.
        disconnect_reason: the reason of the latest disconnect of a namespace.
        disconnect_detail: what happened at that disconnect, for error texts.
        ending: closed sessions for which a call of the app still runs.
        own_http: the http client that was made for this client, and is closed with it.
        closed: whether the ``async with`` of this client has ended.
        is_owner: whether this client started the running app, which then ends with this client.
    """

    def __init__(self, options: Options, running_app: RunningApp, inbox: Inbox) -> None:
        self.options = options
        self.running_app = running_app
        self.socketio = SocketIO(options.packet_class)
        self.handlers = Handlers()
        self.inbox = inbox
        self.acks = Acks()
        self.session: EngineSession | None = None
        self.sids: dict[str, str] = {}
        self.asked: set[str] = set()
        self.pending_connects: dict[str, PendingConnect] = {}
        self.errors = AppErrors(running_app, self.pending_connects, self.inbox, self.acks)
        self.emitted: tuple[str, str] | None = None
        # A tuple, since most clients never have former ids: an empty tuple takes no memory.
        self.former_sids: tuple[str, ...] = ()
        self.disconnect_reason: str | None = None
        self.disconnect_detail = ""
        self.ending: list[EngineSession] = []
        self.own_http: httpx.AsyncClient | None = None
        self.closed = False
        self.is_owner = False
        self._checks_for_unacked = False
        name = f"client{len(running_app.clients) + 1}"
        self.transcript = Transcript(options.packet_class, name, running_app.transcripts)
        self.transcript.options = options
        running_app.clients.append(self)

    # -- callbacks of the session, see SessionListener

    def session_ready(self) -> None:
        """Send the CONNECT packets that wait for the session."""
        session: Any = self.session
        for name, pending in list(self.pending_connects.items()):
            packets = pending.packets
            if packets:
                pending.packets = ()
                self.asked.add(name)
                session.send_messages(packets)

    def session_message(self, message: Any) -> None:
        """Process a Socket.IO packet, or a part of one.

        Raises:
            ProtocolError: the packet is malformed, or not allowed now.
        """
        incoming = self.socketio.receive(message)
        if incoming is not None:
            self._take[incoming.kind](self, incoming)
        if self.acks.late:
            self._check_for_unacked()

    def session_ended(self, session: EngineSession, reason: str, error: Exception | None) -> None:
        """Fail all waits of this client: the connection has ended, and this client did not close
        it.
        """
        if session is not self.session:
            return
        self.session = None
        self.ending.append(session)
        detail = "" if error is None else str(error)
        answered = False
        for pending in self.pending_connects.values():
            if not pending.is_answered:
                known = isinstance(error, TestClientError)
                answered |= pending.abort(
                    error if known else self.diagnostics().ended(reason, detail)  # type: ignore[arg-type]
                )
        if isinstance(error, ProtocolError) and not answered:
            self.errors.deliver(error)
        self.ended(ALL, reason, detail)

    def session_over(self, session: EngineSession) -> None:
        """Remove a session: no call of the app runs for it any more."""
        if session in self.ending:
            self.ending.remove(session)

    def app_raised(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Deliver an exception of the app because of this client, raised in `run` if that is
        known.
        """
        exc = ungrouped(exc)
        if isinstance(exc, UsageError) and exc in self.errors.all:
            return  # reported when the server was detected, within the app's own call
        self.errors.all.append(exc)
        if self.options.raise_app_exceptions or ends_test(exc) or isinstance(exc, UsageError):
            self.errors.deliver(exc, run)
        elif run is not None and run.event == "connect" and self.awaits_connect(run.namespace):
            # python-engineio logs the exception of a connect handler, and sends no answer.
            waiting_for = f"answer to CONNECT of namespace {run.namespace!r}"
            cause = f"{run.name} raised {exc!r}"
            error = ConnectTimeout(waiting_for, None, cause)
            fail(self.pending_connects[run.namespace].answer, error)

    def handler_ended(self, run: HandlerRun) -> None:
        """Check for the ack that the event of an ended handler requests: the ack arrives now, or
        never.
        """
        if not self.acks.handler_ended(run):
            return
        session = self.session
        if (
            session is None
            or session.instrumentation is None
            or session.instrumentation.sockets.has_output(session.engine.sid)
        ):
            return
        self._check_for_unacked()

    def frame_delivered(self) -> None:
        """Check for late acks after a frame that was no message."""
        if self.acks.late:
            self._check_for_unacked()

    # -- packets

    def _acked(self, incoming: Incoming) -> None:
        """Process an ACK."""
        ack = self.acks.take(incoming.namespace, incoming.id)
        if ack is None:
            return
        if ack.future is None:
            where = self._where(f"ack of {ack.event!r}", incoming)
            self._handler_runner.run(ack.callback, tuple(incoming.data), where)
        elif not ack.future.done():
            ack.future.set_result(incoming.data)

    def _received(self, incoming: Incoming) -> None:
        """Process an EVENT: call the test's handler, or add the event to the inbox."""
        name = incoming.data[0]
        event = ReceivedEvent(name, tuple(incoming.data[1:]), incoming.namespace)
        if self.handlers:
            handler, given = self.handlers.find(name, incoming.namespace, event.args)
            if handler is not None:
                self._handler_runner.run(
                    handler,
                    given,
                    self._where(f"event {name!r}", incoming),
                    lambda result: self._answer(incoming, result),
                )
                return
        if incoming.id is not None:
            self.acks.unanswered[incoming.namespace, incoming.id] = event
        self.inbox.put(event)

    def _connected(self, incoming: Incoming) -> None:
        """Process a CONNECT."""
        namespace = incoming.namespace
        pending = self.pending_connects.get(namespace)
        if pending is None or pending.is_answered:
            raise ProtocolError(
                "CONNECT for a namespace that was not requested", f"{namespace}: {incoming.data}"
            )
        self.sids[namespace] = str(incoming.data["sid"])
        pending.is_answered = True  # also for what the test's handler does
        self._run_reserved("connect", incoming)
        pending.accept()

    def _refused(self, incoming: Incoming) -> None:
        """Process a CONNECT_ERROR."""
        pending = self.pending_connects.get(incoming.namespace)
        awaited = pending is not None and not pending.is_answered
        if pending is not None:
            pending.is_answered = True  # also for what the test's handler does
        self._run_reserved("connect_error", incoming, incoming.data)
        if pending is not None and awaited:
            pending.refuse(incoming.data)

    def _disconnected(self, incoming: Incoming) -> None:
        """Process a DISCONNECT; close the connection after that of the last namespace."""
        namespace = incoming.namespace
        if namespace not in self.sids:
            return
        if incoming.data is not None and namespace in self.pending_connects:
            # AsyncServer._handle_connect: with always_connect a refusal is a DISCONNECT with data.
            self.pending_connects[namespace].refuse(incoming.data)
        self.ended(namespace, SERVER_DISCONNECT, "")
        if not self.sids and not self.awaits_connect() and self.session is not None:
            # Both stock clients close the connection when the last namespace is disconnected.
            self.ending.append(self.session)
            self.session.close()
            self.session = None

    _take: ClassVar = {
        CONNECT: _connected,
        DISCONNECT: _disconnected,
        EVENT: _received,
        ACK: _acked,
        CONNECT_ERROR: _refused,
    }

    # -- ends

    def ended(self, namespace: str, reason: str, detail: str) -> None:
        """Mark `namespace`, or `ALL`, as disconnected, and fail the waits for it."""
        names = [name for name in self.sids if namespace in {ALL, name}]
        for name in names:
            self.former_sids = (*self.former_sids, self.sids[name])[-_REMEMBERED:]
            del self.sids[name]
        self.disconnect_reason = reason
        self.disconnect_detail = detail
        self.acks.fail_namespace(namespace, lambda: self.diagnostics().ended(reason, detail))
        everything = not self.sids and not self.awaits_connect()
        self.inbox.fail(
            ALL if everything else namespace, lambda _: self.diagnostics().ended(reason, detail)
        )
        for name in names:
            incoming = Incoming(DISCONNECT, name, None)
            self._run_reserved("disconnect", incoming, reason)

    def close(self) -> EngineSession | None:
        """Close the connection in an orderly way, and return its session; None without one."""
        session, self.session = self.session, None
        if session is not None:
            self.ending.append(session)
            packets: list[Any] = []
            for namespace in self.sids:
                packets += self.socketio.disconnect(namespace)
            self.ended(ALL, CLIENT_DISCONNECT, "")
            session.cancel_connect_handlers()
            session.close(packets)
        return session

    def release_failed_connect(self) -> EngineSession | None:
        """Close the connection of a first connect that failed; return its session."""
        session = self.close()
        self.disconnect_reason = None
        return session

    def _check_for_unacked(self) -> None:
        session = self.session
        if session is not None and not self._checks_for_unacked:
            self._checks_for_unacked = True
            services = self.running_app.services
            rest = middleware_at_rest(services.work)
            services.idle.when_idle(lambda: [session], self._unacked, rest, soon=rest is not None)

    def _unacked(self) -> None:
        self._checks_for_unacked = False
        self.acks.fail_late(lambda ack, run: self.diagnostics().never_acked(ack, run))

    # -- the test's handlers

    @property
    def _handler_runner(self) -> HandlerRunner:
        return HandlerRunner(self._spawn, self._handler_failed)

    def _run_reserved(self, event: str, incoming: Incoming, *args: Any) -> None:
        if self.handlers:
            handler, given = self.handlers.find(event, incoming.namespace, args)
            if handler is not None:
                self._handler_runner.run(handler, given, self._where(f"event {event!r}", incoming))

    def _where(self, what: str, incoming: Incoming) -> str:
        namespace = incoming.namespace
        return f"{what}, namespace {namespace!r}, sid {self.sids.get(namespace)!r}"

    def _spawn(self, coroutine: Coroutine[Any, Any, None], what: str) -> None:
        self.running_app.begin_handler(coroutine, what)

    def _handler_failed(self, exc: BaseException, what: str) -> None:
        exc = ungrouped(exc)
        add_note(exc, f"raised by {what}")
        self.errors.all.append(exc)
        self.errors.of_test = (*self.errors.of_test, exc)
        if self.options.raise_app_exceptions or ends_test(exc):
            self.errors.deliver(exc)

    def _answer(self, incoming: Incoming, result: Any) -> None:
        """Send the ack for an event: the result of the test's handler."""
        if incoming.id is None or self.session is None:
            return
        values = result if isinstance(result, tuple) else () if result is None else (result,)
        event = incoming.data[0]
        messages = self.socketio.ack(event, values, incoming.namespace, incoming.id)
        self.session.send_messages(messages)

    # -- sending

    def send_event(
        self,
        event: str,
        args: tuple[Any, ...],
        namespace: str,
        callback: Any = None,
        *,
        awaited: bool = False,
    ) -> Ack | None:
        """Send an event.

        Args:
            event: the event's name.
            args: the event's arguments.
            namespace: must be connected.
            callback: called with the values of the server's ack; None for no callback.
            awaited: whether the caller waits for the ack.

        Returns:
            The pending ack; None if the event requests no ack.

        Raises:
            NotConnected, TypeError, UsageError, ValueError: see `TestClient.emit`.
        """
        session, loop = self.session, self.running_app.loop
        if session is None or namespace not in self.sids or asyncio.get_running_loop() is not loop:
            session = self.connected_session(namespace)  # raises the right error
        ack = None
        id_ = self.socketio.next_id(namespace) if awaited or callback is not None else None
        messages = self.socketio.event(event, args, namespace, id_)
        if id_ is not None:
            future = loop.create_future() if awaited else None
            self.acks.pending[namespace, id_] = ack = Ack((namespace, id_), event, future, callback)
        self.emitted = event, namespace
        if self.running_app.services.work.unnoted:
            self.running_app.services.work.note_resting_places()
        session.send_messages(messages)
        return ack

    # -- queries and checks

    @property
    def instrumentation(self) -> ServerInstrumentation | None:
        """The instrumentation of the server that this client is or was connected to, or None."""
        if self.session is not None and self.session.instrumentation is not None:
            return self.session.instrumentation
        return next(iter(self.running_app.instrumentations), None)

    @property
    def everyone(self) -> list[Dispatcher]:
        """The clients of the running app."""
        return cast("list[Dispatcher]", self.running_app.clients)

    def awaits_connect(self, namespace: str | None = None) -> bool:
        """Return whether the CONNECT of `namespace`, or of any namespace, is unanswered."""
        connects = self.pending_connects
        for name in connects:
            if namespace in (None, name) and not connects[name].is_answered:
                return True
        return False

    def connected_session(self, namespace: str) -> EngineSession:
        """Return the session if `namespace` is connected.

        Raises:
            NotConnected: `namespace` is not connected.
            UsageError: outside ``async with``, or in another event loop.
        """
        self.require_running()
        check_namespace(namespace)
        if self.session is None or namespace not in self.sids:
            raise self.not_connected(namespace)
        return self.session

    def require_running(self) -> None:
        """Require that the client is entered, in this event loop.

        Raises:
            UsageError: outside ``async with``, or in another event loop.
        """
        if not self.running_app.running or self.closed:
            raise UsageError("not entered: use it within `async with TestClient(app) as client:`")
        self.running_app.require_loop()

    def require_loop(self) -> None:
        """Require the event loop of the client.

        Raises:
            UsageError: in another event loop than the one in which the client was entered.
        """
        self.running_app.require_loop()

    def require_readable(self, namespace: str) -> None:
        """Require that the client was connected to `namespace` at some time.

        Raises:
            TypeError, ValueError: `namespace` is no name of a namespace.
            NotConnected: the client was never connected to `namespace`, so that no event can have
                arrived.
            UsageError: in another event loop.
        """
        self.require_loop()
        check_namespace(namespace)
        if not (self.asked if namespace == ALL else namespace in self.asked):
            raise self.not_connected(namespace)

    def require_connected_or_connecting(self, namespace: str) -> None:
        """Require that `namespace` is connected or connecting.

        Raises:
            TypeError, ValueError: `namespace` is no name of a namespace.
            NotConnected: `namespace` is neither, so that no event can arrive.
        """
        check_namespace(namespace)
        pending = self.awaits_connect(None if namespace == ALL else namespace)
        if not pending and not (self.sids if namespace == ALL else namespace in self.sids):
            raise self.not_connected(namespace)

    def not_connected(self, namespace: str) -> NotConnected:
        """Return the error for a call that needs a connection to `namespace`."""
        reason = self.disconnect_reason
        if self.sids and namespace != ALL:
            others = ", ".join(map(repr, self.sids))
            return NotConnected(
                f"not connected to namespace {namespace!r}, only to {others}", reason
            )
        if reason is None:
            return NotConnected(NEVER_CONNECTED)
        text = f"not connected to namespace {namespace!r} any more: {reason}"
        details = self.diagnostics().details()
        return NotConnected(
            f"{text}: {self.disconnect_detail}" if self.disconnect_detail else text, reason, details
        )

    def diagnostics(self, at_work: Sequence[str] = ()) -> WaitDiagnostics:
        """Return the facts for the text of an error; `at_work` has lines for the app's work beside
        handlers.
        """
        from asgi_sio_testclient._client.diagnosis import (  # noqa: PLC0415 (where a wait failed)
            WaitDiagnostics,
        )

        errors = [exc for client in self.everyone for exc in client.errors.unraised]
        if not self.options.raise_app_exceptions:
            errors += self.errors.all
        return WaitDiagnostics(
            instrumentation=self.instrumentation,
            running=sorted(self.running_app.running_handlers(), key=self._is_of_another_client),
            at_work=[*self.running_app.running_own_handlers(), *at_work],
            received=self.inbox.peek(ALL),
            errors=errors,
            transcript=self.transcript,
            emitted=self.emitted,
            unanswered=list(self.acks.unanswered.values()),
            incomplete=self.socketio.incomplete,
            own_handler=lambda event, namespace: self.handlers.find(event, namespace, ())[0],
            late_by=self.running_app.services.deadlines.late_by,
            own_errors=[exc for client in self.everyone for exc in client.errors.of_test],
            app_exceptions=[exc for client in self.everyone for exc in client.errors.all],
            recipient=self._recipient,
            why_busy=self.running_app.why_busy,
            other_emits=self._other_emits(),
            address=self.running_app.address,
        )

    def _is_of_another_client(self, run: HandlerRun) -> bool:
        """Return whether a handler runs for another client than this one."""
        return run.owner is not self.session

    def _other_emits(self) -> Iterator[Emitted]:
        """Return the emits of servers of this event loop that this client is not connected to."""
        mine = set() if self.instrumentation is None else self.instrumentation.clients.related
        for running_app in self.running_app.services.apps:
            for instrumentation in running_app.instrumentations:
                # Servers that share a broker share what they emit.
                if mine.isdisjoint(instrumentation.clients.related):
                    yield from instrumentation.log.emits

    def _recipient(self) -> Recipient:
        """Return this client as a possible recipient of emits."""
        from asgi_sio_testclient._client.missed_events import (  # noqa: PLC0415 (where a wait failed)
            Recipient,
        )

        instrumentation, session = self.instrumentation, self.session
        others = [client for client in self.everyone if client is not self]
        former = {sid: other.transcript.name for other in others for sid in other.former_sids}
        return Recipient(
            sids=dict(self.sids),
            engineio_sid="" if session is None else session.sid,
            former_sids=former | dict.fromkeys(self.former_sids, ""),
            others={sid: other.transcript.name for other in others for sid in other.sids.values()},
            since=self.transcript.connected_since,
            rooms_of=lambda name: (
                instrumentation.clients.rooms(self.sids[name], name)
                if instrumentation is not None
                else []
            ),
            entered=lambda name, room: (
                instrumentation.log.entered(self.sids[name], name, room)
                if instrumentation is not None
                else 0.0
            ),
        )

    async def close_http(self) -> None:
        """Close the http client that was made for this client."""
        http, self.own_http = self.own_http, None
        if http is not None:
            await http.aclose()

    def leaks(self) -> list[str]:
        """Return a line for each ack that was never given, in either direction."""
        lines = [
            f"never acked by the server: event {ack.event!r} (namespace {namespace!r})"
            for (namespace, _), ack in self.acks.pending.items()
        ]
        lines += [
            f"no ack given to the server's event {event.name!r} (namespace {event.namespace!r}): "
            f"it takes a client.on({event.name!r})"
            for event in self.acks.unanswered.values()
        ]
        self.acks.clear()
        return lines
