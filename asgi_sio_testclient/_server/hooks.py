"""The hooks on a server that track its handlers and tasks, and their removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._server.instance_hooks import InstanceHooks

if TYPE_CHECKING:
    from asgi_sio_testclient._server.observers import ServerObservation

__all__ = ["HANDLER_TASK", "ServerHooks"]

__tracebackhide__ = True

HANDLER_TASK = "_handle_event_internal"  # AsyncServer._handle_event starts a task for each event


class ServerHooks:
    """The hooks on an Engine.IO server that track handlers and tasks.

    Hooks of several event loops are stacked: each hook forwards calls from another loop than its
    own to the function that it has replaced.

    Args:
        eio: the server.
        loop: the event loop of the instrumentation.

    Attributes:
        start: the server's own ``start_background_task``.
        instance: all hooks of the instrumentation, with those of its other parts.
    """

    __slots__ = ("_eio", "_loop", "_observation", "_originals", "instance", "start")

    def __init__(self, eio: Any, loop: asyncio.AbstractEventLoop) -> None:
        self.start: Any = eio.start_background_task
        self.instance = InstanceHooks()
        self._eio = eio
        self._loop = loop
        self._originals: dict[str, Any] = {}
        self._observation: ServerObservation | None = None

    def install(
        self,
        start: Callable[..., Any],
        entries: Mapping[str, Callable[[Any], Any]],
        below: ServerHooks | None,
    ) -> None:
        """Put the hooks in place.

        Args:
            start: the replacement of ``start_background_task``.
            entries: by the name of an entry of ``eio.handlers``, a function that returns the hook
                for the original.
            below: the hooks of another event loop that are installed already.
        """
        eio, instance = self._eio, self.instance
        handlers = eio.handlers
        self.start = found_start = eio.start_background_task
        if below is not None:
            self.start = below.start
            start = self._start_in_loop(start, found_start)
        instance.put(eio, "start_background_task", start)
        for event, make in entries.items():
            found = handlers.get(event)
            if found is None:
                continue
            if below is None:
                original, hook = found, make(found)
            else:
                original = below._originals[event]
                hook = self._in_loop(make(original), found)
            self._originals[event] = original
            instance.put_in(handlers, event, hook)

    def observe(self, sio: Any) -> None:
        """Report the dispatch of a Socket.IO server to the observers; None for no Socket.IO server.

        Call it after all other hooks are in place: `restore` removes the wrappers of the
        observation first.
        """
        if sio is not None:
            from asgi_sio_testclient._server.observers import (  # noqa: PLC0415 (observed only)
                ServerObservation,
            )

            self._observation = ServerObservation(sio)

    def restore(self) -> None:
        """Remove all hooks; a hook that other code has replaced since then stays."""
        if self._observation is not None:
            self._observation.restore()
            self._observation = None
        self.instance.restore()

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
