"""The states of an Engine.IO session, as one table.

A session begins with CONNECTING, until the handshake has ended. The session is OPEN after the
server's OPEN packet, or after an upgrade that has succeeded or was refused. The session is CLOSING
after a close by either side, and OVER once no call of the app runs for the session any more::

    CONNECTING -- open --------> OPEN
    CONNECTING -- upgrade -----> UPGRADING
    UPGRADING  -- open --------> OPEN
    CONNECTING, UPGRADING, OPEN -- close --> CLOSING
    CLOSING    -- finish ------> OVER

Any other step is an error of this library: a RuntimeError.
"""

from __future__ import annotations

import enum

__all__ = ["SessionState", "next_state"]

__tracebackhide__ = True


class SessionState(enum.Enum):
    """The state of a session."""

    CONNECTING = "connecting"
    UPGRADING = "upgrading"
    OPEN = "open"
    CLOSING = "closing"
    OVER = "over"

    __hash__ = object.__hash__  # an Enum's own is written in Python


# In the hot path, where the attribute of an Enum takes ten times as long on Python 3.11.
CONNECTING, UPGRADING, OPEN, CLOSING, OVER = SessionState


_TABLE: dict[tuple[SessionState, str], SessionState] = {
    (CONNECTING, "open"): OPEN,
    (CONNECTING, "upgrade"): UPGRADING,
    (UPGRADING, "open"): OPEN,
    (CONNECTING, "close"): CLOSING,
    (UPGRADING, "close"): CLOSING,
    (OPEN, "close"): CLOSING,
    (CLOSING, "finish"): OVER,
}


def next_state(state: SessionState, event: str) -> SessionState:
    """Return the state after `event`.

    Args:
        state: the state before.
        event: "upgrade", "open", "close" or "finish".

    Raises:
        RuntimeError: the table has no such step.
    """
    try:
        return _TABLE[state, event]
    except KeyError:
        raise RuntimeError(f"illegal step: {event!r} of a session that is {state.value}") from None
