"""The broker of a client manager: reports its failures, and closes its connections."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from asgi_sio_testclient._server.instance_hooks import InstanceHooks

__all__ = ["BrokerConnections", "ManagerLogger"]

__tracebackhide__ = True


class ManagerLogger:
    """A client manager's logger that also reports each error, with its time, to a callback."""

    def __init__(self, logger: Any, report: Callable[[tuple[float, str]], None]) -> None:
        self._logger = logger
        self._report = report

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def error(self, message: str, *args: Any, **options: Any) -> None:
        # AsyncRedisManager._publish() and others pass the exception as redis_exception, ...
        extra = options.get("extra") or {}
        words = [message % args, *(str(extra[key]) for key in extra if key.endswith("_exception"))]
        self._report((perf_counter(), ": ".join(words)))
        self._logger.error(message, *args, **{"stacklevel": 2, **options})


class BrokerConnections:
    """The connections of an AsyncRedisManager, which opens new connections after an error, and
    never closes a connection.

    Args:
        manager: an AsyncRedisManager.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._opened: list[Any] = []
        self._hooks = InstanceHooks()

    def install(self) -> None:
        """Record the connections that are opened from now on."""
        self._connect = self._manager._redis_connect
        self._hooks.put(self._manager, "_redis_connect", self._redis_connect)

    def _redis_connect(self) -> None:
        self._connect()
        self._opened += [self._manager.pubsub, self._manager.redis]

    async def close(self) -> None:
        """Close the recorded connections, and stop recording."""
        self._hooks.restore()
        opened, self._opened = self._opened, []
        for connection in opened:
            await connection.aclose()
        if opened:
            self._manager.connected = False
