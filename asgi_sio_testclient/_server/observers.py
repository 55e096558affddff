"""Reports a server's dispatch to tools: which handlers ran, and with what result.

Without a tool, `observers` is empty and nothing is installed. With an observer, three attributes of
the server's instances are wrapped, and restored by `ServerObservation.restore`: ``_trigger_event``,
from which python-socketio calls every handler; ``_handle_event_internal``, which has the ack id;
``emit`` of the client manager. References are to python-socketio 5.18.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from types import CodeType, TracebackType
from typing import Any, Protocol

import socketio

from asgi_sio_testclient._protocol.names import ALL
from asgi_sio_testclient._server.active_observers import observers
from asgi_sio_testclient._server.handler_bodies import Dispatch, bodies, current_dispatch
from asgi_sio_testclient._server.instance_hooks import InstanceHooks
from asgi_sio_testclient._server.registered_handlers import (
    RegisteredHandler,
    handler_for,
    registered_handlers,
)

__all__ = [
    "HandlerResult",
    "ServerObservation",
    "ServerObserver",
    "add_observer",
    "observers",
    "remove_observer",
]

__tracebackhide__ = True


@dataclass
class HandlerResult:
    """The end of one dispatch to a handler.

    Attributes:
        handler: the handler.
        ran: whether the body of the handler began. The body does not begin if the arguments do not
            fit, or if a decorator returns before.
        raised: the exception of the handler, other than a refusal; or None.
        refused: whether a connect handler refused the client.
        acked: whether the server sent the result as an ack.
        unsent: the exception that was raised when the server sent the ack, because the result can't
            be encoded; or None.
    """

    handler: RegisteredHandler
    ran: bool = False
    raised: BaseException | None = None
    refused: bool = False
    acked: bool = False
    unsent: BaseException | None = None


class ServerObserver(Protocol):
    """The interface of a tool that observes servers. Threaded servers call these methods from
    their threads.
    """

    def handlers_found(
        self, namespaces: Iterable[str], handlers: Iterable[RegisteredHandler]
    ) -> None:
        """Called with the namespaces and handlers of a server: at the first connection, and at
        the end.
        """

    def handler_ended(self, result: HandlerResult) -> None:
        """Called when a handler returned or raised."""

    def called_directly(self, code: CodeType) -> None:
        """Called when the body of a handler began without a dispatch: the app called the
        function.
        """

    def event_unhandled(self, namespace: str, event: str) -> None:
        """Called when a client sent an event that no handler takes."""

    def event_emitted(self, namespace: str, event: str) -> None:
        """Called when the app emitted an event."""

    def client_closed(self, transcript: Iterable[Any], unread: Iterable[tuple[str, str]]) -> None:
        """Called when a client was closed, with its transcript and the namespaces and names of
        its unread events.
        """


def add_observer(observer: ServerObserver) -> None:
    """Report events of servers to `observer`, if they are instrumented from now on."""
    observers.append(observer)


def remove_observer(observer: ServerObserver) -> None:
    """Remove an observer."""
    observers.remove(observer)
    if not observers:
        bodies.release()


@dataclass
class _EventCall:
    """One call of ``_handle_event_internal``.

    Attributes:
        result: the result of the dispatch, once the dispatch has ended.
    """

    result: HandlerResult | None = None


_event_call: ContextVar[_EventCall | None] = ContextVar("_event_call", default=None)


class ServerObservation:
    """The wrappers of one server.

    Args:
        sio: the `socketio.AsyncServer` or `socketio.Server`.
    """

    def __init__(self, sio: Any) -> None:
        self._sio = sio
        self._hooks = InstanceHooks()
        threaded = isinstance(sio, socketio.Server)
        trigger = self._trigger_in_thread if threaded else self._trigger
        internal = self._internal_in_thread if threaded else self._internal
        self._wrap(sio, "_trigger_event", trigger)
        self._wrap(sio, "_handle_event_internal", internal)
        self._wrap(sio.manager, "emit", self._emit)
        self.report_handlers()

    def _wrap(self, owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        # start_background_task() of the instrumentation recognises the handler's task by the
        # function's name.
        replacement = functools.wraps(original)(functools.partial(wrapper, original))
        self._hooks.put(owner, name, replacement)

    def restore(self) -> None:
        """Remove the wrappers, except those that other code has wrapped since."""
        self.report_handlers()
        self._hooks.restore()

    def report_handlers(self) -> None:
        """Report the handlers that are registered now."""
        handlers = list(registered_handlers(self._sio))
        for handler in handlers:
            bodies.observe(handler.code)
        named = () if self._sio.namespaces == ALL else self._sio.namespaces or ()
        for observer in observers:
            observer.handlers_found(
                {*named, *self._sio.handlers, *self._sio.namespace_handlers}, handlers
            )

    # -- dispatch

    async def _trigger(self, original: Any, event: str, namespace: str, *args: Any) -> Any:
        """The wrapper of ``_trigger_event``."""
        handler, dispatch = self._begin(event, namespace)
        token = current_dispatch.set(dispatch)
        try:
            value = await original(event, namespace, *args)
        except BaseException as exc:
            self._raised(handler, dispatch, exc)
            raise
        finally:
            current_dispatch.reset(token)
        self._returned(handler, dispatch, value)
        return value

    def _trigger_in_thread(self, original: Any, event: str, namespace: str, *args: Any) -> Any:
        """The wrapper of ``_trigger_event`` of a server in threads."""
        handler, dispatch = self._begin(event, namespace)
        token = current_dispatch.set(dispatch)
        try:
            value = original(event, namespace, *args)
        except BaseException as exc:
            self._raised(handler, dispatch, exc)
            raise
        finally:
            current_dispatch.reset(token)
        self._returned(handler, dispatch, value)
        return value

    def _begin(self, event: str, namespace: str) -> tuple[RegisteredHandler | None, Dispatch]:
        handler = handler_for(self._sio, event, namespace)
        if handler is None:
            for observer in observers:
                if event not in self._sio.reserved_events:
                    observer.event_unhandled(namespace, event)
            return None, Dispatch(None)
        bodies.observe(handler.code)
        return handler, Dispatch(handler.code)

    def _returned(
        self, handler: RegisteredHandler | None, dispatch: Dispatch, value: object
    ) -> None:
        """Report a dispatch that returned."""
        if handler is None:
            return
        never_awaited = (
            inspect.iscoroutine(value) and inspect.getcoroutinestate(value) == inspect.CORO_CREATED
        )
        ran = dispatch.began if bodies.is_observed(dispatch.code) else not never_awaited
        refused = handler.event == "connect" and value is False
        self._ended(HandlerResult(handler, ran, refused=refused))

    def _raised(
        self, handler: RegisteredHandler | None, dispatch: Dispatch, exc: BaseException
    ) -> None:
        """Report a dispatch that raised."""
        if handler is None:
            return
        ran = (
            dispatch.began
            if bodies.is_observed(dispatch.code)
            else _went_through(exc, dispatch.code)
        )
        refused = handler.event == "connect" and isinstance(exc, _REFUSALS)
        if ran or not _is_second_try(handler.event, exc):
            raised = None if refused else exc
            self._ended(HandlerResult(handler, ran, raised, refused))

    def _ended(self, result: HandlerResult) -> None:
        call = _event_call.get()
        if call is not None and call.result is None:
            call.result = result  # reported after the server has sent the ack, or failed to
        else:
            _report_ended(result)

    # -- acks

    async def _internal(self, original: Any, *args: Any) -> None:
        """The wrapper of ``_handle_event_internal``."""
        call = _EventCall()
        token = _event_call.set(call)
        try:
            await original(*args)
            self._acked(call, args[-1])
        except BaseException as exc:
            self._not_acked(call, exc)
            raise
        finally:
            _event_call.reset(token)
            _report_ended(call.result)

    def _internal_in_thread(self, original: Any, *args: Any) -> None:
        """The wrapper of ``_handle_event_internal`` of a server in threads."""
        call = _EventCall()
        token = _event_call.set(call)
        try:
            original(*args)
            self._acked(call, args[-1])
        except BaseException as exc:
            self._not_acked(call, exc)
            raise
        finally:
            _event_call.reset(token)
            _report_ended(call.result)

    @staticmethod
    def _acked(call: _EventCall, id: int | None) -> None:
        if call.result is not None:
            call.result.acked = id is not None

    @staticmethod
    def _not_acked(call: _EventCall, exc: BaseException) -> None:
        if call.result is not None and call.result.raised is None:
            call.result.unsent = exc

    # -- emitted events

    @staticmethod
    def _emit(original: Any, event: str, data: Any, namespace: str, *args: Any, **kw: Any) -> Any:
        for observer in observers:
            observer.event_emitted(namespace or "/", event)
        return original(event, data, namespace, *args, **kw)


_REFUSALS = (socketio.exceptions.ConnectionRefusedError, ConnectionRefusedError)


def _report_ended(result: HandlerResult | None) -> None:
    if result is not None:
        for observer in observers:
            observer.handler_ended(result)


def _went_through(exc: BaseException, code: CodeType | None) -> bool:
    """Return whether the traceback of an exception, or of one of its causes, has a frame of that
    code.
    """
    seen: set[int] = set()
    current: BaseException | None = exc
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if code is None or any(frame is code for frame in _codes(current.__traceback__)):
            return True
        current = current.__context__
    return False


def _codes(traceback: TracebackType | None) -> Iterator[CodeType]:
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _is_second_try(event: str, exc: BaseException) -> bool:
    """Return whether the server calls the handler with fewer arguments next:
    ``_handle_connect``.
    """
    return event == "connect" and isinstance(exc, TypeError)
