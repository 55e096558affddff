"""The CONNECT of one namespace, and its answer."""

from __future__ import annotations

import asyncio
from typing import Any

from asgi_sio_testclient._waiting.deadlines import fail, finish

__all__ = ["PendingConnect"]

__tracebackhide__ = True


class PendingConnect:
    """The CONNECT of one namespace, until the call of `connect` returns.

    Attributes:
        packets: the encoded CONNECT; empty once it is sent.
        answer: a future that is done once the server has answered, or no answer can arrive.
        is_answered: whether the server has answered, or no answer can arrive.
        is_refused: whether the answer is a refusal: CONNECT_ERROR, or, with
            ``always_connect=True``, a DISCONNECT with data that follows CONNECT.
        refusal: the data of the refusal.
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
        """Raise `exc` in the pending wait: the connection has ended. Return whether a wait was
        pending.
        """
        self.is_answered = True
        self.packets = ()
        return fail(self.answer, exc)
