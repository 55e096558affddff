"""The asyncio tasks that a server and its app begin with ``start_background_task``."""

from __future__ import annotations

import asyncio
from typing import Any

from asgi_sio_testclient._server.ended_tasks import note_ended
from asgi_sio_testclient._server.runs import InstrumentedConnection

__all__ = ["ServerTasks", "release_service"]

__tracebackhide__ = True


class ServerTasks:
    """The tasks of one server, in one event loop.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.

    Attributes:
        background: the app's tasks, with the connection whose handler began them.
        pings: the task that pings a connection, by its Engine.IO sid.
        service: the server's service task, if it began in this loop.
    """

    def __init__(self, eio: Any, sio: Any) -> None:
        self.background: dict[asyncio.Task[Any], InstrumentedConnection | None] = {}
        self.pings: dict[str, asyncio.Task[Any]] = {}
        self.service: asyncio.Task[Any] | None = None
        self._eio = eio
        self._sio = sio

    def track_started(self) -> None:
        """Track the tasks that the server began before the instrumentation."""
        for task in asyncio.all_tasks():
            coroutine: Any = task.get_coro()
            frame = getattr(coroutine, "cr_frame", None)
            owner: Any = None if frame is None else frame.f_locals.get("self")
            if coroutine.__name__ == "_send_ping" and getattr(owner, "server", None) is self._eio:
                self.pings.setdefault(owner.sid, task)
            elif coroutine.__name__ == "_service_task" and owner is self._eio:
                # With other open connections, the task may belong to another client.
                self.service = self.service or (task if len(self._eio.sockets) == 1 else None)

    def stop_ping(self, eio_sid: str) -> list[asyncio.Task[Any]]:
        """Cancel the task that pings a connection; return the task, to be waited for."""
        ping = self.pings.pop(eio_sid, None)
        if ping is None or ping.done():
            return []
        ping.cancel()
        return [ping]

    def stop(self) -> list[asyncio.Task[Any]]:
        """Cancel all tasks except the service task; return the tasks, to be waited for."""
        if self.background:
            note_ended(self._eio, self.background)
        tasks = [*self.background, *self.pings.values()]
        for task in tasks:
            task.cancel()
        return tasks

    def stop_service(self) -> list[asyncio.Task[Any]]:
        """End the service task; return the task, to be waited for."""
        service = self.service
        if service is None:
            return []
        if self._eio.service_task_event is None:
            service.cancel()  # not started yet
        else:
            self._eio.service_task_event.set()  # as AsyncServer.shutdown() does
        self._release_service()
        return [service]

    def reset(self) -> None:
        """Reset the server, so that it begins its tasks again in the next event loop."""
        if self.service is not None:
            self._release_service()
        if self._sio is not None and getattr(self._sio.manager, "thread", None) in self.background:
            # The listener of a pub/sub manager: initialize() starts it again at the next
            # connection.
            self._sio.manager_initialized = False
        for task in self.background:
            _release_task(task)
        self.pings.clear()

    def _release_service(self) -> None:
        self.service = None
        release_service(self._eio)


def release_service(eio: Any) -> None:
    """Reset an Engine.IO server, so that it begins its service task again at the next
    connection.
    """
    eio.service_task_handle = None
    eio.service_task_event = None
    eio.start_service_task = True


def _release_task(task: asyncio.Task[Any]) -> None:
    """Reset an object of python-socketio that has begun a task (the admin UI), so that it begins
    the task again.
    """
    frame = getattr(task.get_coro(), "cr_frame", None)
    owner: Any = None if frame is None else frame.f_locals.get("self")
    if type(owner).__module__.partition(".")[0] != "socketio":
        return
    for name, value in list(vars(owner).items()):
        if value is task:
            setattr(owner, name, None)
