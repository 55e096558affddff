"""Several server nodes in one test, without Redis: client managers on a broker in memory.

An app that runs on several nodes gives its server a client manager on Redis or another broker. In a
test, give the server of each node an `AsyncInMemoryManager` on one `InMemoryBroker`: rooms, `emit`,
`call`, `disconnect` and `enter_room` work across the nodes as in production. A write-only manager,
as in a worker process, emits to the clients of all nodes::

    broker = InMemoryBroker()
    one = socketio.AsyncServer(async_mode="asgi", client_manager=AsyncInMemoryManager(broker))
    two = socketio.AsyncServer(async_mode="asgi", client_manager=AsyncInMemoryManager(broker))
    worker = InMemoryManager(broker)

Messages are encoded as JSON and arrive in a later turn of the event loop, in the order in which
they were published, as over Redis. No message is ever lost.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

from socketio.async_pubsub_manager import AsyncPubSubManager
from socketio.pubsub_manager import PubSubManager

from asgi_sio_testclient._waiting.idle import IdleState
from asgi_sio_testclient._waiting.services import services_of

__all__ = ["AsyncInMemoryManager", "InMemoryBroker", "InMemoryManager"]

__tracebackhide__ = True


class InMemoryBroker:
    """Delivers the messages of each manager to all managers on the same channel.

    A broker may be used from several threads and event loops.
    """

    def __init__(self) -> None:
        self._subscriptions: list[_Subscription] = []
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """How many messages were published and not processed yet; a message for two nodes counts
        twice.
        """
        with self._lock:
            return sum(subscription.pending for subscription in self._subscriptions)

    def quiet(self) -> IdleState:
        """Return IDLE if all published messages were processed, else BUSY."""
        return IdleState.BUSY if self.pending else IdleState.IDLE

    def publish(self, channel: str, message: str) -> None:
        """Send `message` to all listeners on `channel`, the publisher included."""
        with self._lock:
            for subscription in list(self._subscriptions):
                if subscription.channel == channel and not subscription.put(message):
                    self._subscriptions.remove(subscription)

    def subscribe(self, channel: str) -> _Subscription:
        """Return a subscription to `channel` in the running event loop, from now on."""
        subscription = _Subscription(channel)
        with self._lock:
            self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: _Subscription) -> None:
        """Remove a subscription, with its unprocessed messages."""
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)


class _Subscription:
    """The messages that one node has not processed yet."""

    def __init__(self, channel: str) -> None:
        self.channel = channel
        self.pending: int = 0
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._messages: asyncio.Queue[str] = asyncio.Queue()

    def put(self, message: str) -> bool:
        """Add a message; return False if the event loop of the node is closed."""
        self.pending += 1
        if threading.get_ident() == self._thread and not self._loop.is_closed():
            self._messages.put_nowait(message)
            return True
        try:
            self._loop.call_soon_threadsafe(self._messages.put_nowait, message)
        except RuntimeError:
            return False
        return True

    async def get(self) -> str:
        return await self._messages.get()

    def done(self) -> None:
        """Note that the message returned last by `get` was processed."""
        self.pending -= 1
        services_of(self._loop).idle.notify()


class AsyncInMemoryManager(AsyncPubSubManager):  # type: ignore[misc]
    """A client manager for `socketio.AsyncServer`: all servers on one broker share their rooms.

    Args:
        broker: the broker that the nodes share.
        channel: as in `socketio.AsyncRedisManager`; nodes on different channels share nothing.
        write_only: whether the manager only emits, and belongs to no server.
        logger: as in `socketio.AsyncRedisManager`.
        json: a json-like module that encodes the messages.
    """

    name = "in-memory"

    def __init__(
        self,
        broker: InMemoryBroker,
        channel: str = "socketio",
        write_only: bool = False,
        logger: Any = None,
        json: Any = None,
    ) -> None:
        super().__init__(channel=channel, write_only=write_only, logger=logger, json=json)
        self.medium = broker
        self._subscription: _Subscription | None = None

    def initialize(self) -> None:
        """Subscribe. The server calls this before its first client connects; python-socketio's own
        task would subscribe later, when it first runs.
        """
        if not self.write_only:
            if self._subscription is not None:
                self.medium.unsubscribe(self._subscription)
            self._subscription = self.medium.subscribe(self.channel)
        super().initialize()

    async def _publish(self, data: dict[str, Any]) -> None:
        self.medium.publish(self.channel, self.json.dumps(data))

    async def _listen(self) -> AsyncIterator[str]:
        subscription = self._subscription
        assert subscription is not None
        try:
            while True:
                message = await subscription.get()
                # AsyncPubSubManager._thread() processes the message before it takes the next one.
                yield message
                subscription.done()
        finally:
            self.medium.unsubscribe(subscription)


class InMemoryManager(PubSubManager):  # type: ignore[misc]
    """A write-only manager without ``await``, for a worker process or a thread.

    Args: see `AsyncInMemoryManager`.
    """

    name = "in-memory"

    def __init__(
        self,
        broker: InMemoryBroker,
        channel: str = "socketio",
        logger: Any = None,
        json: Any = None,
    ) -> None:
        super().__init__(channel=channel, write_only=True, logger=logger, json=json)
        self.medium = broker

    def _publish(self, data: dict[str, Any]) -> None:
        self.medium.publish(self.channel, self.json.dumps(data))
