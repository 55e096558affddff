"""What a server emitted and logged lately: for a wait that fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from asgi_sio_testclient._server.brokers import ManagerLogger
from asgi_sio_testclient._server.emits import EmitLog, Emitted
from asgi_sio_testclient._server.hooks import InstanceHooks
from asgi_sio_testclient._server.logged import Logged, quoting_logger

__all__ = ["ServerLog"]

__tracebackhide__ = True

_QUOTED = 8  # of the exceptions that the server logged


class ServerLog:
    """The latest emits and logged exceptions of one server.

    Args:
        eio: the Engine.IO server.
        sio: the Socket.IO server on top of it; None where there is none.
        hooks: of the server's instrumentation, which restores them.

    Attributes:
        emits: what the server emitted lately, latest first.
        logged: the exceptions that the Engine.IO server logged lately.
        broker_failure: when, by ``perf_counter()``, and with what words the server's client manager
            last said that its broker fails it; None where it did not.
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
        # A manager with a channel has a broker. It logs what fails, and goes on.
        if hasattr(self._manager, "channel"):
            manager: Any = self._manager
            hook = ManagerLogger(manager._get_logger(), self._broker_failed)
            self._hooks.put(manager, "logger", hook)

    def entered(self, sid: str, namespace: str, room: Any) -> float:
        """When a client last entered a room, by ``perf_counter()``; 0 where that is not known."""
        return 0.0 if self._emit_log is None else self._emit_log.entered(sid, namespace, room)

    def _broker_failed(self, failure: tuple[float, str]) -> None:
        self.broker_failure = failure
