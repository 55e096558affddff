"""The client manager's broker: its failures, reported, and its connections, closed."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from asgi_sio_testclient._server.hooks import InstanceHooks

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
        # AsyncRedisManager._publish() and its like give the exception as redis_exception, ...
        extra = options.get("extra") or {}
        words = [message % args, *(str(extra[key]) for key in extra if key.endswith("_exception"))]
        self._report((perf_counter(), ": ".join(words)))
        self._logger.error(message, *args, **{"stacklevel": 2, **options})


class BrokerConnections:
    """The connections that an AsyncRedisManager opens: it opens new ones after an error, and never
    closes one.

    Args:
        manager: an AsyncRedisManager.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._opened: list[Any] = []
        self._hooks = InstanceHooks()

    def install(self) -> None:
        """Note the connections from now on."""
        self._connect = self._manager._redis_connect
        self._hooks.put(self._manager, "_redis_connect", self._redis_connect)

    def _redis_connect(self) -> None:
        self._connect()
        self._opened += [self._manager.pubsub, self._manager.redis]

    async def close(self) -> None:
        """Close the connections that were opened, and note none from now on."""
        self._hooks.restore()
        opened, self._opened = self._opened, []
        for connection in opened:
            await connection.aclose()
        if opened:
            self._manager.connected = False
