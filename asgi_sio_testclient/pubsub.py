"""Several server nodes in one test, without a broker: client managers that share what they publish.

An app that runs on more than one node gives its server a client manager on Redis or the like. For a
test give each node's server an `AsyncInMemoryManager` on one `InMemoryBroker` instead: rooms,
`emit`, `call`, `disconnect`, `enter_room` then work across the nodes as in production, and a
write-only manager, as worker processes have it, emits to all of them::

    broker = InMemoryBroker()
    one = socketio.AsyncServer(async_mode="asgi", client_manager=AsyncInMemoryManager(broker))
    two = socketio.AsyncServer(async_mode="asgi", client_manager=AsyncInMemoryManager(broker))
    worker = InMemoryManager(broker)

Messages travel as JSON and arrive in a later turn of the event loop, in the order in which they
were published, as they do over Redis. Only what a network adds is left out: nothing gets lost.
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
    """Carries messages from each manager to all that listen on its channel.

    It may be used from several threads and event loops.
    """

    def __init__(self) -> None:
        self._subscriptions: list[_Subscription] = []
        self._lock = threading.Lock()

    @property
    def pending(self) -> int:
        """How many messages were published and not processed yet, counted once for each node."""
        with self._lock:
            return sum(subscription.pending for subscription in self._subscriptions)

    def quiet(self) -> IdleState:
        """Return the state of idleness: idle once all published messages were processed."""
        return IdleState.BUSY if self.pending else IdleState.IDLE

    def publish(self, channel: str, message: str) -> None:
        """Send `message` to all listeners on `channel`, the publisher included."""
        with self._lock:
            for subscription in list(self._subscriptions):
                if subscription.channel == channel and not subscription.put(message):
                    self._subscriptions.remove(subscription)

    def subscribe(self, channel: str) -> _Subscription:
        """Listen on `channel` in the running event loop, from now on."""
        subscription = _Subscription(channel)
        with self._lock:
            self._subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: _Subscription) -> None:
        """Remove a listener; its unprocessed messages are dropped."""
        with self._lock:
            if subscription in self._subscriptions:
                self._subscriptions.remove(subscription)


class _Subscription:
    """The messages that one node has still to process."""

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
        broker: shared by the nodes.
        channel: as in `socketio.AsyncRedisManager`; nodes with different channels don't meet.
        write_only: it only emits, and belongs to no server.
        logger: as in `socketio.AsyncRedisManager`.
        json: a json-like module, for what travels.
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
        """Called by the server with its first client: listen from now on, not from when the
        listening task first runs.
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
                # AsyncPubSubManager._thread() deals with it before it asks for the next one.
                yield message
                subscription.done()
        finally:
            self.medium.unsubscribe(subscription)


class InMemoryManager(PubSubManager):  # type: ignore[misc]
    """A write-only manager without ``await``: what a worker process has, or a thread.

    Args: as for `AsyncInMemoryManager`.
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
