"""What becomes of the CONNECT of one namespace."""

from __future__ import annotations

import asyncio
from typing import Any

from asgi_sio_testclient._waiting.deadlines import fail, finish

__all__ = ["PendingConnect"]

__tracebackhide__ = True


class PendingConnect:
    """The CONNECT of one namespace, until the call of `connect` that wants it returns.

    Attributes:
        packets: the encoded CONNECT, until the session is ready and it is sent.
        answer: a future that is done once the server has answered, or none can come.
        is_answered: the server has answered, or none can come.
        is_refused: the answer is a refusal, at once or, under ``always_connect``, in a DISCONNECT
            that follows.
        refusal: its data.
    """

    __slots__ = ("answer", "is_answered", "is_refused", "packets", "refusal")

    def __init__(self, answer: asyncio.Future[None]) -> None:
        self.answer = answer
        self.packets: Any = ()
        self.is_answered = False
        self.is_refused = False
        self.refusal: Any = None

    def accept(self) -> None:
        """End the wait: CONNECT has arrived."""
        finish(self.answer)

    def refuse(self, data: Any) -> None:
        """End the wait: CONNECT_ERROR has arrived, or DISCONNECT with data."""
        self.is_refused = True
        self.refusal = data
        finish(self.answer)

    def abort(self, exc: BaseException) -> bool:
        """Raise `exc` in the wait: the connection has ended. Returns whether there was a wait."""
        self.is_answered = True
        self.packets = ()
        return fail(self.answer, exc)
