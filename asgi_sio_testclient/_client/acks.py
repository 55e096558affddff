"""The acks of a client in both directions: acks for which the client waits, and acks for which the
server waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._events import ReceivedEvent
from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._waiting.deadlines import fail

if TYPE_CHECKING:
    from asgi_sio_testclient._server.runs import HandlerRun

__all__ = ["Ack", "Acks"]

__tracebackhide__ = True

Key = tuple[str, int | None]  # namespace and id


class Ack:
    """An ack that an event of this client requests: `call` has a future for it, `emit` a callback.

    Attributes:
        key: namespace and id of the event.
        event: name of the event.
        future: gets the ack's values; None if `callback` is called with these.
        callback: as given to `TestClient.emit`.
    """

    __slots__ = ("callback", "event", "future", "key")

    def __init__(
        self, key: Key, event: str, future: asyncio.Future[Any] | None, callback: Any
    ) -> None:
        self.key = key
        self.event = event
        self.future = future
        self.callback = callback

    @property
    def waits(self) -> bool:
        """Whether a `call` still waits for the ack."""
        return self.future is not None and not self.future.done()


class Acks:
    """The acks of one client.

    Attributes:
        pending: events of the client without an ack so far.
        late: the pending acks whose handler has ended: such an ack arrives now, or never.
        unanswered: events of the server that request an ack, and for which no handler of the test
            has sent one.
    """

    def __init__(self) -> None:
        self.pending: dict[Key, Ack] = {}
        self.late: dict[Key, HandlerRun] = {}
        self.unanswered: dict[Key, ReceivedEvent] = {}

    def clear(self) -> None:
        """Remove all acks."""
        self.pending.clear()
        self.late.clear()
        self.unanswered.clear()

    def take(self, namespace: str, id: int | None) -> Ack | None:
        """Remove and return the pending ack, or None."""
        if self.late:
            self.late.pop((namespace, id), None)
        return self.pending.pop((namespace, id), None)

    def handler_ended(self, run: HandlerRun) -> bool:
        """Note that the handler of `run` has ended; return whether its event has no ack yet."""
        key = run.namespace, run.id
        if key not in self.pending:
            return False
        self.late[key] = run
        return True

    def fail_late(self, make: Callable[[Ack, HandlerRun], BaseException]) -> None:
        """Fail the calls whose acks are late: all output of the server has arrived."""
        late, self.late = self.late, {}
        for key, run in late.items():
            ack = self.pending.get(key)
            if ack is not None and ack.waits:
                del self.pending[key]
                fail(ack.future, make(ack, run))

    def fail_namespace(self, namespace: str, make: Callable[[], BaseException]) -> None:
        """Fail the calls in `namespace` (`ALL`: in every namespace), whose connection has ended."""
        for key, ack in list(self.pending.items()):
            if namespace in {ALL, key[0]} and ack.future is not None:
                self.take(*key)
                fail(ack.future, make())

    def fail_run(self, run: HandlerRun, exc: BaseException) -> bool:
        """Fail the call whose handler raised; return whether there is such a call."""
        ack = self.pending.get((run.namespace, run.id)) if run.id is not None else None
        return ack is not None and fail(ack.future, exc)

    def fail_oldest(self, exc: BaseException) -> bool:
        """Fail the call that has waited longest; return whether there is one."""
        return any(fail(ack.future, exc) for ack in self.pending.values() if ack.waits)
