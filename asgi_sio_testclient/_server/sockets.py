"""The Engine.IO connections of a server: `AsyncSockets` in tasks, `ThreadedSockets` in threads."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from engineio.packet import NOOP, Packet

__all__ = ["AsyncSockets", "ThreadedSockets"]

__tracebackhide__ = True

_TURNS = 10  # turns of the loop that a request takes from the app's call to the server's queue


class AsyncSockets:
    """The connections of an `engineio.AsyncServer`. See `protocol.ServerSockets`.

    Args:
        eio: the server.
        loop: the event loop of the server.
    """

    def __init__(self, eio: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._eio = eio
        self._loop = loop

    def has_connection(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        return eio_sid in self._eio.sockets

    def is_open(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        return _is_open(self._eio.sockets.get(eio_sid))

    def has_output(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        # AsyncSocket.poll() calls task_done() in the same step in which the writer begins to send.
        return socket is not None and socket.queue._unfinished_tasks > 0 and not socket.closed

    def sends(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        # Else the writer, or the pending GET, is in queue.get() again: its packets have been sent.
        return socket is not None and not socket.queue._getters and not socket.closed

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """See `protocol.ServerSockets`: nothing depends on it."""

    def release_poll(self, eio_sid: str) -> None:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        if socket is not None:
            socket.queue.put_nowait(None)

    def expire_poll(self, eio_sid: str) -> None:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        if socket is not None:
            self._expire_getter(socket, _TURNS)

    def _expire_getter(self, socket: Any, turns: int) -> None:
        # AsyncSocket.poll() handles a cancelled wait like a timeout.
        getters = list(socket.queue._getters)
        for getter in getters:
            getter.cancel()
        if not getters and turns:
            # The pending GET has not reached the queue yet.
            self._loop.call_soon(self._expire_getter, socket, turns - 1)
        elif not getters:
            socket.queue.put_nowait(None)

    async def time_out(self, eio_sid: str) -> None:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        if socket is not None and not socket.closed:
            await socket.close(wait=False, abort=True, reason=self._eio.reason.PING_TIMEOUT)
            socket.queue.put_nowait(None)

    def pass_time(self, seconds: float) -> None:
        """See `protocol.ServerSockets`."""
        _pass_time(self._eio, seconds)


class ThreadedSockets:
    """The connections of an `engineio.Server` in threading mode. See `protocol.ServerSockets`.

    Args:
        eio: the server.
        run: runs a function in a thread of the server, and returns a future for its end.
    """

    def __init__(
        self, eio: Any, run: Callable[[Callable[[], object]], asyncio.Future[None]]
    ) -> None:
        self._eio = eio
        self._run = run
        self._lock = threading.Lock()
        self._send = eio.send_packet
        self._used: dict[str, Any] = {}
        self._put: dict[str, int] = {}
        self._delivered: dict[str, int] = {}
        self._asked: dict[str, int] = {}

    def send_packet(self, eio_sid: str, packet: Any) -> None:
        """The hook on the server's ``send_packet``."""
        try:
            self._send(eio_sid, packet)
        finally:
            # Counted once the packet is in the queue, so that a later NOOP is behind the packet.
            with self._lock:
                self._put[eio_sid] = self._put.get(eio_sid, 0) + 1

    def message_arrived(self, eio_sid: str) -> None:
        """Hold the connection of a message: the server may remove the connection before
        `release`.
        """
        self._used[eio_sid] = self._eio.sockets.get(eio_sid)

    def has_connection(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        return eio_sid in self._eio.sockets

    def is_open(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`."""
        return _is_open(self._eio.sockets.get(eio_sid))

    def has_output(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`.

        ``Socket.poll()`` calls task_done before the response is sent, so the state of the queue is
        not enough. A NOOP is added to the queue: when the NOOP arrives, all packets before have
        arrived.
        """
        socket = self._eio.sockets.get(eio_sid)
        if socket is None or socket.closed:
            return False
        put = self._put.get(eio_sid, 0)
        if self._delivered.get(eio_sid, 0) == put:
            return False
        if eio_sid not in self._asked:
            self._asked[eio_sid] = put
            socket.queue.put(Packet(NOOP, str(put)))
        return True

    def sends(self, eio_sid: str) -> bool:
        """See `protocol.ServerSockets`: `has_output` covers it."""
        return False

    def noop_arrived(self, eio_sid: str, data: Any) -> None:
        """See `protocol.ServerSockets`."""
        # The server's own NOOPs have no data.
        if data == str(self._asked.get(eio_sid)):
            self._delivered[eio_sid] = self._asked.pop(eio_sid)

    def release_poll(self, eio_sid: str) -> None:
        """See `protocol.ServerSockets`."""
        socket = self._eio.sockets.get(eio_sid)
        if socket is not None:
            socket.queue.put(None)

    expire_poll = release_poll

    async def time_out(self, eio_sid: str) -> None:
        """See `protocol.ServerSockets`. The disconnect handler runs in a new thread."""
        socket = self._eio.sockets.get(eio_sid)
        if socket is None:
            return
        reason = self._eio.reason.PING_TIMEOUT
        # The server's last step is the answer to the pending GET.
        await asyncio.shield(self._run(lambda: socket.close(False, True, reason)))

    def pass_time(self, seconds: float) -> None:
        """See `protocol.ServerSockets`."""
        _pass_time(self._eio, seconds)

    def release(self, eio_sid: str, *, polled: bool) -> None:
        """Remove a closed connection from the server.

        Args:
            eio_sid: the Engine.IO session id.
            polled: whether a request of the connection is pending in the app.
        """
        socket = self._used.pop(eio_sid, None)
        if socket is not None:
            # Socket.close(wait=True) would wait until the closed client has received the queue.
            with contextlib.suppress(queue.Empty):
                while True:
                    socket.queue.get_nowait()
                    socket.queue.task_done()
            if polled:
                socket.queue.put(None)
        for counter in (self._put, self._delivered, self._asked):
            counter.pop(eio_sid, None)


def _is_open(socket: Any) -> bool:
    return socket is not None and not socket.closed and not socket.closing


def _pass_time(eio: Any, seconds: float) -> None:
    for socket in eio.sockets.values():
        # Socket.check_ping_timeout(): time.time() - last_ping
        if socket.last_ping:
            socket.last_ping -= seconds
