"""`SyncTestClient.raw`: the Engine.IO session through the portal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgi_sio_testclient._connection.session import EngineSession
from asgi_sio_testclient._sync.portal import _Loop
from asgi_sio_testclient.asgi import Response

if TYPE_CHECKING:
    from asgi_sio_testclient.faults import Schedule

__tracebackhide__ = True


class SyncEngineSession:
    """`EngineSession` without ``await``, for ``client.raw`` of a `SyncTestClient`."""

    def __init__(self, loop: Any, session: EngineSession) -> None:
        self._loop: _Loop = loop
        self._session = session

    @property
    def sid(self) -> str:
        """The Engine.IO session id, "" before the handshake."""
        return self._session.sid

    @property
    def answer_pings(self) -> bool:
        """Whether PING packets are answered. Set this to False for a ping timeout of the server."""
        return self._session.answer_pings

    @answer_pings.setter
    def answer_pings(self, answer: bool) -> None:
        self._session.answer_pings = answer

    def send_packet(self, packet_type: int, data: str | bytes | None = None) -> None:
        """See `EngineSession.send_packet`."""
        self._loop.call(self._session.send_packet, packet_type, data)

    def send_text(self, text: str) -> None:
        """See `EngineSession.send_text`."""
        self._loop.call(self._session.send_text, text)

    def send_bytes(self, data: bytes) -> None:
        """See `EngineSession.send_bytes`."""
        self._loop.call(self._session.send_bytes, data)

    def post(self, body: str | bytes, *, sid: str | None = None, timeout: float = 5.0) -> Response:
        """See `EngineSession.post`."""
        return self._loop.run(lambda: self._session.post(body, sid=sid, timeout=timeout))

    def poll(self, *, sid: str | None = None, timeout: float = 5.0) -> Response:
        """See `EngineSession.poll`."""
        return self._loop.run(lambda: self._session.poll(sid=sid, timeout=timeout))

    def disturb(self, schedule: Schedule | None) -> None:
        """See `EngineSession.disturb`."""
        self._loop.call(self._session.disturb, schedule)

    def drop(self, code: int | None = None) -> None:
        """See `EngineSession.drop`."""
        self._loop.call(self._session.drop, code)

    def pause_reading(self) -> None:
        """See `EngineSession.pause_reading`."""
        self._loop.call(self._session.pause_reading)

    def resume_reading(self) -> None:
        """See `EngineSession.resume_reading`."""
        self._loop.call(self._session.resume_reading)
