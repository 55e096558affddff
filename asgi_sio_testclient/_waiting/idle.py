"""What can be idle, and who waits for it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Protocol

from asgi_sio_testclient._waiting.rest import RestCheck

__tracebackhide__ = True

# Turns of the loop that the server's writer takes from sending a packet back to waiting for the
# next (3 with Python 3.11's wait_for).
_TURNS = 10


class IdleState(enum.Enum):
    """How near something is to having nothing to do."""

    BUSY = "busy"  # something will happen, and will be told of
    MOVING = "moving"  # it is on its way back to waiting, and does not tell when it is there
    IDLE = "idle"


class SupportsIdle(Protocol):
    """Something that can be quiet."""

    def quiet(self) -> IdleState:
        """Whether it is now."""


class _Watcher:
    """Waits for a number of things to be quiet at the same moment, and for what the app runs beside
    them to be at rest then.

    Attributes:
        then: called once that is so.
        rest: tells whether the app is at rest; None where that is not asked.
        turns: of the loop, for which things may be on their way back to waiting.
    """

    def __init__(
        self,
        sources: Callable[[], Iterable[SupportsIdle]],
        then: Callable[[], object],
        rest: RestCheck | None,
    ) -> None:
        self._sources = sources
        self.then = then
        self.rest = rest
        self.turns = _TURNS
        self._busy: SupportsIdle | None = None

    def look(self) -> IdleState:
        # What was busy the last time is asked first: most looks end there, whatever the number of
        # clients.
        if self._busy is not None and self._busy.quiet() is IdleState.BUSY:
            return IdleState.BUSY
        self._busy = None
        answer = IdleState.IDLE
        for thing in self._sources():
            state = thing.quiet()
            if state is IdleState.BUSY:
                self._busy = thing
                return state
            if state is IdleState.MOVING:
                answer = state
        return answer
