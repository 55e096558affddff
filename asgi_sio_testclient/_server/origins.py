"""Finds the handler that raised an exception, and reports the exception to the connection."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import PurePath
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import socketio

from asgi_sio_testclient._error_texts import add_note

if TYPE_CHECKING:
    from asgi_sio_testclient._server.runs import HandlerRun, InstrumentedConnection

__all__ = [
    "RESERVED",
    "frames",
    "note",
    "packet_event",
    "qualified_name",
    "report",
    "reserved_namespace",
    "source_of",
]

__tracebackhide__ = True

RESERVED = {"0": "connect", "1": "disconnect"}
"""The events of packets by the beginning of their text, without decoding the payload."""


def frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _handler_context(traceback: TracebackType | None) -> tuple[str, str, str, Any] | None:
    """Return event, namespace, sid and handler of the innermost AsyncServer._trigger_event() in
    the traceback of an exception.
    """
    found = None
    for frame in frames(traceback):
        if frame.f_code.co_name == "_trigger_event" and "handler" in frame.f_locals:
            values = frame.f_locals
            # The arguments of a catch-all handler begin with the event, the namespace or both.
            skipped = {values["event"], values["namespace"]}
            sids = (arg for arg in values["args"] if isinstance(arg, str) and arg not in skipped)
            sid = next(sids, "")
            found = values["event"], values["namespace"], sid, values["handler"]
    return found


def _own_error(exc: BaseException, handler: str) -> BaseException:
    """Return the exception that a connect or disconnect handler raised itself.

    python-socketio calls such a handler with one argument more, and after any TypeError without
    that argument. So the last exception may be the failure of one of the two calls, or have that
    failure as its context.
    """
    context = exc.__context__
    if (
        context is not None
        and _is_failed_call(exc, handler)
        and not _is_failed_call(context, handler)
    ):
        exc = context
    if exc.__context__ is not None and _is_failed_call(exc.__context__, handler):
        exc.__context__ = None
    return exc


def _is_failed_call(exc: BaseException, handler: str) -> bool:
    """Return whether the call of the handler failed, so that none of its lines ran."""
    if not isinstance(exc, TypeError):
        return False
    names = [frame.f_code.co_name for frame in frames(exc.__traceback__)]
    # Compared by name: the wrapper of a decorator passes its arguments on.
    return names[-1:] in _CALLERS or str(exc).startswith(f"{handler}() ")


def _place_of_unentered(exc: BaseException, name: str, handler: Any, event: str) -> str:
    """Return file and line of a handler that could not be called, which no frame of the traceback
    has.

    Args:
        exc: the exception of the call.
        name: the handler's qualified name.
        handler: the handler.
        event: the event's name.
    """
    source = source_of(handler, event) if _is_failed_call(exc, name) else ""
    return f", defined at {source}" if source else ""


_CALLERS = (["_trigger_event"], ["trigger_event"])


def _callback_context(traceback: TracebackType | None) -> tuple[str, str, Any] | None:
    """Return namespace, sid and callback of the ack from which an exception came:
    AsyncServer._handle_ack.
    """
    namespace = sid = ""
    for frame in frames(traceback):
        values = frame.f_locals
        if frame.f_code.co_name == "_handle_ack":
            namespace, sid = values["namespace"], values["sid"]
        elif frame.f_code.co_name == "trigger_callback":
            return namespace, sid, values["callback"]
    return None


def qualified_name(handler: Any, event: str) -> str:
    target = _function(handler, event)
    name = getattr(target, "__qualname__", None)
    return str(name or type(target).__qualname__)


def _function(handler: Any, event: str) -> Any:
    method = getattr(handler, f"on_{event}", None) if not callable(handler) else None
    target = method or handler
    return getattr(target, "func", target)


def source_of(handler: Any, event: str) -> str:
    code = getattr(inspect.unwrap(_function(handler, event)), "__code__", None)
    return "" if code is None else f"{PurePath(code.co_filename).name}:{code.co_firstlineno}"


def reserved_namespace(data: str) -> str:
    """Return the namespace of a CONNECT or DISCONNECT in text."""
    return data[1:].partition(",")[0].partition("?")[0] if data[1:2] == "/" else "/"


def packet_event(packet: Any, *, inline: bool) -> str | None:
    """Return the event whose handler the server runs within its own call for that packet."""
    kind = packet.packet_type
    if kind == socketio.packet.CONNECT:
        return "connect"
    if kind == socketio.packet.DISCONNECT:
        return "disconnect"
    if inline and kind in {socketio.packet.EVENT, socketio.packet.BINARY_EVENT}:
        data = packet.data
        return str(data[0]) if isinstance(data, list) and data else None
    return None


def note(exc: BaseException | None, name: str, where: str) -> None:
    """Add a note with the origin to an exception, once."""
    text = f"raised by {name}" + (f" ({where})" if where else "")
    if exc is not None and text not in getattr(exc, "__notes__", ()):
        add_note(exc, text)


def report(
    owner: InstrumentedConnection | None,
    exc: BaseException,
    run: HandlerRun | None,
    data: Any = None,
) -> None:
    """Report an exception of the app to the connection whose packet caused it, with a note that
    names the handler.

    Args:
        owner: the connection; None without a connection, and then nothing is reported.
        exc: the exception of the app.
        run: the run of the handler; None if the handler is unknown.
        data: the message that the server was processing.
    """
    if owner is None:
        return
    context = _handler_context(exc.__traceback__)
    if context is not None:
        event, namespace, sid, handler = context
        name = qualified_name(handler, event)
        if event in {"connect", "disconnect"}:
            exc = _own_error(exc, name)
        sid = run.sid if run is not None and run.sid else sid
        where = f"event {event!r}, namespace {namespace!r}, sid {sid!r}"
        note(exc, name, where + _place_of_unentered(exc, name, handler, event))
    elif run is None and (callback := _callback_context(exc.__traceback__)) is not None:
        namespace, sid, handler = callback
        where = f"the callback of an ack, namespace {namespace!r}, sid {sid!r}"
        note(exc, qualified_name(handler, ""), where)
    elif run is not None:
        where = f"event {run.event!r}, namespace {run.namespace!r}, sid {run.sid!r}"
        note(exc, run.name or "the server", where)
    else:
        # Not the packet itself: a CONNECT packet has the auth payload.
        what = f"a packet of {len(data)} {'characters' if isinstance(data, str) else 'bytes'}"
        note(exc, "the server", f"while it read {what}; do both sides use the same serializer?")
    owner.app_raised(exc, run)
