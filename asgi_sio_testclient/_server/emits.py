"""What a server emitted lately, and to whom: for a wait that fails although the app emitted.

One hook on the client manager's instance, where the emits of handlers, class-based namespaces,
background tasks and other nodes all come through. The hook stores the arguments and nothing else:
they are read where a wait has failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

__all__ = ["EmitLog", "Emitted"]

__tracebackhide__ = True

_SIZE = 128  # emits


class Emitted(NamedTuple):
    """One emit of a server.

    Attributes:
        event: the event's name.
        namespace: the namespace it went to.
        rooms: the rooms it went to; None for everybody in the namespace.
        skipped: the session ids that were left out.
        time: in seconds of `time.perf_counter`.
    """

    event: str
    namespace: str
    rooms: tuple[Any, ...] | None
    skipped: tuple[Any, ...]
    time: float


class EmitLog:
    """The latest emits of one server.

    Args:
        manager: the server's client manager.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._ring: deque[Any] = deque(maxlen=_SIZE)
        # A pub/sub manager's own emits and those of other nodes meet in _handle_emit.
        if hasattr(manager, "_handle_emit"):
            self._name, self._hook = "_handle_emit", self._handle_emit(manager._handle_emit)
        else:
            self._name, self._hook = "emit", self._emit(manager.emit)
        self._before = manager.__dict__.get(self._name)
        manager.__dict__[self._name] = self._hook

    def restore(self) -> None:
        """Leave the manager as it was found; what somebody else has put over the hook stays."""
        found = self._manager.__dict__
        if found.get(self._name) is not self._hook:
            return
        if self._before is None:
            del found[self._name]
        else:
            found[self._name] = self._before

    def __iter__(self) -> Iterator[Emitted]:
        """The emits, latest first."""
        for entry in reversed(list(self._ring)):
            yield _read(*entry)

    # The hooks are plain functions: they return the coroutine of an asyncio manager, and the result
    # of a threaded one.

    def _emit(self, original: Any) -> Any:
        note = self._ring.append

        # In the hot path. The keywords are those that the servers give.
        def emit(
            event: Any,
            data: Any,
            namespace: Any,
            room: Any = None,
            skip_sid: Any = None,
            **more: Any,
        ) -> Any:
            note((event, namespace, room, skip_sid, more, perf_counter()))
            return original(event, data, namespace, room=room, skip_sid=skip_sid, **more)

        return emit

    def _handle_emit(self, original: Any) -> Any:
        note = self._ring.append

        def handle_emit(message: Any) -> Any:
            # Not the message itself, which holds the payload.
            to, skipped = message.get("room"), message.get("skip_sid")
            note((message.get("event"), message.get("namespace"), to, skipped, {}, perf_counter()))
            return original(message)

        return handle_emit


def _read(
    event: Any, namespace: Any, room: Any, skipped: Any, more: dict[str, Any], time: float
) -> Emitted:
    room = more.get("to") or room
    return Emitted(
        str(event),
        namespace or "/",
        None if room is None else _several(room),
        # AsyncManager.emit takes a list for several, and nothing else.
        () if skipped is None else tuple(skipped) if isinstance(skipped, list) else (skipped,),
        time,
    )


def _several(value: Any) -> tuple[Any, ...]:
    """Rooms and session ids are given one by one, or in a list."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)
