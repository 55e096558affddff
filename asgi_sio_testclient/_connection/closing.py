"""Ends a session: closes it in an orderly way, aborts it, or fails it after an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from asgi_sio_testclient._connection.refusals import SessionClosed
from asgi_sio_testclient._connection.sending import SendingSession, message_frames
from asgi_sio_testclient._connection.states import OVER
from asgi_sio_testclient._protocol.engineio import CLOSE, IS_CLOSED, IS_OPEN, encode
from asgi_sio_testclient._protocol.names import TRANSPORT_CLOSE, TRANSPORT_ERROR, EncodedPacket
from asgi_sio_testclient._waiting.deadlines import finish

if TYPE_CHECKING:
    from asgi_sio_testclient._connection.transport import Transport
    from asgi_sio_testclient._server.protocol import ServerInstrumentation

__all__ = ["ClosingSession"]

__tracebackhide__ = True


class ClosingSession(SendingSession):
    """The layer of a session that ends it."""

    __slots__ = ()

    def close(self, last_packets: Sequence[EncodedPacket] = ()) -> None:
        """Close in an orderly way, with `last_packets` as the last messages."""
        if self.engine.state is IS_CLOSED:
            return
        self._remove_link()
        self._route()
        frames = message_frames(last_packets) if self._upgrade is None else []
        self.sent += len(frames)
        if self._polling is not None and self.engine.state is IS_OPEN:
            frames.append(encode(CLOSE))
        if frames:
            self.send_frames(frames)
        self._end(lambda transport: transport.close())

    def drop(self, code: int | None = None) -> None:
        """Close the connection without a CLOSE packet, like a lost network.

        Args:
            code: the close code that the app gets over a websocket; 1005 by default, as from real
                servers.
        """
        if self.engine.state is IS_CLOSED:
            return
        polling, opened = self._polling, self.engine.state is IS_OPEN
        times_out = polling is not None and self.instrumentation is not None and opened
        # The pending GET ends after the app's disconnect handler: `time_out` releases it.
        self._poll_released |= times_out
        aborts = opened or code is not None
        self._end(lambda transport: transport.abort(code) if aborts else transport.close())
        if times_out:
            self._time_out()
        closed = SessionClosed("the client dropped it")
        self._listener.session_ended(self, TRANSPORT_CLOSE, closed)

    def cancel_handshake(self) -> None:
        """Cancel the calls of the app if it did not answer the handshake in time."""
        if not self.sid:
            for transport in self._used:
                transport.cancel()

    async def wait_closed(self, timeout: float) -> None:
        """Wait until no call of the app runs for this session, for at most `timeout` seconds."""
        if self.state is not OVER:
            future: asyncio.Future[None] = self._running_app.loop.create_future()
            self._awaited = (*self._awaited, future)
            await self._services.deadlines.wait(future, timeout)

    def activity(self) -> None:
        """Called by a transport when a call of the app has ended, or has received all that was
        sent.
        """
        if self.engine.state is IS_CLOSED:
            self._release_poll()
            if self._at_work():
                pass
            elif self._ended_outside_server():
                self._time_out()
            else:
                self._finish()
        if self._services.idle.watchers:
            self._services.idle.notify()

    def _fail(self, exc: Exception) -> None:
        self._end(lambda transport: transport.abort())
        self._listener.session_ended(self, TRANSPORT_ERROR, exc)

    def _end(self, how: Callable[[Transport], None]) -> None:
        """Close the engine, and each transport by a call of `how`."""
        self._unsettle()
        if self._link is not None:
            self._link.abort()
            self._link = None
        self.engine.close()
        self._step("close")
        if self.transport is not None:
            how(self.transport)
        if self._upgrade is not None:
            how(self._upgrade.websocket)
            self._upgrade = None
        self.activity()

    def _ended_outside_server(self) -> bool:
        """Return whether all calls of the app have returned although the session is open in the
        server: code around the server has raised.
        """
        return (
            self._timing_out is None
            and self._running_app.running
            and self.instrumentation is not None
            and self.instrumentation.sockets.is_open(self.sid)
        )

    def _time_out(self) -> None:
        """Let the server's ping time out now."""
        self._timing_out = self._running_app.time_out(
            cast("ServerInstrumentation", self.instrumentation), self.sid
        )
        self._timing_out.add_done_callback(lambda _: self.activity())

    def _release_poll(self) -> None:
        """End the pending GET once the app has taken the last POST: the server holds it open."""
        polling = self._polling
        if polling is None or self._poll_released or not polling.idle or not polling.polls:
            return
        if self.instrumentation is None:
            polling.cancel_get()
        elif self.sid:
            self._poll_released = True
            self.instrumentation.sockets.release_poll(self.sid)

    def _finish(self) -> None:
        """Notify the client and the running app that the session has ended."""
        if self.state is OVER:
            return
        self._step("finish")
        self._running_app.session_over(self)
        self._listener.session_over(self)
        for future in self._awaited:
            finish(future)
