"""Hooks on a server's instances, and their removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["HANDLER_TASK", "InstanceHooks", "ServerHooks"]

__tracebackhide__ = True

HANDLER_TASK = "_handle_event_internal"  # AsyncServer._handle_event starts it, a task per event

_ABSENT = object()


class InstanceHooks:
    """Attributes of instances that are replaced, and put back by `restore`."""

    def __init__(self) -> None:
        self._hooks: list[tuple[Any, str, Any, Any]] = []

    def put(self, owner: Any, name: str, hook: Any) -> None:
        """Replace an attribute."""
        self._hooks.append((owner, name, hook, owner.__dict__.get(name, _ABSENT)))
        setattr(owner, name, hook)

    def restore(self) -> None:
        """Put back what was there before; a hook that somebody else has replaced since stays."""
        for owner, name, hook, before in reversed(self._hooks):
            if owner.__dict__.get(name) != hook:
                continue
            if before is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._hooks = []


class ServerHooks:
    """The hooks on an Engine.IO server through which handlers and tasks are followed.

    Those of several event loops lie on top of each other: each hook forwards the calls that are
    made in another loop than its own to what it has replaced.

    Args:
        eio: the server.
        loop: the event loop of the instrumentation.

    Attributes:
        start: the server's own ``start_background_task``.
    """

    def __init__(self, eio: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.start: Any = eio.start_background_task
        self._eio = eio
        self._loop = loop
        self._originals: dict[str, Any] = {}
        self._instance = InstanceHooks()
        self._entries: dict[str, tuple[Any, Any]] = {}  # what was found, and what was put there

    def install(
        self,
        start: Callable[..., Any],
        entries: Mapping[str, Callable[[Any], Any]],
        below: ServerHooks | None,
    ) -> None:
        """Put the hooks in place.

        Args:
            start: takes the place of ``start_background_task``.
            entries: by the name of an entry of ``eio.handlers``, a function that returns the hook
                for the original.
            below: the hooks of another event loop that are in place already.
        """
        found_start = self._eio.start_background_task
        self.start = found_start if below is None else below.start
        hook = start if below is None else self._start_in_loop(start, found_start)
        self._instance.put(self._eio, "start_background_task", hook)
        for event, make in entries.items():
            found = self._eio.handlers.get(event)
            if found is None:
                continue
            original = found if below is None else below._originals[event]
            hook = make(original) if below is None else self._in_loop(make(original), found)
            self._originals[event] = original
            self._entries[event] = found, hook
            self._eio.handlers[event] = hook

    def restore(self) -> None:
        """Remove the hooks; a hook that somebody else has replaced since stays."""
        self._instance.restore()
        for event, (found, hook) in self._entries.items():
            if self._eio.handlers.get(event) is hook:
                self._eio.handlers[event] = found

    def _start_in_loop(self, start: Callable[..., Any], found: Any) -> Callable[..., Any]:
        def dispatched(target: Any, *args: Any, **kwargs: Any) -> Any:
            mine = asyncio.get_running_loop() is self._loop
            return (start if mine else found)(target, *args, **kwargs)

        return dispatched

    def _in_loop(self, hook: Any, found: Any) -> Any:
        loop = self._loop

        async def dispatched(eio_sid: str, *args: Any) -> None:
            await (hook if asyncio.get_running_loop() is loop else found)(eio_sid, *args)

        return dispatched
