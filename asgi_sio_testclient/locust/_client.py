"""The client of a Locust user: a `TestClient` that reports its requests, and limits its memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter, perf_counter_ns, time
from typing import Any, ClassVar, Never, Self

from asgi_sio_testclient import ReceivedEvent, TestClient
from asgi_sio_testclient._client.inbox import Inbox, Match, Numbered
from asgi_sio_testclient._connection.app import RunningApp
from asgi_sio_testclient._protocol.names import ALL, ROOT
from asgi_sio_testclient.locust._failures import RequestFailed, is_mistake, mark_reported

__all__ = ["MeasuredClient", "Requests"]

__tracebackhide__ = True

UNREAD_EVENTS = 1000
PACKETS = 20  # packets of the transcript that are kept; an error's text shows fewer
ERRORS = 20  # errors that are kept
IN_FLIGHT = 1.0  # seconds for which a stopping user waits for its pending requests
SECOND = 1_000_000_000  # nanoseconds


class Requests:
    """Reports the requests of one user to Locust.

    Args:
        fire: fires Locust's event ``request``.
        context: returns the user's context for the event.

    Attributes:
        sent_at: when the task last sent an event, in seconds of `time.perf_counter`; None if the
            task has sent none.
    """

    def __init__(self, fire: Callable[..., None], context: Callable[[], dict[str, Any]]) -> None:
        self._fire = fire
        self._context = context
        self._in_flight = 0
        self._stopping: asyncio.Task[Any] | None = None
        self.sent_at: float | None = None

    def begin(self) -> float:
        """Begin a request, and return its start, in seconds of `time.perf_counter`. The end of the
        user waits for the request.

        Raises:
            asyncio.CancelledError: the user is stopping.
        """
        if self._stopping is not None:
            raise asyncio.CancelledError
        self._in_flight += 1
        return perf_counter()

    def end(self) -> None:
        """End a request. Call this once for each `begin`."""
        self._in_flight -= 1
        if self._stopping is not None and not self._in_flight:
            self._stopping.cancel()

    def stop(self, task: asyncio.Task[Any]) -> None:
        """Cancel the user's task as soon as no request is pending, since the server has counted a
        pending request; after `IN_FLIGHT` seconds in any case.
        """
        self._stopping = task
        if self._in_flight:
            task.get_loop().call_later(IN_FLIGHT, task.cancel)
        else:
            task.cancel()
        task.add_done_callback(self._stopped)

    def _stopped(self, _: asyncio.Task[Any]) -> None:
        self._stopping = None

    def report(self, kind: str, name: str, began: float, ended: float, response: Any) -> None:
        """Report a successful request; times are in seconds of `time.perf_counter`."""
        self._report(kind, name, began, ended, response, None)

    def report_failure(
        self, kind: str, name: str, began: float, exc: Exception, awaited: str
    ) -> None:
        """Report a request that has failed now, unless the exception is a mistake of the caller."""
        if not is_mistake(exc):
            mark_reported(exc)
            self._report(kind, name, began, perf_counter(), None, RequestFailed.of(exc, awaited))

    def _report(
        self,
        kind: str,
        name: str,
        began: float,
        ended: float,
        response: Any,
        exception: Exception | None,
    ) -> None:
        self._fire(
            request_type=kind,
            name=name,
            start_time=time() - (perf_counter() - began),
            response_time=(ended - began) * 1000,
            response_length=0,
            response=response,
            context=self._context(),
            exception=exception,
        )


class _TimedInbox(Inbox):
    """An inbox with a limit: a load test runs for hours, and never reads events for which it does
    not wait. The number of an event is its arrival, in nanoseconds of `time.perf_counter_ns`.
    """

    __slots__ = ("arrived",)

    def __init__(self) -> None:
        super().__init__()
        # The arrival of events that a wait has returned and that are not reported yet, in seconds
        # of `time.perf_counter`, by the id() of the event.
        self.arrived: dict[int, float] = {}

    def put(self, event: ReceivedEvent) -> None:
        self._number = max(self._number, perf_counter_ns())
        super().put(event)
        if self._number not in self._unread:
            self.arrived[id(event)] = self._number / SECOND
        elif len(self._unread.events) > UNREAD_EVENTS:
            dropped: Any = self._unread.oldest(None, ALL)
            self.arrived.pop(id(dropped[1]), None)

    def take(self, event: str | None, namespace: str, match: Match | None) -> Numbered | None:
        numbered = super().take(event, namespace, match)
        if numbered is not None:
            self.arrived[id(numbered[1])] = numbered[0] / SECOND
        return numbered


class MeasuredClient(TestClient):
    """A `TestClient` whose `connect`, `call`, `emit`, `send`, `await_event` and `await_events` are
    requests in Locust's statistics. The argument ``name=`` sets the name of the request.

    The last 1,000 unread events and the last 20 packets of the transcript are kept.
    """

    requests: Requests
    _inbox_class: ClassVar = _TimedInbox

    def _set_up(self, running_app: RunningApp) -> None:
        super()._set_up(running_app)
        self._dispatcher.transcript.keep(PACKETS)

    def clone(self, **overrides: Any) -> Self:
        """Return a client for another connection of the same user; see `TestClient.clone`."""
        other = super().clone(**overrides)
        other.requests = self.requests
        return other

    def joined(self) -> set[str]:
        """Return the connected namespaces."""
        return set(self._dispatcher.sids)

    def trim(self) -> None:
        """Remove unanswered acks and old errors, which would use more and more memory."""
        del self._dispatcher.errors.all[:-ERRORS]
        self._dispatcher.errors.of_test = self._dispatcher.errors.of_test[-ERRORS:]
        self._dispatcher.acks.unanswered.clear()

    def clear_acks(self) -> None:
        """Remove the pending acks: a load test may end at any time."""
        self._dispatcher.acks.clear()

    # -- requests

    async def connect(self, *namespaces: str, name: str | None = None, **options: Any) -> Self:
        """See `TestClient.connect`; a request of the type CONNECT."""
        requests = self.requests
        name = name or ",".join(map(str, namespaces)) or ROOT
        began = requests.begin()
        try:
            await super().connect(*namespaces, **options)
        except Exception as exc:
            requests.report_failure("CONNECT", name, began, exc, "answer")
            raise
        else:
            requests.report("CONNECT", name, began, perf_counter(), None)
        finally:
            requests.end()
        return self

    async def call(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        timeout: float | None = None,
        name: str | None = None,
        **unknown: Never,
    ) -> Any:
        """See `TestClient.call`; a request of the type CALL, which ends with the ack."""
        requests = self.requests
        began = requests.sent_at = requests.begin()
        try:
            answer = await super().call(
                event, *args, namespace=namespace, timeout=timeout, **unknown
            )
        except Exception as exc:
            requests.report_failure("CALL", name or _name(event, namespace), began, exc, "ack")
            raise
        else:
            requests.report("CALL", name or _name(event, namespace), began, perf_counter(), answer)
        finally:
            requests.end()
        return answer

    async def emit(
        self,
        event: str,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        **unknown: Never,
    ) -> None:
        """See `TestClient.emit`; a request of the type EMIT, which ends once the event is sent."""
        requests = self.requests
        began = requests.sent_at = requests.begin()
        try:
            await super().emit(event, *args, namespace=namespace, callback=callback, **unknown)
        except Exception as exc:
            requests.report_failure("EMIT", name or _name(event, namespace), began, exc, "ack")
            raise
        else:
            requests.report("EMIT", name or _name(event, namespace), began, perf_counter(), None)
        finally:
            requests.end()

    async def send(
        self,
        *args: Any,
        namespace: str | None = None,
        callback: Callable[..., Any] | None = None,
        name: str | None = None,
        **unknown: Never,
    ) -> None:
        """See `TestClient.send`; a request of the type EMIT."""
        await self.emit(
            "message", *args, namespace=namespace, callback=callback, name=name, **unknown
        )

    async def await_event(
        self,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
        name: str | None = None,
    ) -> ReceivedEvent:
        """See `TestClient.await_event`; a request of the type EVENT, which begins with the last
        event that the task has sent, or else with the call of this method, and ends with the
        arrival.
        """
        began = self._awaits_from()
        try:
            received = await super().await_event(
                event, namespace=namespace, match=match, timeout=timeout
            )
        except Exception as exc:
            self._not_arrived(event, namespace, name, began, exc)
            raise
        self._report_arrival(received, name, began)
        return received

    async def await_events(
        self,
        count: int,
        event: str | None = None,
        *,
        namespace: str | None = None,
        match: Match | None = None,
        timeout: float | None = None,
        name: str | None = None,
    ) -> list[ReceivedEvent]:
        """See `TestClient.await_events`; each event is a request, as in `await_event`."""
        began = self._awaits_from()
        try:
            received = await super().await_events(
                count, event, namespace=namespace, match=match, timeout=timeout
            )
        except Exception as exc:
            self._not_arrived(event, namespace, name, began, exc)
            raise
        for each in received:
            self._report_arrival(each, name, began)
        return received

    # -- reports of events

    def _awaits_from(self) -> float:
        sent_at = self.requests.sent_at
        return perf_counter() if sent_at is None else sent_at

    def _report_arrival(self, event: ReceivedEvent, name: str | None, began: float) -> None:
        inbox: Any = self._dispatcher.inbox
        arrived = max(began, inbox.arrived.pop(id(event)))
        name = name or _name(event.name, event.namespace)
        self.requests.report("EVENT", name, began, arrived, event)

    def _not_arrived(
        self,
        event: str | None,
        namespace: str | None,
        name: str | None,
        began: float,
        exc: Exception,
    ) -> None:
        name = name or _name(event or "*", namespace)
        self.requests.report_failure("EVENT", name, began, exc, "event")


def _name(event: str, namespace: str | None) -> str:
    return event if namespace in {None, ROOT} else f"{namespace} {event}"
