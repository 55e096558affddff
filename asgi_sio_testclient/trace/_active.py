"""The active recording. Every client and server reads it, so this module imports nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgi_sio_testclient.trace._recording import Recording

__all__ = ["active", "recordings"]

__tracebackhide__ = True

recordings: list[Recording] = []
"""The active recordings, the innermost last."""


def active() -> Recording | None:
    """Return the innermost active recording; None if no recording is active."""
    return recordings[-1] if recordings else None
