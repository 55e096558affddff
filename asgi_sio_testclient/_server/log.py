"""The latest emits and logged exceptions of a server, for the error of a wait that fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from asgi_sio_testclient._server.brokers import ManagerLogger
from asgi_sio_testclient._server.emits import EmitLog, Emitted
from asgi_sio_testclient._server.instance_hooks import InstanceHooks
from asgi_sio_testclient._server.logged_errors import Logged, quoting_logger

__all__ = ["ServerLog"]

__tracebackhide__ = True

_QUOTED = 8  # logged exceptions that are kept


class ServerLog:
    """The latest emits and logged exceptions of one server.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it, or None.
        hooks: the hooks of the server's instrumentation, which restores them.

    Attributes:
        emits: the latest emits of the server, latest first.
        logged: the latest exceptions that the Engine.IO server has logged.
        broker_failure: the time, by ``perf_counter()``, and the message of the last error of the
            broker that the client manager has logged; None without an error.
    """

    def __init__(self, eio: Any, sio: Any, hooks: InstanceHooks) -> None:
        self.emits: Iterable[Emitted] = ()
        self.logged: deque[Logged] = deque(maxlen=_QUOTED)
        self.broker_failure: tuple[float, str] | None = None
        self._eio = eio
        self._manager = getattr(sio, "manager", None)
        self._hooks = hooks
        self._emit_log: EmitLog | None = None

    def install(self) -> None:
        """Put the hooks in place."""
        if self._manager is not None:
            self.emits = self._emit_log = EmitLog(self._manager, self._hooks)
        logger = self._eio.logger
        self._hooks.put(self._eio, "logger", quoting_logger(logger, self.logged.append))
        # A manager with a channel has a broker. The manager logs errors of the broker, and goes on.
        if hasattr(self._manager, "channel"):
            manager: Any = self._manager
            hook = ManagerLogger(manager._get_logger(), self._broker_failed)
            self._hooks.put(manager, "logger", hook)

    def entered(self, sid: str, namespace: str, room: Any) -> float:
        """Return when a client last entered a room, by ``perf_counter()``; 0 if that is unknown."""
        return 0.0 if self._emit_log is None else self._emit_log.entered(sid, namespace, room)

    def _broker_failed(self, failure: tuple[float, str]) -> None:
        self.broker_failure = failure
