"""The states of an Engine.IO session, as one table.

A session connects: its handshake is under way. It opens with the server's OPEN packet, or upgrades
first and opens when the upgrade has succeeded or was refused. It closes by either side's doing, and
is over once no call of the app runs for it any more::

    CONNECTING -- open --------> OPEN
    CONNECTING -- upgrade -----> UPGRADING
    UPGRADING  -- open --------> OPEN
    CONNECTING, UPGRADING, OPEN -- close --> CLOSING
    CLOSING    -- finish ------> OVER

Whatever is not in the table is an error of this library, and says so.
"""

from __future__ import annotations

import enum

__all__ = ["SessionState", "next_state"]

__tracebackhide__ = True


class SessionState(enum.Enum):
    """Where a session stands."""

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
    """Return the state that `event` leads to.

    Args:
        state: where the session stands.
        event: "upgrade", "open", "close" or "finish".

    Raises:
        RuntimeError: the table has no such step.
    """
    try:
        return _TABLE[state, event]
    except KeyError:
        raise RuntimeError(f"illegal step: {event!r} of a session that is {state.value}") from None
