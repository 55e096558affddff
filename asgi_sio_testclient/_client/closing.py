"""The start and the end of a client's ``async with``, and what is raised at its end.

At the end the client disconnects, its handlers end, and the lifespan is shut down.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from asgi_sio_testclient._client.dispatch import Dispatcher
from asgi_sio_testclient._client.http import require_one_lifespan
from asgi_sio_testclient._client.options import require_asyncio
from asgi_sio_testclient._connection.app_exit import finish_work
from asgi_sio_testclient._error_texts import add_note, advice_on
from asgi_sio_testclient._exceptions import Leak, LeakWarning, TestClientError, UsageError
from asgi_sio_testclient._protocol.names import ALL, CLIENT_DISCONNECT, TRANSPORT_CLOSE
from asgi_sio_testclient._server.active_observers import observers
from asgi_sio_testclient._test_endings import ends_test

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.session import EngineSession

__tracebackhide__ = True


def begin_disconnect(dispatcher: Dispatcher, namespace: str | None) -> EngineSession | None:
    """Disconnect from `namespace`, or close the connection for None and "*".

    Returns:
        The session in which the app's disconnect handler runs; None without a connection.

    Raises:
        NotConnected: `namespace` is not connected.
        UsageError: outside ``async with``, or in another event loop.
    """
    dispatcher.require_running()
    if namespace in {None, ALL}:
        return dispatcher.close()
    session = dispatcher.connected_session(str(namespace))
    session.send_messages(dispatcher.socketio.disconnect(str(namespace)))
    dispatcher.ended(str(namespace), CLIENT_DISCONNECT, "")
    if not dispatcher.sids and not dispatcher.awaits_connect():
        dispatcher.close()
    return session


def begin_abort(dispatcher: Dispatcher) -> EngineSession | None:
    """Close the connection without a DISCONNECT packet.

    Returns:
        The session in which the app's disconnect handler runs; None without a connection.

    Raises:
        UsageError: outside ``async with``, or in another event loop.
    """
    dispatcher.require_running()
    session, dispatcher.session = dispatcher.session, None
    if session is not None:
        dispatcher.ending.append(session)
        session.cancel_connect_handlers()
        session.drop()
        dispatcher.ended(ALL, TRANSPORT_CLOSE, "the client aborted")
    return session


async def enter(dispatcher: Dispatcher) -> None:
    """See `TestClient.__aenter__`."""
    running_app, options = dispatcher.running_app, dispatcher.options
    require_asyncio()
    dispatcher.require_loop()
    if dispatcher.is_owner:
        raise UsageError("this TestClient is already entered")
    if not running_app.running:
        if options.lifespan:
            require_one_lifespan(options.http, options.app)
        await running_app.start(options.timeout)
        dispatcher.is_owner = True
    if dispatcher.closed:
        dispatcher.closed = False
        dispatcher.asked.clear()


def begin_exit(dispatcher: Dispatcher, exc: BaseException | None) -> ClientExit | None:
    """Return the end of an ``async with``; None in another event loop, where `exc` gets a note.

    Args:
        dispatcher: the client that was entered.
        exc: what the block raised.

    Raises:
        UsageError: in another event loop, and the block raised nothing.
    """
    if exc is None:
        dispatcher.require_loop()
    elif (
        dispatcher.running_app.running
        and asyncio.get_running_loop() is not dispatcher.running_app.loop
    ):
        add_note(exc, "the client is not closed: it was entered in another event loop")
        return None
    return ClientExit(dispatcher, exc)


class ClientExit:
    """The end of a client's ``async with``.

    Args:
        dispatcher: the client whose block ends. If that client started the running app, the app and
            the client's clones end, too.
        exc: what the block raised.

    Attributes:
        failures: exceptions of the app and of the test's own handlers that no call has raised yet.
        of_test: the exceptions among them of the test's own handlers.
        leaks: a line for each thing that was left over.
    """

    def __init__(self, dispatcher: Dispatcher, exc: BaseException | None) -> None:
        self.failures: list[BaseException] = []
        self.of_test: list[BaseException] = []
        self.leaks: list[str] = []
        self._dispatcher = dispatcher
        self._running_app = dispatcher.running_app
        self._options = dispatcher.options
        self._exc = exc
        self._owner = dispatcher.is_owner
        self._dispatchers = list(reversed(dispatcher.everyone)) if self._owner else [dispatcher]

    async def run(self) -> None:
        """Disconnect, wait for running handlers, shut the lifespan down, and raise the remaining
        failures.

        Raises:
            Exception, LifespanFailed, Leak: as in `TestClient.__aexit__`.
        """
        running_app, limit = self._running_app, self._options.timeout
        deadline = running_app.loop.time() + limit
        try:
            for dispatcher in self._dispatchers:
                self.leaks += _unread(dispatcher) if self._options.strict else []
                dispatcher.close()
            if self._owner:
                running_app.stop_services()
                self.leaks += await finish_work(running_app, deadline, limit, self._options.grace)
            for dispatcher in self._dispatchers:
                await self._wait_closed(dispatcher, deadline)
            if self._owner:
                await self._shut_down(limit)
        finally:
            try:
                await self._release(limit)
            finally:
                self._dispatcher.is_owner = False
        strict = self._options.strict
        raise_at_exit(self._exc, self.failures, self.leaks, strict=strict, own=self.of_test)

    async def _wait_closed(self, dispatcher: Dispatcher, deadline: float) -> None:
        """Wait until all calls of the app for a client have ended."""
        self.leaks += dispatcher.leaks()
        for session in list(dispatcher.ending):
            await session.wait_closed(deadline - self._running_app.loop.time())
            self.leaks += session.still_connected() if session.tasks else []
        dispatcher.ending.clear()
        await dispatcher.close_http()

    async def _shut_down(self, timeout: float) -> None:
        try:
            await self._running_app.shutdown(timeout)
        except BaseException as exc:
            if not isinstance(exc, TestClientError) and not ends_test(exc):
                raise
            self.failures.append(exc)

    async def _release(self, limit: float) -> None:
        """Collect the exceptions that no call has raised, and cancel the remaining tasks."""
        running_app = self._running_app
        if observers:
            report_closed(self._dispatchers)
        for dispatcher in self._dispatchers:
            dispatcher.closed = True
            self.failures[:0] = dispatcher.errors.unraised
            dispatcher.errors.unraised = []
            self.of_test += dispatcher.errors.of_test
        self.failures[:0] = running_app.test_endings
        running_app.test_endings = []
        if self._owner:
            await running_app.wait_closed(running_app.release(), limit)
            running_app.release_clients(self._dispatcher)


def _unread(dispatcher: Dispatcher) -> list[str]:
    from asgi_sio_testclient._client.diagnosis import show_event  # noqa: PLC0415 (strict only)

    return [
        f"never read: event {show_event(event)} was received"
        for event in dispatcher.inbox.peek(ALL)
    ]


def report_closed(dispatchers: Iterable[Dispatcher]) -> None:
    """Report the transcripts and the unread events of these clients to observers."""
    for dispatcher in dispatchers:
        unread = [(event.namespace, event.name) for event in dispatcher.inbox.peek(ALL)]
        for observer in observers:
            observer.client_closed(dispatcher.transcript, unread)


def raise_at_exit(
    body: BaseException | None,
    failures: Sequence[BaseException],
    leaks: Sequence[str],
    *,
    strict: bool,
    own: Sequence[BaseException] = (),
) -> None:
    """Raise the failures that no call has raised, or add them as notes to the exception of the
    block.

    Args:
        body: the exception of the block, or None.
        failures: exceptions of the app and of the test's own handlers.
        leaks: a line for each thing that was left over.
        strict: whether to raise `Leak` for the leaks.
        own: the failures that the test's own handlers raised.
    """
    if body is not None:
        for failure in failures:
            notes = "; ".join(getattr(failure, "__notes__", ()))
            whose = _raised_by([failure], own)
            text = f"{whose} also raised {type(failure).__name__}: {failure}"
            body.add_note(f"{text} ({notes})" if notes else text)
        return
    endings = [failure for failure in failures if ends_test(failure)]
    if endings:
        # Not in a group: pytest does not skip a test for a group.
        for failure in failures:
            if failure is not endings[0]:
                add_note(endings[0], f"the app also raised {type(failure).__name__}: {failure}")
        raise endings[0]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        whose = _raised_by(failures, own)
        raise BaseExceptionGroup(f"{whose} raised several exceptions", list(failures))
    if leaks and strict:
        raise Leak(leaks)
    for leak in leaks:
        text = f"left over at exit: {leak}"
        warnings.warn("\n".join((text, *advice_on(text))), LeakWarning, stacklevel=4)


def _raised_by(failures: Sequence[BaseException], own: Sequence[BaseException]) -> str:
    """Return who raised, as text: the app, handlers of the test, or both."""
    mine = [any(failure is other for other in own) for failure in failures]
    if all(mine):
        return "a handler of this client" if len(mine) == 1 else "handlers of this client"
    return "the app and handlers of this client" if any(mine) else "the app"
