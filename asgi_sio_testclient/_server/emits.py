"""The latest emits of a server, with their recipients, for the error of a wait that fails although
the app emitted.

Two hooks are on the client manager's instance: on the method for all emits (of handlers,
class-based namespaces, background tasks and other nodes), and on the method with which clients
enter rooms. The hooks only store the arguments, which are read when a wait has failed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

from asgi_sio_testclient._server.instance_hooks import InstanceHooks

__all__ = ["EmitLog", "Emitted"]

__tracebackhide__ = True

_SIZE = 128  # emits that are kept, and as many entries into rooms


class Emitted(NamedTuple):
    """One emit of a server.

    Attributes:
        event: the event's name.
        namespace: the namespace of the event.
        rooms: the rooms that got the event; None for all clients in the namespace.
        skipped: the session ids of ``skip_sid``.
        time: when it was emitted, in seconds of `time.perf_counter`.
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
        hooks: the hooks of the server's instrumentation, which restores them.
    """

    def __init__(self, manager: Any, hooks: InstanceHooks) -> None:
        self._ring: deque[Any] = deque(maxlen=_SIZE)
        self._entries: deque[tuple[str, str, Any, float]] = deque(maxlen=_SIZE)
        # A pub/sub manager calls _handle_emit for its own emits and for those of other nodes.
        if hasattr(manager, "_handle_emit"):
            hooks.put(manager, "_handle_emit", self._handle_emit(manager._handle_emit))
        else:
            hooks.put(manager, "emit", self._emit(manager.emit))
        hooks.put(manager, "enter_room", self._enter_room(manager))

    def __iter__(self) -> Iterator[Emitted]:
        """Iterate over the emits, latest first."""
        for entry in reversed(list(self._ring)):
            yield _read(*entry)

    def entered(self, sid: str, namespace: str, room: Any) -> float:
        """Return when a client last entered a room, by ``perf_counter()``; 0 if that is not
        known.
        """
        sought = sid, namespace, room
        times = (when for *entry, when in reversed(list(self._entries)) if (*entry,) == sought)
        return next(times, 0.0)

    # The hooks are plain functions: they return the coroutine of an asyncio manager, and the result
    # of a threaded one.

    def _emit(self, original: Any) -> Any:
        """Return the hook on the manager's ``emit``."""
        note = self._ring.append

        # In the hot path. The keywords are those of python-socketio's servers.
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
        """Return the hook on ``_handle_emit`` of a pub/sub manager."""
        note = self._ring.append

        def handle_emit(message: Any) -> Any:
            # Not the message itself, which has the payload.
            to, skipped = message.get("room"), message.get("skip_sid")
            note((message.get("event"), message.get("namespace"), to, skipped, {}, perf_counter()))
            return original(message)

        return handle_emit

    def _enter_room(self, manager: Any) -> Any:
        """Return the hook on the manager's ``enter_room``."""
        note, original = self._entries.append, manager.enter_room

        def enter_room(sid: Any, namespace: Any, room: Any, *args: Any, **more: Any) -> Any:
            if sid not in manager.rooms.get(namespace, {}).get(room, ()):
                note((sid, namespace, room, perf_counter()))
            return original(sid, namespace, room, *args, **more)

        return enter_room


def _read(
    event: Any, namespace: Any, room: Any, skipped: Any, more: dict[str, Any], time: float
) -> Emitted:
    """Return an emit from the stored arguments of the call."""
    room = more.get("to") or room
    return Emitted(
        str(event),
        namespace or "/",
        None if room is None else _several(room),
        # AsyncManager.emit takes several rooms as a list only.
        () if skipped is None else tuple(skipped) if isinstance(skipped, list) else (skipped,),
        time,
    )


def _several(value: Any) -> tuple[Any, ...]:
    """Return rooms or session ids as a list, from a single one or a list."""
    return tuple(value) if isinstance(value, list | tuple) else (value,)
