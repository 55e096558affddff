"""The exceptions of the app and of the test's handlers that one client caused; decides which wait
raises each of them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from asgi_sio_testclient._client.acks import Acks
from asgi_sio_testclient._client.inbox import Inbox
from asgi_sio_testclient._client.pending_connect import PendingConnect
from asgi_sio_testclient._test_endings import ends_test
from asgi_sio_testclient._waiting.deadlines import fail

if TYPE_CHECKING:
    from asgi_sio_testclient._client.dispatch import Dispatcher
    from asgi_sio_testclient._connection.app import RunningApp
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["AppErrors"]

__tracebackhide__ = True


class AppErrors:
    """The errors of one client.

    Args:
        running_app: the running app.
        connects: the unanswered CONNECTs of the client, by namespace.
        inbox: has the waits for events.
        acks: has the waits for acks.

    Attributes:
        all: all exceptions so far.
        of_test: those of them that the test's own handlers and callbacks raised.
        unraised: those of them that no call has raised yet.
        settling: the futures of the calls that wait for idleness.
    """

    __slots__ = (
        "_acks", "_connects", "_inbox", "_running_app", "all", "of_test", "settling", "unraised",
    )  # fmt: skip

    def __init__(
        self, running_app: RunningApp, connects: dict[str, PendingConnect], inbox: Inbox, acks: Acks
    ) -> None:
        self._running_app = running_app
        self._connects = connects
        self._inbox = inbox
        self._acks = acks
        self.all: list[BaseException] = []
        # A tuple, since most clients never settle: an empty tuple takes no memory.
        self.of_test: tuple[BaseException, ...] = ()
        self.unraised: list[BaseException] = []
        self.settling: list[asyncio.Future[None]] = []

    def deliver(self, exc: BaseException, run: HandlerRun | None = None) -> None:
        """Raise `exc` in the call that waits for it, else in the next call that waits, else at
        exit.

        Args:
            exc: the exception.
            run: the run of the app's handler that raised `exc`; None if it is unknown.
        """
        if run is not None and self._acks.fail_run(run, exc):
            return
        namespace = run.namespace if run is not None and run.event == "connect" else None
        if self._raise_in_connect(exc, namespace) or self._inbox.raise_in_first(exc):
            return
        # An exception of no handler, such as that of a failed ack, may be the reason why a call
        # waits.
        if run is None and (self._acks.fail_oldest(exc) or self._raise_in_settle(exc)):
            return
        if not ends_test(exc):
            self.unraised.append(exc)
            return
        # The next call of any client ends the test.
        clients = cast("list[Dispatcher]", self._running_app.clients)
        everyone = [self, *(client.errors for client in clients)]
        if not any(errors._raise_in_any(exc) for errors in everyone):
            self._running_app.test_endings.append(exc)

    def _raise_in_any(self, exc: BaseException) -> bool:
        """Raise `exc` in any call that waits now; return whether there is one."""
        return (
            self._raise_in_connect(exc)
            or self._raise_in_settle(exc)
            or self._inbox.raise_in_first(exc)
            or self._acks.fail_oldest(exc)
        )

    def _raise_in_connect(self, exc: BaseException, namespace: str | None = None) -> bool:
        """Raise `exc` in the call that connects to `namespace` (None: to any); return whether
        there is one.
        """
        connects = self._connects
        if not connects:
            return False
        return any(
            fail(pending.answer, exc)
            for name, pending in connects.items()
            if namespace in {None, name} and not pending.is_answered
        )

    def _raise_in_settle(self, exc: BaseException) -> bool:
        return any(fail(future, exc) for future in self.settling)

    def raise_unraised(self) -> None:
        """Raise an exception that no call has raised yet, if there is one.

        Raises:
            BaseException: an exception that ends the test, of any client of the running app.
            Exception: the oldest of the other exceptions.
        """
        if self._running_app.test_endings:
            raise self._running_app.test_endings.pop(0)
        if self.unraised:
            raise self.unraised.pop(0)

    def raise_unretrieved(self) -> None:
        """After a failed wait, raise an unretrieved exception of a task that a handler began.

        Raises:
            Exception: the oldest such exception.
        """
        self._running_app.services.work.report_failures()
        if self.unraised:
            self.raise_unraised()
